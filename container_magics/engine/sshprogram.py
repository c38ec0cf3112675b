"""Debian's own ssh, asked what it says: for the lesson of a host key that is not the old one."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from container_magics.core.terminal import plain
from container_magics.engine.command import find
from container_magics.engine.keys import Address
from container_magics.errors import NotFound

PATIENCE_S = 15.0


def said_to_another_key(address: Address, known_hosts: bytes) -> tuple[str, ...]:
    """The lines that ssh writes when known_hosts says what it is given, and the box shows its own
    key. NotFound where there is no ssh; () when it says nothing, for then the keys are equal."""
    ssh = find("ssh")
    if ssh is None:
        raise NotFound(
            "There is no ssh on this machine to ask.", hint="Debian, Ubuntu: openssh-client."
        )
    with tempfile.TemporaryDirectory(prefix="container-magics-ssh-") as folder:
        old = Path(folder) / "known_hosts"
        old.write_bytes(known_hosts)
        words = [ssh, "-F", str(address.config), "-o", f"UserKnownHostsFile={old}"]
        words += ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={PATIENCE_S:.0f}"]
        done = subprocess.run(  # noqa: S603 - a list of words of our own, no shell
            [*words, address.box, "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        said = plain(done.stderr.decode("utf-8", "replace")).replace(str(old), "known_hosts")
    return tuple(line.rstrip() for line in said.splitlines() if line.strip())
