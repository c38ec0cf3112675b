"""The practice keys of one user: their own key, a host key for each box, known_hosts, ssh_config.

All of it lies in one folder of the state folder. The user's ~/.ssh is never read or written.
Keys are Ed25519 (RFC 8709), in OpenSSH's own file format.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import asyncssh

from container_magics.core.boxes import BOX_USER
from container_magics.errors import UsageError

KEY_TYPE = "ssh-ed25519"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a box's sshd listens, and how to log in. Paths are files of this machine; ``via`` is
    the box that one jumps over, None for none."""

    box: str
    host: str
    port: int
    user: str
    key: Path
    known_hosts: Path
    config: Path
    via: Address | None = None


class KeyFolder:
    """The folder of keys; made, readable by its owner alone, when first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)

    @property
    def user_key(self) -> Path:
        """The private key's file; the public one is beside it, with .pub."""
        path = made(self._folder / "id_ed25519", f"{BOX_USER}@container-magics")
        path.chmod(0o600)  # ssh takes no key that others may read
        public = path.with_name(path.name + ".pub")
        if not public.exists() or public.read_bytes() != public_key(path):
            written(public, public_key(path), 0o644)
        return path

    def host_key(self, box: str) -> Path:
        """The private host key of a box, kept so that known_hosts stays true over a reset."""
        return made(self._of(box) / "key", box)

    def _of(self, box: str) -> Path:
        """The folder of one box: its files cannot meet those of a box of a similar name."""
        folder = self._folder / "hostkeys" / box
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def fingerprint(self, box: str) -> str:
        """The host key's SHA-256 fingerprint, as ssh shows it."""
        return halves(self.host_key(box).read_bytes())[1]

    def address(self, box: str, host: str, port: int, via: Address | None = None) -> Address:
        """Write known_hosts and ssh_config for a box that listens at ``host:port``, as seen from
        ``via`` where that is given."""
        known_hosts = self._of(box) / "known_hosts"
        config, boxes = self._folder / "config", self._folder / "boxes"
        boxes.mkdir(exist_ok=True)
        public = public_key(self.host_key(box)).decode().split()[:2]
        address = Address(box, host, port, BOX_USER, self.user_key, known_hosts, config, via)
        written(known_hosts, f"{' '.join([box, *public])}\n".encode(), 0o600)
        written(boxes / box, ssh_config(address).encode(), 0o600)
        written(config, f"Include {quoted(boxes / '*')}\n".encode(), 0o600)
        return address

    def own_config(self, address: Address, path: Path | None = None) -> Path:
        """Write an ssh_config file for one box, and those that one jumps over; returns where. None:
        among the keys. UsageError when it cannot be written."""
        path = (path or self._folder / f"{address.box}.config").resolve()
        if path.is_relative_to((Path.home() / ".ssh").resolve()):
            raise UsageError(
                f"{path} is left alone, as all of ~/.ssh is.", hint="Choose another place."
            )
        entries = list[str]()
        each: Address | None = address
        while each is not None:
            entries.append(ssh_config(each))
            each = each.via
        try:
            written(path, "\n".join(entries).encode(), 0o600)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
        return path

    def forget(self, box: str) -> None:
        """Take a box out of ssh_config; its host key stays."""
        (self._folder / "boxes" / box).unlink(missing_ok=True)
        (self._folder / f"{box}.config").unlink(missing_ok=True)

    def known_hosts(self, box: str) -> bytes:
        """What known_hosts says of a box now; b"" for one that was never started."""
        path = self._of(box) / "known_hosts"
        return path.read_bytes() if path.exists() else b""

    def remove(self, box: str) -> None:
        """Take a box out for good: its host key goes too."""
        self.forget(box)
        shutil.rmtree(self._of(box))


def ssh_config(address: Address) -> str:
    """An entry of an ssh_config (man ssh_config); the host key goes by the box's name, for its
    port is another after each start."""
    return (
        f"Host {address.box}\n"
        f"    HostName {address.host}\n"
        f"    Port {address.port}\n"
        f"    User {address.user}\n"
        f"    HostKeyAlias {address.box}\n"
        f"    IdentityFile {quoted(address.key)}\n"
        f"    UserKnownHostsFile {quoted(address.known_hosts)}\n"
        "    IdentitiesOnly yes\n"
        "    StrictHostKeyChecking yes\n"
        + (f"    ProxyJump {address.via.box}\n" if address.via else "")
    )


def quoted(path: Path) -> str:
    """A path as ssh_config takes it, spaces and all."""
    return f'"{path}"'


def made(path: Path, comment: str) -> Path:
    """The private key at ``path``, made if there is none. Of two who make it at once the first
    wins, and the other takes that one's."""
    if not path.exists():
        key = asyncssh.generate_private_key(KEY_TYPE, comment=comment)
        scratch = beside(path, key.export_private_key(), 0o600)
        try:
            with suppress(FileExistsError):
                os.link(scratch, path)  # whole from the start, and never over another
        finally:
            scratch.unlink()
    return path


def public_key(private: Path) -> bytes:
    """The public half, as authorized_keys has it: from the private one, so that it fits."""
    return halves(private.read_bytes())[0]


@lru_cache(maxsize=64)
def halves(private: bytes) -> tuple[bytes, str]:
    """The public half of a private key, and its fingerprint. To read a key takes a millisecond,
    and a box that starts asks for its keys seven times."""
    key = asyncssh.import_private_key(private)
    return key.export_public_key(), key.get_fingerprint()


def written(path: Path, content: bytes, mode: int) -> None:
    """Write a file at once, in place of the one that is there, unless that is the same."""
    with suppress(OSError):
        if path.read_bytes() == content and stat.S_IMODE(path.stat().st_mode) == mode:
            return
    beside(path, content, mode).replace(path)


def beside(path: Path, content: bytes, mode: int) -> Path:
    """A new file in the same folder; never readable by others, not even for a moment, unless
    ``mode`` says so."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(name).chmod(mode)
    return Path(name)
