"""Every error that container_magics raises: one sentence, what to do, then the facts.

    ContainerMagicsError
    +-- UsageError             what was typed cannot be read; nothing was sent to the engine
    |   +-- DockerfileError    ... and the line of the Dockerfile is known
    |   +-- ComposeFileError   a Compose file that Compose does not accept
    +-- EngineError            the engine, or the way to it
    |   +-- NoEngine           nothing answers at any place that was tried
    |   +-- EngineDenied       a socket is there, but this user may not use it
    |   +-- EngineLost         the connection broke in the middle of the work
    |   +-- NotFound           no such container, image, network or volume
    |   |   +-- ImageNotFound  ... and no registry could give it
    |   +-- Conflict           the engine's state forbids it
    |   |   +-- NameTaken      by a container that this notebook did not make
    |   |   +-- PortTaken      by another container or program
    |   +-- MountIsElsewhere   a folder of this machine that the engine does not see
    |   +-- RegistryRefused    a registry does not give or take an image
    |   |   +-- LoginNeeded    ... without a login, or with the one that it got
    |   |   +-- RateLimited    ... for now: it was asked too often
    |   +-- EngineRefused      any other refusal, in the engine's own words
    |   +-- NotSupported       this engine cannot do what was asked
    |   |   +-- KeptBack       ... for what stands before it lets that through to nobody
    +-- WorkFailed             the engine did its part; the work in it did not succeed
    |   +-- ContainerFailed    a program ended with a status other than 0
    |   |   +-- KernelDied     ... and it was a notebook's kernel
    |   +-- BuildFailed        an instruction of a Dockerfile failed
    |   +-- ComposeFailed      a project's services did not come up
    |   +-- TimedOut           a limit that the user set has passed
    |   +-- TooLarge           a file or folder is over the limit that the user set
    |   +-- CheckFailed        a rule about an image does not hold
    |   +-- SshFailed          a login to a practice box did not succeed
    |   +-- ClassFailed        what was asked for a class did not succeed for every student
    +-- PolicyDenied           the policy of this machine forbids it, or cannot be trusted
    +-- NotRecorded            a cell of which a replayed notebook has nothing to show
    +-- BadArchive             an image archive that is cut short, hostile or of an unknown form

Split by who can mend it: the one who typed, the one who runs the engine, the one who
wrote the program in the container. Nobody has to read a message to know the kind.
"""

from __future__ import annotations


