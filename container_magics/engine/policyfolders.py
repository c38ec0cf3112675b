"""Which folder of this machine a policy means, whatever its users say of themselves."""

from __future__ import annotations

import os
import pwd
from pathlib import Path, PurePosixPath

MOST_LINKS = 40
"""After so many, Linux too gives up (path_resolution(7))."""
ROOT = 0


def whole_folder(written: str) -> str | None:
    """A folder as a policy has it, as a whole path; None for the home of a user without one.

    "~" is the home that the system has of this user, not $HOME, which the user sets. Links of
    root's are followed, so that it is the path that a mount's source comes out as; a user's own
    are not, or a link from ~/work to / would allow everything. ValueError for ~NAME of nobody.
    """
    first, _, rest = written.partition("/")
    if not first.startswith("~"):
        return followed(written)
    name = first[1:]
    try:
        found = pwd.getpwnam(name) if name else pwd.getpwuid(os.getuid())
    except KeyError:
        if name:
            raise ValueError(f"there is no user {name}") from None
        return None
    return followed(f"{os.path.realpath(found.pw_dir)}/{rest}")


def followed(path: str, links: int = MOST_LINKS) -> str:
    """The path without links of root's; what is no whole path stays as it is."""
    if not path.startswith("/"):
        return path
    found = Path("/")
    for part in PurePosixPath(path).parts[1:]:
        here = found.parent if part == ".." else found / part
        target = roots_link(here) if links else None
        found = here if target is None else Path(followed(str(found / target), links - 1))
    return str(found)


def roots_link(path: Path) -> str | None:
    """Where a link of root's leads; None for what is none, is another's, or is not there."""
    try:
        return str(path.readlink()) if path.lstat().st_uid == ROOT else None
    except OSError:
        return None
