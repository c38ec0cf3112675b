"""The keys of a handed-out folder, copied where ssh takes them: readable by their owner alone.

A folder that came by mail or on a stick has lost its modes, and ssh refuses such a key.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import asyncssh

from container_magics.core.sshconfig import Stop, Ticket
from container_magics.engine import process
from container_magics.engine.keys import Address, ssh_config, written
from container_magics.engine.userfile import reading
from container_magics.errors import UsageError

LARGEST_BYTES = 64 * 1024
USED = "used-"


class TicketKeys:
    """What this user has joined: a folder for each ticket, by its name here and what is in it. So
    two notebooks may each join another box under one name."""

    def __init__(self, root: Path) -> None:
        """``root`` is made when it is first needed."""
        self._root = root

    @contextmanager
    def keeping(self, ticket: Ticket, folder: Path, name: str) -> Iterator[Address]:
        """Copy the keys of a ticket whose files are in ``folder``, for as long as ``forget`` is not
        called; the way to the box under its name here. When the block fails, what was not there
        before is gone. UsageError when a key is missing, or is none."""
        files = {
            each: _read(folder / each)
            for stop in (ticket.via, ticket.box)
            if stop
            for each in (stop.key, stop.known_hosts)
        }
        target = self._root / f"{name}-{_digest(ticket, files)}"
        new, ours = not target.exists(), _mark(target).exists()
        try:
            yield self._kept(ticket, files, target, name)
        except BaseException:
            if not ours:
                _mark(target).unlink(missing_ok=True)
            if new:
                _remove_unused(target)
            raise

    def _kept(self, ticket: Ticket, files: Mapping[str, bytes], target: Path, name: str) -> Address:
        target.mkdir(parents=True, exist_ok=True)
        for part in (self._root, target):
            part.chmod(0o700)
        _mark(target).write_text(process.began(os.getpid()), encoding="utf-8")
        config = target / "config"
        via = None
        if ticket.via:
            via = self._address(ticket.via, files, target, f"{name}-gate", config, None)
        address = self._address(ticket.box, files, target, name, config, via)
        entries = [ssh_config(one) for one in (via, address) if one]
        written(config, "\n".join(entries).encode(), 0o600)
        return address

    @staticmethod
    def _address(
        stop: Stop,
        files: Mapping[str, bytes],
        target: Path,
        name: str,
        config: Path,
        via: Address | None,
    ) -> Address:
        key, known = target / f"{name}.key", target / f"{name}.known_hosts"
        private = files[stop.key]
        try:
            asyncssh.import_private_key(private)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise UsageError(f"{stop.key} is no private key: {error}.") from error
        line = _line_of(files[stop.known_hosts].decode("utf-8", "replace"), stop.alias)
        written(key, private, 0o600)
        written(known, f"{name} {line}\n".encode(), 0o600)
        return Address(name, stop.host, stop.port, stop.user, key, known, config, via)

    @staticmethod
    def forget(address: Address) -> None:
        """Remove what was kept for a box, unless another notebook has joined the same one."""
        _mark(address.config.parent).unlink(missing_ok=True)
        _remove_unused(address.config.parent)


def _mark(target: Path) -> Path:
    """The file that says of this process that it uses a folder; when it began is in it."""
    return target / f"{marks_of_here()}{os.getpid()}"


def marks_of_here() -> str:
    """How the marks of all processes of this machine begin: the folder may be several machines'."""
    return f"{USED}{hashlib.sha256(process.place().encode()).hexdigest()[:12]}-"


def _remove_unused(target: Path) -> None:
    """Remove a folder that no process uses which lives, as far as anybody can tell."""
    for mark in target.glob(f"{USED}*"):
        pid = mark.name.removeprefix(marks_of_here())
        if not pid.isdigit() or not process.is_gone(int(pid), mark.read_text(encoding="utf-8")):
            return
    shutil.rmtree(target, ignore_errors=True)


def fingerprint(address: Address) -> str:
    """The host key's SHA-256 fingerprint of a box, from its known_hosts."""
    words = address.known_hosts.read_text(encoding="utf-8").split()[1:3]
    return asyncssh.import_public_key(" ".join(words)).get_fingerprint()


def _digest(ticket: Ticket, files: Mapping[str, bytes]) -> str:
    """Another for another way, key or host key."""
    return hashlib.sha256(repr((ticket, sorted(files.items()))).encode()).hexdigest()[:16]


def _read(path: Path) -> bytes:
    """A file of the folder; UsageError for a link, which may lead to a key of the reader's own."""
    if path.is_symlink():
        raise UsageError(f"{path} is a link, and no file of its own.")
    with reading(path) as file:
        return file.read(LARGEST_BYTES)


def _line_of(known_hosts: str, alias: str) -> str:
    """The host key of a name: its type and its Base64 text."""
    for line in known_hosts.splitlines():
        words = line.split()
        if len(words) >= 3 and words[0] == alias:
            try:
                asyncssh.import_public_key(" ".join(words[1:3]))
            except asyncssh.KeyImportError:
                continue
            return " ".join(words[1:3])
    raise UsageError(f"The known_hosts file has no host key of {alias!r}.")
