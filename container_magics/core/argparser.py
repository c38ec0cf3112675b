"""FlagParser: argparse without its printing and exiting; what is wrong becomes a UsageError."""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from container_magics.errors import UsageError

HELP_WIDTH = 88


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help of one width everywhere: argparse's own asks the terminal, which core may not."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=HELP_WIDTH)


class FlagParser(argparse.ArgumentParser):
    """A parser of the text after a magic. It never prints, never exits and never guesses.

    Abbreviated flags are refused, ``-h`` is free (docker gives it to the host name).
    A ``type=`` function may raise UsageError itself.

    ``after`` is for Tab (core/completion.py), where the metavars do not say what is named: what
    may follow a verb ("stop": "RUNNING ..."), a flag ("--in": "RUNNING") or the magic itself
    (""), or stand for a metavar ("NAME": "IMAGE"). Words are in order, ``|`` is between
    alternatives, a last ``...`` repeats; what is in lower case is typed as it is. And
    ``goes_with`` has the flags of each verb that go with no other, and ``lacking`` those of
    docker's own command that are not here, each with why, or what does it instead.
    """

    def __init__(self, prog: str, *, description: str = "", epilog: str = "") -> None:
        """``prog`` is the magic as typed ("%%image"); the texts stand around the flags' help."""
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=_Formatter,
            add_help=False,
            allow_abbrev=False,
        )
        self.after: dict[str, str] = {}
        self.goes_with: Mapping[str, Sequence[str]] = {}
        self.lacking: Mapping[str, str] = {}

    @property
    def options(self) -> dict[str, argparse.Action]:
        """Flag as typed ("-v", "--volume") -> its argument, in the order of the help."""
        return self._option_string_actions

    @property
    def positionals(self) -> list[argparse.Action]:
        """The arguments that are no flags, in order."""
        return [action for action in self._actions if not action.option_strings]

    def parse(self, line: str) -> argparse.Namespace:
        """Read the text after the magic; raises UsageError."""
        return self.parse_args(self.split(line))

    def split(self, line: str) -> list[str]:
        """Words as a POSIX shell would read them, nothing expanded; raises UsageError."""
        try:
            return shlex.split(line)
        except ValueError as error:
            raise UsageError(
                f"{self.prog}: a quotation mark is not closed.",
                hint="Close it, or put a backslash before it.",
                facts=(line,),
            ) from error

    def parse_args(  # type: ignore[override]  # argparse's overloads say the same in three ways
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> argparse.Namespace:
        """As argparse's, of words; ``args`` None means none, never ``sys.argv``."""
        known: argparse.Namespace
        known, unknown = self.parse_known_args([] if args is None else args, namespace)
        if unknown:
            self._refuse(unknown[0])
        return known

    def _refuse(self, word: str) -> NoReturn:
        if not word.startswith("-"):
            raise UsageError(f"{self.prog}: {word!r} is one word too many.", hint=self._see_help())
        flag = word.partition("=")[0]
        raise UsageError(f"{self.prog}: there is no flag {flag}.", hint=self._nearest(flag))

    def _nearest(self, flag: str) -> str:
        if flag in self.lacking:
            return self.lacking[flag]
        near = difflib.get_close_matches(flag, self._option_string_actions, n=1)
        return f"Did you mean {near[0]}?" if near else self._see_help()

    def _see_help(self) -> str:
        return f"`{self.prog}?` lists what can be written here."

    def help_text(self) -> str:
        """Every flag with its meaning, as plain text; the same on every machine."""
        return self.format_help()

    def error(self, message: str) -> NoReturn:
        """What argparse calls when the words do not fit; raises UsageError."""
        raise UsageError(f"{self.prog}: {message}.", hint=self._see_help())

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Never end the process; raises UsageError."""
        raise UsageError(f"{self.prog}: {message or status}.", hint=self._see_help())


class VerbParser(FlagParser):
    """Of a magic that takes a verb: names and flags in any order, each flag with its own verbs."""

    def parse_args(  # type: ignore[override]  # as in FlagParser
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> argparse.Namespace:
        """The words, read; UsageError for a flag that does not go with the verb."""
        known: argparse.Namespace
        # without "intermixed" argparse takes no name that comes after a flag
        known, unknown = self.parse_known_intermixed_args(args or [], namespace)
        if unknown:
            self._refuse(unknown[0])
        for flag, action in self.options.items():
            verbs = [verb for verb, flags in self.goes_with.items() if flag in flags]
            if verbs and known.verb not in verbs and getattr(known, action.dest) != action.default:
                raise UsageError(f"{flag} goes with {' and '.join(verbs)} alone.")
        return known