class ContainerMagicsError(Exception):
    """The base of all. ``str(error)`` is the one sentence.

    ``hint`` says what to do ("" when nothing sensible can be said), ``facts`` are lines
    that help to see why, most telling first; both may be shown under the sentence.
    """

    def __init__(self, sentence: str, *, hint: str = "", facts: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.hint = hint
        self.facts = facts

    def told(self) -> list[str]:
        """The lines a reader is shown: sentence, hint, facts. Never a traceback."""
        lines = [f"{type(self).__name__}: {self}"]
        if self.hint:
            lines.append(self.hint)
        lines.extend(f"  {fact}" for fact in self.facts)
        return lines

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback (its documented hook)."""
        return self.told()


class UsageError(ContainerMagicsError):
    """What was typed cannot be read; nothing was sent to the engine."""


class DockerfileError(UsageError):
    """A Dockerfile cannot be read. ``line`` counts from 1 at the Dockerfile's first line."""

    def __init__(
        self, sentence: str, *, line: int, hint: str = "", facts: tuple[str, ...] = ()
    ) -> None:
        super().__init__(sentence, hint=hint, facts=facts)
        self.line = line


class ComposeFileError(UsageError):
    """Compose does not accept the file. ``line`` is from 1; None where Compose names no place."""

    def __init__(
        self, sentence: str, *, line: int | None, hint: str = "", facts: tuple[str, ...] = ()
    ) -> None:
        super().__init__(sentence, hint=hint, facts=facts)
        self.line = line


class EngineError(ContainerMagicsError):
    """The engine, or the way to it."""


class NoEngine(EngineError):
    """Nothing answers at any place that was tried; ``facts`` lists the places."""


class EngineDenied(EngineError):
    """A socket is there, but this user may not use it."""


class EngineLost(EngineError):
    """The connection broke in the middle of the work."""


class NotFound(EngineError):
    """No such container, image, network or volume."""


class ImageNotFound(NotFound):
    """No such image here, and no registry could give it."""


class Conflict(EngineError):
    """The engine's state forbids it."""


class NameTaken(Conflict):
    """A container, network or volume that this notebook did not make has the name."""


class PortTaken(Conflict):
    """Another container or program listens on the port."""


class MountIsElsewhere(EngineError):
    """The engine runs elsewhere and does not see a folder of this machine that -v names."""


class RegistryRefused(EngineError):
    """A registry does not give or take an image."""


class LoginNeeded(RegistryRefused):
    """It wants a login, or another one than it got."""


class RateLimited(RegistryRefused):
    """It was asked too often, and answers again later."""


class EngineRefused(EngineError):
    """Any other refusal, in the engine's own words. ``status`` is the HTTP status."""

    def __init__(
        self, sentence: str, *, status: int, hint: str = "", facts: tuple[str, ...] = ()
    ) -> None:
        super().__init__(sentence, hint=hint, facts=facts)
        self.status = status


class NotSupported(EngineError):
    """This engine cannot do it. ``engine`` is its name or address, ``feature`` what was asked for:
    one of ``core.capabilities.FEATURES``, or a flag."""

    def __init__(
        self,
        engine: str,
        feature: str,
        hint: str = "",
        *,
        why: str = "",
        facts: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"{feature}: {why or f'{engine} cannot do this'}.", hint=hint, facts=facts)
        self.engine = engine
        self.feature = feature


class KeptBack(NotSupported, EngineRefused):
    """A proxy or the like before the engine lets a feature through to nobody. It is a refusal,
    too, and has its ``status``."""

    def __init__(
        self,
        sentence: str,
        *,
        engine: str,
        feature: str,
        status: int,
        hint: str = "",
        facts: tuple[str, ...] = (),
    ) -> None:
        EngineRefused.__init__(self, sentence, status=status, hint=hint, facts=facts)
        self.engine = engine
        self.feature = feature


class WorkFailed(ContainerMagicsError):
    """The engine did its part; the work in it did not succeed."""


class ContainerFailed(WorkFailed):
    """A program ended with ``exit_status`` other than 0 (128 + n: ended by signal n)."""

    def __init__(
        self, sentence: str, *, exit_status: int, hint: str = "", facts: tuple[str, ...] = ()
    ) -> None:
        super().__init__(sentence, hint=hint, facts=facts)
        self.exit_status = exit_status


class KernelDied(ContainerFailed):
    """A kernel in a container has ended, and nobody had asked it to."""


class BuildFailed(WorkFailed):
    """An instruction failed. ``line`` is its line in the Dockerfile, from 1; None if unknown."""

    def __init__(
        self, sentence: str, *, line: int | None, hint: str = "", facts: tuple[str, ...] = ()
    ) -> None:
        super().__init__(sentence, hint=hint, facts=facts)
        self.line = line


class ComposeFailed(WorkFailed):
    """A project did not come up. ``exit_status`` is that of the program that ended; None when
    none did: its health check failed, or Compose itself did."""

    def __init__(
        self,
        sentence: str,
        *,
        exit_status: int | None = None,
        hint: str = "",
        facts: tuple[str, ...] = (),
    ) -> None:
        super().__init__(sentence, hint=hint, facts=facts)
        self.exit_status = exit_status


class TimedOut(WorkFailed):
    """A limit that the user set has passed."""


class TooLarge(WorkFailed):
    """A file or folder is over the limit that the user set for what is carried."""


class CheckFailed(WorkFailed):
    """A rule about an image does not hold."""


class SshFailed(WorkFailed):
    """A login to a practice box did not succeed, or broke."""


class ClassFailed(WorkFailed):
    """What was asked for a class did not succeed for every student; ``facts`` has those."""


class PolicyDenied(ContainerMagicsError):
    """The policy of this machine forbids it, or cannot be trusted. ``rule``: a key of ``file``."""

    def __init__(
        self, sentence: str, *, rule: str, file: str, hint: str = "", facts: tuple[str, ...] = ()
    ) -> None:
        super().__init__(sentence, hint=hint, facts=facts)
        self.rule = rule
        self.file = file


class NotRecorded(ContainerMagicsError):
    """The outputs of a notebook are replayed, and there are none of this cell as it is now."""


class BadArchive(ContainerMagicsError):
    """An image archive that is cut short, hostile or of an unknown form."""
