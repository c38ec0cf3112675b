"""The Dockerfiles in tests/dockerfiles: what is accepted, and what is refused at which line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "dockerfiles"
CHECK = re.compile(r"^FROM .* AS check\r?$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """One file. ``line`` is where it is refused, None where it is accepted."""

    name: str
    text: str
    line: int | None

    @property
    def target(self) -> str:
        """Its stage "check", where it has one: then nothing that it runs is run."""
        return "check" if CHECK.search(self.text) else ""


def accepted() -> list[Sample]:
    return [sample(path, None) for path in sorted((FOLDER / "accepted").glob("*.Dockerfile"))]


def rejected() -> list[Sample]:
    lines = {}
    for row in (FOLDER / "rejected" / "lines.txt").read_text().splitlines():
        name, line = row.split()
        lines[name] = int(line)
    paths = sorted((FOLDER / "rejected").glob("*.Dockerfile"))
    assert {path.stem for path in paths} == set(lines)
    return [sample(path, lines[path.stem]) for path in paths]


def sample(path: Path, line: int | None) -> Sample:
    """Read as bytes: the line ends are a part of what is tested."""
    return Sample(path.stem, path.read_bytes().decode(), line)
