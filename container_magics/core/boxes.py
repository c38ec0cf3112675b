"""A practice box as it was asked for: its kind, what it is made of, where it stands."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

SSH_PORT, STRICT_PORT = 22, 2222
DAY_S = 24 * 3600
BOX_USER = "student"
"""Whose account a box has; the home folder is /home/student."""


@dataclass(frozen=True, slots=True)
class BoxSettings:
    """``image`` "" is the course's own. ``strict``: no capability, a root file system that cannot
    be written, sshd as the student. ``idle_s``: it stops when nobody was logged in for so long,
    0 for never. ``lab`` is the name of the box over which one reaches it, and of that box itself,
    which is then the ``gate``; "" for a box of no lab.
    """

    image: str = ""
    strict: bool = False
    idle_s: int = 4 * 3600
    lab: str = ""
    gate: bool = False

    @property
    def port(self) -> int:
        """Where its sshd listens."""
        return STRICT_PORT if self.strict else SSH_PORT

    @property
    def network(self) -> str:
        """The lab's network; "" for a box of no lab."""
        return f"{self.lab}-lab" if self.lab else ""

    @property
    def published(self) -> bool:
        """Whether this machine reaches it."""
        return self.gate or not self.lab

    @property
    def kind(self) -> str:
        """What readers are told."""
        if self.lab:
            return f"jump host of {self.lab}" if self.gate else f"inside {self.lab}"
        return "strict" if self.strict else "usual"

    def packed(self) -> str:
        """As text, for a label."""
        return json.dumps(asdict(self))


def unpacked(text: str) -> BoxSettings:
    """What ``packed`` packed; a usual box for anything else."""
    try:
        return BoxSettings(**json.loads(text))
    except (ValueError, TypeError):
        return BoxSettings()


USUAL = BoxSettings()
"""A box of which nothing was said."""
