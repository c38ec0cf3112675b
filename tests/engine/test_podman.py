"""An engine of our own for a user who is not root: Podman, started, used and stopped.

The user lives in a mount and process namespace of the test's own: the machine gets no user, and
when the test ends nothing runs on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from container_magics.engine.client import Engine
from container_magics.engine.imagefiles import save

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT_S = 240
# Arguments: Python, this project, its packages, the image's archive, what the user types.
# A Python that was moved finds its own library by LD_LIBRARY_PATH: without, it would take Debian's
# of the same name and another version, once any package has brought that.
A_USER = """
mount --make-rprivate /
mount -t tmpfs none /mnt
cd /mnt
mkdir python project packages home run
mount --bind "$1" python
mount --bind "$2" project
mount --bind "$3" packages
touch image.tar && mount --bind "$4" image.tar
cp /etc/passwd /etc/group .
echo 'reader:x:4321:4321::/mnt/home:/bin/sh' >> passwd
echo 'reader:x:4321:' >> group
echo 'reader:400000:65536' > subid
touch /etc/subuid /etc/subgid
for file in passwd group; do mount --bind $file /etc/$file; done
for file in subuid subgid; do mount --bind subid /etc/$file; done
mknod -m 0666 tun c 10 200 && mount --bind tun /dev/net/tun
chown 4321:4321 home run
chmod 700 run
cd home
exec setpriv --reuid=4321 --regid=4321 --clear-groups env -i PATH=/usr/local/bin:/usr/bin:/bin \
    HOME=/mnt/home USER=reader XDG_RUNTIME_DIR=/mnt/run PYTHONDONTWRITEBYTECODE=1 \
    LD_LIBRARY_PATH=/mnt/python/lib \
    PYTHONPATH=/mnt/project:/mnt/packages sh -euc "$5"
"""
TYPED = """
ours="/mnt/python/bin/python3 -m container_magics.cli engine"
$ours start
$ours status
/mnt/python/bin/python3 - <<'END'
from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import Loaded
from container_magics.core.spec import ContainerSpec, Port
from container_magics.engine.base import BASE
from container_magics.engine.client import connect
from container_magics.engine.imagefiles import load_file
from container_magics.engine.ownership import owner
from container_magics.session.build import build
from container_magics.session.run import run
from pathlib import Path

engine = connect()
facts = engine.facts()
print(facts.name, "rootless" if facts.rootless else "root", facts.found_by, sep=", ")
loaded = load_file(engine, Path("/mnt/image.tar"))
print(*(one.sentence for one in loaded if isinstance(one, Loaded)))
list(build(engine, BuildSpec(f"FROM {BASE}\\nRUN echo built > /word\\n", "cm-test-podman")))
for ports in ((), (Port(80),)):  # with a port the removal is waited for
    program = ("sh", "-c", "cat /word; exit 3")
    print(*run(engine, ContainerSpec("cm-test-podman", program, ports=ports), owner()), sep="\\n")
print("containers:", len(engine.api.containers(all=True)))
engine.api.create_container(BASE, ["sleep", "600"], name="left")
engine.api.start("left")
END
$ours stop
$ours status || true
ps -o comm= -u reader
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a user for the test")
def test_a_user_without_root_starts_uses_and_stops_podman(
    engine: Engine, base: str, tmp_path: Path
) -> None:
    archive = tmp_path / "image.tar"
    list(save(engine, [base], archive))
    archive.chmod(0o644)
    places = [sys.base_prefix, str(ROOT), sysconfig.get_path("purelib"), str(archive)]
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
         "sh", "-euc", A_USER, "sh", *places, TYPED],
        capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    said = done.stdout
    print(said, done.stderr)
    assert done.returncode == 0
    assert "Our own engine answers at unix:///mnt/run/container-magics-" in said
    assert "podman runs (pid " in said
    assert "Podman, rootless, our own engine" in said
    assert said.count("Output(stream='stdout', data=b'built\\n')") == 2
    assert said.count("Exited(exit_status=3") == 2
    assert said.count("Removed(") == 1
    assert "containers: 0" in said
    end = said.partition("Our own engine is stopped.")[2]
    assert "not running" in end
    assert set(end.split()[-2:]) == {"sh", "ps"}, "nothing of it runs on"
