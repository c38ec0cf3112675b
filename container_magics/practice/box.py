"""A practice box that runs: where it is, and how one logs in to it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from container_magics.core.boxes import USUAL, BoxSettings
from container_magics.engine.keys import Address
from container_magics.errors import SshFailed, UsageError


@dataclass(frozen=True, slots=True)
class Box:
    """A box that runs. ``container`` is its name on the engine, ``fingerprint`` its host key's, as
    ssh shows it; ``address`` has where it listens, and over which box it is reached."""

    name: str
    container: str
    address: Address
    fingerprint: str
    settings: BoxSettings = USUAL

    @property
    def config(self) -> str:
        """The ssh_config file to give to ``ssh -F``."""
        return str(self.address.config)

    @property
    def line(self) -> str:
        """What to type in a terminal of one's own."""
        return shlex.join(("ssh", "-F", self.config, self.name))


def expect_way(box: Box, via: str) -> None:
    """UsageError unless a box is reached over ``via``, "" for straight."""
    jump = box.address.via.box if box.address.via else ""
    if via == jump:
        return
    how = f"%%ssh --via {jump} {box.name}" if jump else f"%%ssh {box.name}"
    where = f"only {jump} reaches {box.name}" if jump else f"{box.name} is reached straight"
    raise UsageError(f"This is not the way: {where}.", hint=f"Write {how}")


def none_of(name: str) -> SshFailed:
    """The error for a box that is not there."""
    return SshFailed(f"There is no practice box {name!r}.", hint=f"Start it first: %sshbox {name}")
