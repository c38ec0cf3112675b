"""Podman as one more engine for tests: rootless, of a user who is there for the test alone.

The user lives in a mount and process namespace of the test's own. So this machine gets no user,
and with the namespace's first process everything ends: the service, its containers, its mounts.
What its quirks ask of us: crun refuses the hybrid cgroups of Debian 12's older kernels, so runc
runs the containers; storage and runtime are flags, because Podman's clean-up process sees no
configuration that only an environment variable names; /dev/net/tun is everybody's, as usual.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from otherengines import connected

from container_magics.engine.client import Engine

END_S = 30.0
# Arguments: the socket's folder, the data folder. The first process stays root's, for it is ended
# with the one that started it, and a change of user would end that.
SERVICE = """
mount --make-rprivate /
mount --make-rshared /
mount -t tmpfs none /mnt
cd /mnt
mkdir home run data temporary
mount --bind "$2" data
cp /etc/passwd /etc/group .
echo 'builder:x:4321:4321::/mnt/home:/bin/sh' >> passwd
echo 'builder:x:4321:' >> group
echo 'builder:400000:65536' > subid
for file in passwd group; do mount --bind $file /etc/$file; done
touch /etc/subuid /etc/subgid
for file in subuid subgid; do mount --bind subid /etc/$file; done
mknod -m 0666 tun c 10 200 && mount --bind tun /dev/net/tun
chown 4321:4321 home run data temporary "$1"
chmod 700 run
cd home
setpriv --reuid=4321 --regid=4321 --clear-groups env -i \
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/mnt/home USER=builder \
    XDG_RUNTIME_DIR=/mnt/run TMPDIR=/mnt/temporary \
    podman --root=/mnt/data --runroot=/mnt/run/root --tmpdir=/mnt/run/tmp \
    --storage-driver=overlay --cgroup-manager=cgroupfs --events-backend=file --runtime=runc \
    system service --time=0 "unix://$1/podman.sock" &
wait $!
"""


@contextmanager
def podman_engine(state: Path) -> Iterator[Engine]:
    """Podman's service, with an empty storage; it and all that it has is gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="cm-podman-", dir="/run"))  # sockets' paths are short
    data = state / f"data-{folder.name}"
    data.mkdir(parents=True)
    process = None
    try:
        process = started(folder, data)
        with connected(f"unix://{folder}/podman.sock", process, folder / "log") as engine:
            yield engine
    finally:
        if process:
            end(process)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)


def started(folder: Path, data: Path) -> subprocess.Popen[bytes]:
    """The namespace, with the service in it."""
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-euc", SERVICE, "sh", folder, data],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
        )  # fmt: skip


def end(process: subprocess.Popen[bytes]) -> None:
    """End the namespace's first process, and wait for it: it is the last one of them to go."""
    inside = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    _, left = psutil.wait_procs(inside, timeout=END_S)
    assert not left
