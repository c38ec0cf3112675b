"""BuildRecord: what is kept of a tag's last build, so that the next can say what has changed.

No value of a build argument is kept, only a salted hash of it; of a file its hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from container_magics.core.dockerfile import Dockerfile, Instruction

FORMAT = 1
KEPT_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class KeptLine:
    """An instruction as it was: the name of its stage ("" before the first), and its text."""

    stage: str
    keyword: str
    text: str


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of the context. ``content`` is its hash, or what a link or folder is; ``seen`` are
    its size, time of change in nanoseconds and inode, by which the hash may be used again."""

    mode: int
    content: str
    seen: tuple[int, int, int] = (0, 0, 0)

    def same(self, other: KeptFile) -> bool:
        """Whether a builder would find the same: COPY is keyed by content and mode, not time."""
        return (self.mode, self.content) == (other.mode, other.content)


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """One build. ``bases`` are image IDs, or digests, by the names in FROM, "" for unknown;
    ``arguments`` hashes by the names of the build arguments; ``files`` those that any COPY or ADD
    could take, by path, None where they are too many to be kept."""

    lines: tuple[KeptLine, ...]
    salt: str = ""
    bases: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, KeptFile] | None = field(default_factory=dict)


def kept_lines(dockerfile: Dockerfile) -> tuple[KeptLine, ...]:
    """The Dockerfile's instructions, one for one."""
    names = [stage.name for stage in dockerfile.stages]
    return tuple(
        KeptLine("" if one.stage is None else names[one.stage], one.keyword, kept(one))
        for one in dockerfile.instructions
    )


def kept(one: Instruction) -> str:
    """The instruction's text with its heredocs; of a long one the beginning and a hash."""
    text = "\n".join((one.text, *(heredoc.text for heredoc in one.heredocs)))
    if len(text) <= KEPT_CHARACTERS:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[:KEPT_CHARACTERS]}… {digest}"


def fingerprint(salt: str, value: str) -> str:
    """By which it is seen that a value changed, and not what it is."""
    return hashlib.sha256(f"{salt}\0{value}".encode("utf-8", "surrogatepass")).hexdigest()


def to_json(record: BuildRecord) -> dict[str, Any]:
    """The record as JSON values."""
    files = record.files
    return {
        "format": FORMAT,
        "salt": record.salt,
        "lines": [[one.stage, one.keyword, one.text] for one in record.lines],
        "bases": dict(record.bases),
        "arguments": dict(record.arguments),
        "files": None
        if files is None
        else {path: [one.mode, one.content, *one.seen] for path, one in files.items()},
    }


def from_json(data: Any) -> BuildRecord:
    """The record that ``to_json`` wrote. ValueError for anything else, another format too."""
    try:
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']!r:.20} is not {FORMAT}")
        files = data["files"]
        return BuildRecord(
            tuple(KeptLine(*map(text, line)) for line in data["lines"]),
            text(data["salt"]),
            texts(data["bases"]),
            texts(data["arguments"]),
            None if files is None else {text(path): kept_file(*of) for path, of in files.items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no record of a build: {error!r:.100}") from error


def kept_file(mode: Any, content: Any, *seen: Any) -> KeptFile:
    """One file out of its JSON values."""
    size_bytes, time_ns, inode = map(int, seen)
    return KeptFile(int(mode), text(content), (size_bytes, time_ns, inode))


def texts(data: Any) -> dict[str, str]:
    """Names and values, all text."""
    return {text(name): text(value) for name, value in data.items()}


def text(value: Any) -> str:
    """The value itself; TypeError when it is no text."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, not {value!r:.40}")
    return value
