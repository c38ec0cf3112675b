"""Where a kernel's container stands: as which user, over which transport, with which folder."""

from __future__ import annotations

import io
import os
import platform
import shutil
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from container_magics.core.kernelconfig import HERE, IMAGE, NOWHERE, PASSED, KernelConfig
from container_magics.core.spec import LOOPBACK, ContainerSpec, Mount, Port
from container_magics.engine import images
from container_magics.engine.client import Engine
from container_magics.engine.files import read_file
from container_magics.engine.imagekernels import looked_at
from container_magics.engine.reach import has_loopback
from container_magics.engine.statedir import KERNEL_SOCKETS, runtime_dir
from container_magics.errors import ImageNotFound, NotSupported, UsageError

INSIDE = "/container-magics-kernel.json"
"""Where the connection file is in the container: no mount and no tmpfs covers it there."""

PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
EVERYWHERE = "0.0.0.0"  # noqa: S104 - within the container alone: published on the loopback
LONGEST_FOLDER = 80
# A folder of these names would cover the image's own.
SYSTEM = frozenset(
    ("/", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/opt", "/proc", "/run",
     "/sbin", "/sys", "/tmp", "/usr", "/var")  # noqa: S108 - it is not written to
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KernelUser:
    """Who the kernel is. ``name`` is as the engine takes it, "" for the image's own; the numbers
    are those that the files outside get, and ``is_own`` says whether they are this user's."""

    name: str
    uid: int
    gid: int
    is_own: bool


def kernel_user(engine: Engine, config: KernelConfig, spec: ContainerSpec) -> KernelUser:
    """The user of -u, else this user's own numbers, else the image's user. ImageNotFound."""
    image_user = str((image_facts(engine, spec.image)["Config"] or {}).get("User") or "")
    if not spec.user and config.user != IMAGE:
        # a rootless engine's root is this user, and its other users are nobody's
        uid, gid = (0, 0) if engine.facts().rootless else (os.getuid(), os.getgid())
        return KernelUser(f"{uid}:{gid}", uid, gid, is_own=True)
    uid, gid = _numbers(engine, spec.image, spec.user or image_user or "0")
    mine = 0 if engine.facts().rootless else os.getuid()
    return KernelUser(spec.user, uid, gid, is_own=uid == mine)


def image_facts(engine: Engine, image: str) -> dict[str, Any]:
    """Everything the engine knows of a kernel's image; ImageNotFound when it is not here, with
    what to type where there are no magics."""
    try:
        return images.inspect(engine, image)
    except ImageNotFound as missing:
        missing.hint = f"Build it, or fetch it in a terminal: `docker pull {image}`."
        raise


def _numbers(engine: Engine, image: str, user: str) -> tuple[int, int]:
    name, _, group = user.partition(":")
    if name.isdigit():
        return int(name), int(group) if group.isdigit() else 0
    with looked_at(engine, image) as container:
        for line in read_file(engine, container, "/etc/passwd").decode("utf-8", "replace").split():
            words = line.split(":")
            if words[0] == name and len(words) > 3:
                return int(words[2]), int(words[3])
    raise UsageError(f"{image} has no user {name!r}.", hint="Give a number: -u UID:GID.")


def chosen_net(engine: Engine, config: KernelConfig, user: KernelUser) -> str:
    """ "ipc" or "publish". UsageError or NotSupported where what is asked for cannot work."""
    why_not = _why_no_ipc(engine, user)
    if config.net == "ipc" and why_not:
        raise UsageError(
            f"A kernel cannot be reached by ipc here: {why_not}.",
            hint='Say "net": "publish" in the kernelspec.',
        )
    if config.net != "publish" and not why_not:
        return "ipc"
    if not has_loopback(engine):
        raise NotSupported(
            engine.endpoint.url,
            "A kernel in a container",
            "Go there by ssh, DOCKER_HOST=ssh://HOST, or choose an engine of this machine.",
            why="the engine runs on another machine, whose loopback is not reached from here",
        )
    return "publish"


def _why_no_ipc(engine: Engine, user: KernelUser) -> str:
    """Why sockets in a folder would not do; "" when they do."""
    facts = engine.facts()
    if sys.platform != "linux" or not engine.endpoint.is_local:
        return "the engine is not on this machine"
    if facts.kernel != platform.release() or "Desktop" in facts.operating_system:
        return "the engine runs in a virtual machine"
    socket = Path(engine.endpoint.url.removeprefix("unix://"))
    if facts.rootless and socket.stat().st_uid != os.getuid():
        return "the engine is another user's"
    if not user.is_own and (os.geteuid() != 0 or facts.rootless):
        return f"the kernel's user {user.uid} is another than yours"
    return ""


def make_sockets_folder(user: KernelUser, again: Path | None = None) -> Path:
    """A folder that this user and the kernel's alone may enter; ``again`` is a path to use once
    more."""
    if again is None:
        near = runtime_dir()
        usable = os.access(near, os.W_OK) and len(os.fsencode(near)) < LONGEST_FOLDER
        again = Path(tempfile.mkdtemp(prefix=KERNEL_SOCKETS, dir=near if usable else "/tmp"))  # noqa: S108
    else:
        with suppress(FileExistsError):
            again.mkdir(mode=0o700)
    if not user.is_own:  # then this is root
        os.chown(again, user.uid, user.gid)
    return again


@contextmanager
def sockets_apart(connection: Mapping[str, Any], user: KernelUser) -> Iterator[dict[str, Any]]:
    """While the block runs, a connection by ipc has its sockets in a folder of their own, and links
    where the front end looks for them: its own folder has other kernels' secrets too. Yields the
    connection with that folder; any other as it is."""
    if connection["transport"] != "ipc":
        yield dict(connection)
        return
    folder = make_sockets_folder(user)
    links = [Path(f"{connection['ip']}-{connection[name]}") for name in PORTS]
    try:
        for link in links:
            link.unlink(missing_ok=True)
            link.symlink_to(folder / f"k-{link.name.rpartition('-')[2]}")
        yield {**connection, "ip": str(folder / "k")}
    finally:
        for link in links:
            link.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def with_net(spec: ContainerSpec, connection: Mapping[str, Any]) -> ContainerSpec:
    """The spec with what the connection's transport needs: a folder of sockets and no network,
    or its ports on the loopback address."""
    if connection["transport"] == "ipc":
        folder = str(Path(connection["ip"]).parent)
        network = spec.network or ("" if spec.ports else "none")
        return replace(spec, network=network, mounts=(*spec.mounts, Mount(folder, folder)))
    if spec.network == "none":
        raise UsageError(
            "A kernel without a network cannot be reached by ports.",
            hint="Leave --network out, or choose ipc.",
        )
    if spec.network == "host":
        return spec
    ports = tuple(
        Port(int(connection[name]), host_port=int(connection[name]), address=LOOPBACK)
        for name in PORTS
    )
    return replace(spec, ports=(*spec.ports, *ports))


def connection_inside(spec: ContainerSpec, connection: Mapping[str, Any]) -> dict[str, Any]:
    """What the connection file in the container says: the same, but for where it listens."""
    inside = dict(connection)
    if connection["transport"] != "ipc" and spec.network != "host":
        inside["ip"] = EVERYWHERE
    return inside


def with_folder(
    spec: ContainerSpec, config: KernelConfig, cwd: Path, data_folder: str = ""
) -> ContainerSpec:
    """The spec with the working folder at its own path, and the kernel in it.

    Nothing is mounted over the image's own folders, and nothing that is not there. Where the
    engine keeps its data in that folder (``data_folder``; a home folder has our own engine's),
    what is mounted in it stays out: it is every container's files, and with several of them each
    mount would multiply the others.
    """
    if config.mount == NOWHERE:
        return spec
    cwd = cwd.expanduser().absolute()
    folder = cwd if config.mount == HERE else Path(config.mount).expanduser().absolute()
    if not folder.is_dir() or str(folder) in SYSTEM or ":" in str(folder):
        return spec
    start = cwd if cwd.is_relative_to(folder) else folder
    alone = bool(data_folder) and Path(data_folder).is_relative_to(folder)
    return replace(
        spec,
        mounts=(*spec.mounts, Mount(str(folder), str(folder), alone=alone)),
        working_dir=spec.working_dir or str(start),
    )


def with_environment(
    spec: ContainerSpec,
    config: KernelConfig,
    kernelspec: Mapping[str, str],
    environ: Mapping[str, str],
    user: KernelUser,
) -> ContainerSpec:
    """The kernelspec's own variables, those of ``environ`` that the config names, and last those
    of -e. A user who may have no home in the image gets /tmp for one."""
    names = dict.fromkeys((*PASSED, *config.environment))
    homeless = user.name[:1].isdigit() and user.uid != 0
    found = {"HOME": "/tmp"} if homeless else {}  # noqa: S108
    found |= dict(kernelspec)
    found |= {name: environ[name] for name in names if name in environ}
    return replace(spec, environment=tuple((found | dict(spec.environment)).items()))


def archived(content: bytes, user: KernelUser) -> bytes:
    """The connection file as a tar archive: the kernel's own, and nobody else may read it."""
    entry = tarfile.TarInfo(INSIDE.lstrip("/"))
    entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
    entry.uid, entry.gid = user.uid, user.gid
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()
