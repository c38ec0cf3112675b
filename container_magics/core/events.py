"""The words of the story: what an engine reports while it works, as frozen values.

Times are seconds since the Unix epoch as the engine's clock has them; sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from container_magics.core.dockerfile import Instruction
from container_magics.errors import ContainerMagicsError

Stream = Literal["stdout", "stderr"]
ReasonKind = Literal[
    "new",  # the instruction was not there
    "instruction",  # its text was another: the old one
    "removed",  # an instruction above it is gone: its text
    "files",  # files of the context that it takes: what became of each
    "settings",  # an ENV, ARG, USER or SHELL above it: its text
    "argument",  # a build argument: its name
    "base",  # the base image is another
    "earlier",  # a step that it follows from differs
    "no_cache",  # it was asked for
    "ran",  # nothing differs, and a step that it follows from ran again
    "emptied",  # nothing differs at all
]


@dataclass(frozen=True, slots=True)
class PullProgress:
    """One layer of a pull or a push, with the engine's word for what is done with it.
    ``total_bytes`` is None where nobody says."""

    layer: str
    status: str
    current_bytes: int | None = None
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Pulled:
    """The image is here now. ``digest`` is the registry's name of it, "sha256:..."; "" where the
    engine knows none."""

    image: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Pushed:
    """The registry has the image now, and by that digest it can be pulled; "" as in Pulled."""

    image: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ArchiveProgress:
    """How far an archive of images is written or read. ``total_bytes`` of one that is written is
    a guess, None for none; ``layer`` is the one that the engine unpacks, "" on the way to it."""

    done_bytes: int
    total_bytes: int | None
    layer: str = ""


@dataclass(frozen=True, slots=True)
class Saved:
    """The archive is whole, and in its place."""

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image of an archive is on the engine; its name or ID in the engine's own sentence."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Created:
    """A container exists, and has not started. ``warnings`` are the engine's own sentences."""

    container_id: str
    name: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """Its first process runs. ``ports`` are (container port "80/tcp", "address:port") pairs."""

    container_id: str
    ports: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes as they came; a character may be cut at either end."""

    stream: Stream
    data: bytes


@dataclass(frozen=True, slots=True)
class Stopping:
    """The program is being stopped: "interrupt" by the stop button, "timeout" by a time limit."""

    why: Literal["interrupt", "timeout"]


@dataclass(frozen=True, slots=True)
class Exited:
    """The first process ended. ``exit_status`` is 0 to 255, 128 + n for signal n."""

    exit_status: int
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class Carried:
    """How far a long transfer is. ``path`` is where it goes, or with ``fetched`` where in the
    container it comes from; ``total_bytes`` None is unknown."""

    path: str
    done_bytes: int
    total_bytes: int | None
    fetched: bool = False


@dataclass(frozen=True, slots=True)
class Got:
    """A file's content, or that of a folder's files by their paths in it; the error when it
    could not be had. ``path`` is as it was asked for."""

    path: str
    content: bytes | dict[str, bytes] | ContainerMagicsError


@dataclass(frozen=True, slots=True)
class Removed:
    """The container and its writable layer are gone."""

    container_id: str


PullEvent = PullProgress | Pulled
PushEvent = PullProgress | Pushed
SaveEvent = ArchiveProgress | Saved
LoadEvent = ArchiveProgress | Loaded
RunEvent = (
    PullProgress | Pulled | Created | Carried | Started | Output | Stopping | Exited | Got | Removed
)


@dataclass(frozen=True, slots=True)
class BuildStarted:
    """Which builder took the work: "classic" only where the engine has no BuildKit."""

    builder: Literal["buildkit", "classic"]


@dataclass(frozen=True, slots=True)
class BuildStep:
    """A vertex of the build graph, sent anew whenever something of it changes.

    ``digest`` names it; ``inputs`` are the digests it waits for, in order. ``started_s`` and
    ``completed_s`` are None until then; ``error`` is "" unless it failed.
    """

    digest: str
    name: str
    inputs: tuple[str, ...] = ()
    cached: bool = False
    started_s: float | None = None
    completed_s: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class BuildOutput:
    """Bytes that a step printed."""

    digest: str
    stream: Stream
    data: bytes


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far a part of a step is, in bytes; ``total_bytes`` is None while unknown."""

    digest: str
    label: str
    current_bytes: int
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ContextSent:
    """How much of the context is with the engine. ``total_bytes`` counts all files that it may
    ask for; of those that it has from the last build it takes none again.

    ``left_out`` are paths of what has no place in an image: sockets, pipes, devices. ``changed``
    are those of files that were written to while they were read.
    """

    sent_bytes: int
    total_bytes: int
    left_out: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    over: bool = False


@dataclass(frozen=True, slots=True)
class BuildWarning:
    """A remark on the Dockerfile: the builder's own on a step, or a find of our checks.

    ``digest`` is "" for one of ours; ``line`` counts in the Dockerfile, None where none is
    named; ``rule`` is the build check's name, ``hint`` what to do, ``detail`` the builder's
    lines on it.
    """

    digest: str
    text: str
    url: str = ""
    line: int | None = None
    rule: str = ""
    hint: str = ""
    detail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildChecked:
    """What our checks of the Dockerfile found, in the order of its lines; comes first if at all."""

    warnings: tuple[BuildWarning, ...]


@dataclass(frozen=True, slots=True)
class BuildReason:
    """Why a step is not as it was in the last build of the tag. ``line`` is where the cause
    stands; ``details`` are the old text, what became of files, a name, as ReasonKind says."""

    digest: str
    kind: ReasonKind
    line: int
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuiltLayer:
    """A layer of an image and the instruction that made it; None where none is known.

    Of FROM it is the base image's layers, ``count`` of them, with their bytes together.
    """

    instruction: Instruction | None
    size_bytes: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class Built:
    """The image is there, under its ID ("sha256:..."). ``size_bytes`` is None while unknown;
    ``layers`` are oldest first, empty while unknown."""

    image_id: str
    size_bytes: int | None = None
    layers: tuple[BuiltLayer, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildRefused:
    """The build ended without an image; ``message`` in the engine's own words.

    ``exit_status`` is that of the program that failed, None when no program did.
    """

    message: str
    exit_status: int | None = None


BuildEvent = (
    BuildChecked
    | BuildStarted
    | ContextSent
    | BuildStep
    | BuildOutput
    | BuildProgress
    | BuildWarning
    | BuildReason
    | Built
    | BuildRefused
)
