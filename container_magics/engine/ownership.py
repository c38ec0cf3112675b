"""Whose a container is: labels that name session, notebook, user and purpose, and the sweep.

Only what carries our label is ever removed, and only what this notebook, or a session that
is dead, has made. A session is a process (a kernel): dead when no process with its number
and its beginning runs. That can be seen only on the machine, and in the process namespace,
where it ran; what sessions of other machines made is left to them, and so is what carries a
session that cannot be read.
"""

from __future__ import annotations

import os
import pwd
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from container_magics.engine.client import Engine, told
from container_magics.engine.process import began, is_gone, place
from container_magics.errors import NotFound

PREFIX = "container-magics."
SESSION = PREFIX + "session"
NOTEBOOK = PREFIX + "notebook"
USER = PREFIX + "user"
PURPOSE = PREFIX + "purpose"
MADE = PREFIX + "made"
SNAPSHOT = PREFIX + "snapshot"
"""On an image of ``%sshbox snapshot``: the session that made it, as for DEBUG."""
DEBUG = PREFIX + "debug"
"""On an image of ``%image debug``: the session that made it. Not SESSION, which a container that a
stranger makes of the image would inherit."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who makes things: ``session`` is "PLACE PID BEGAN", ``notebook`` a path or ""."""

    session: str
    notebook: str
    user: str

    def labels(self, purpose: str) -> dict[str, str]:
        """What is written on one thing that is made. ``purpose``: "cell", "sshbox", ...

        MADE is new at each call, so that what was inherited can be told (``is_inherited``).
        """
        return {
            SESSION: self.session,
            NOTEBOOK: self.notebook,
            USER: self.user,
            PURPOSE: purpose,
            MADE: uuid.uuid4().hex,
        }

    def image_labels(self) -> dict[str, str]:
        """What is written on an image. Nobody's name and no path, for an image may be pushed. No
        session: containers inherit an image's labels, a stranger's too, and by the session they
        would be removed."""
        return {PURPOSE: "image"}

    def made(self, labels: Mapping[str, str] | None) -> bool:
        """Whether this session, or an earlier one of the same notebook, made the thing."""
        found = labels or {}
        if found.get(SESSION) == self.session:
            return True
        same_notebook = bool(self.notebook) and found.get(NOTEBOOK) == self.notebook
        return same_notebook and found.get(USER) == self.user and is_dead(found.get(SESSION, ""))

    def may_take(self, labels: Mapping[str, str] | None) -> bool:
        """Whether this session may replace the thing: what ``made`` says, and what the sweep
        would take, left by any session of this user that is dead."""
        found = labels or {}
        return self.made(found) or (
            found.get(USER) == self.user and is_dead(found.get(SESSION, ""))
        )


@cache
def owner() -> Owner:
    """This process as an owner."""
    session = f"{place()} {os.getpid()} {began(os.getpid())}"
    return Owner(session, os.environ.get("JPY_SESSION_NAME", ""), user_name())


def user_name() -> str:
    """The user's name as the system has it, or the number where there is no name. LOGNAME and USER
    say what the user likes, and a policy counts by it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def is_dead(session: str) -> bool:
    """Whether a session is known to have ended; False where that cannot be seen from here."""
    where, _, rest = session.partition(" ")
    number, _, beginning = rest.partition(" ")
    return where == place() and number.isdecimal() and is_gone(int(number), beginning)


def may_replace(
    engine: Engine, owner: Owner, labels: Mapping[str, str] | None, image_id: str
) -> bool:
    """Whether a container with these labels may be taken (``Owner.may_take``), and does not have
    them from its image. What a living session of another notebook has is never taken."""
    return owner.may_take(labels) and not is_inherited(engine, labels, image_id)


def is_inherited(engine: Engine, labels: Mapping[str, str] | None, image_id: str) -> bool:
    """Whether a container has our labels from its image, and was made by somebody else.

    ``docker commit`` writes a container's labels into the image, and a container gets its
    image's. Each container of ours has a MADE of its own, so one that its image has too was
    inherited. True as well when nobody can tell: the label is missing, or the image is gone.
    """
    made = (labels or {}).get(MADE)
    try:
        with told():
            config = engine.api.inspect_image(image_id)["Config"] or {}
    except NotFound:
        return True
    return not made or (config.get("Labels") or {}).get(MADE) == made
