"""%sshbox and %%ssh, beside `docker run` and Debian's ssh."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from container_magics.engine.client import Engine
from container_magics.practice import boxspec
from tests.bench import dockercommand
from tests.bench.kernel import OURS, Kernel, kernel
from tests.bench.turns import Row, in_turns, quotient, say

CROWD = 20
CROWD_REPEATS = 3
"""Twenty boxes in a row take long."""
NAME = "cm-bench-box"
THEIRS = "cm-bench-their-box"


def rows(engine: Engine, repeats: int) -> list[Row]:
    """All in one kernel of ours: its imports are those of the first box, which is not counted."""
    say("")
    with kernel(OURS, engine.endpoint.url, CONTAINER_MAGICS_STABLE="1") as cells:
        cells.run(f"%sshbox {NAME}")
        with baked(engine, cells) as (image, address):
            samples = in_turns(
                {
                    "docker": lambda: docker_and_ssh(engine, image, address),
                    "fresh": lambda: fresh(cells),
                    "anew": lambda: anew(cells),
                    "reset": lambda: cells.run(f"%sshbox reset {NAME}"),
                    "ssh": lambda: typed(address, NAME),
                    "cell": lambda: kept(cells),
                },
                repeats,
            )
        cells.run(f"%sshbox rm {NAME}")
        crowd = crowds(engine, cells)
    return [
        quotient("`%sshbox`, from the cell to the first login", samples["fresh"],
                 "`docker run`, and `ssh` until it is let in", samples["docker"], 1.15),
        quotient("`%sshbox reset`, to the first login", samples["reset"],
                 "`%sshbox rm`, and `%sshbox`", samples["anew"], 1.0),
        quotient("… the same", samples["reset"],
                 "`%sshbox` where there is no box", samples["fresh"]),
        quotient(f"`%sshbox` of {CROWD} boxes at once", crowd["once"],
                 f"{CROWD} of `%sshbox` in a row", crowd["row"], 0.5),
        quotient("… what the engine makes of as many: `docker run -d` at once",
                 crowd["docker once"], f"{CROWD} of them in a row", crowd["docker row"]),
        quotient("`%%ssh BOX`, cell `true`, the login kept", samples["cell"],
                 "`ssh BOX true`", samples["ssh"], 0.2),
    ]  # fmt: skip


def crowds(engine: Engine, cells: Kernel) -> dict[str, list[float]]:
    """Twenty boxes, and twenty of docker's own."""
    ways = {
        "row": lambda: one_by_one(cells),
        "once": lambda: at_once(cells),
        "docker row": lambda: bare(engine, threads=1),
        "docker once": lambda: bare(engine, threads=CROWD),
    }
    return in_turns(ways, CROWD_REPEATS)


def fresh(cells: Kernel) -> float:
    """Start a box where there is none."""
    cells.run(f"%sshbox rm {NAME}")
    return cells.run(f"%sshbox {NAME}")


def anew(cells: Kernel) -> float:
    """A fresh start in place of a box that is there, without reset."""
    return cells.run(f"%sshbox rm {NAME}") + cells.run(f"%sshbox {NAME}")


def kept(cells: Kernel) -> float:
    """A cell over a login that an earlier cell has made."""
    cells.run(f"%%ssh {NAME}\ntrue")
    return cells.run(f"%%ssh {NAME}\ntrue")


def names() -> list[str]:
    return [f"{NAME}-{n}" for n in range(CROWD)]


def one_by_one(cells: Kernel) -> float:
    """Twenty cells; the removal is not counted."""
    taken = sum(cells.run(f"%sshbox {name}") for name in names())
    cells.run(f"%sshbox rm {' '.join(names())}")
    return taken


def at_once(cells: Kernel) -> float:
    """One cell; the removal is not counted."""
    taken = cells.run(f"%sshbox {' '.join(names())}")
    cells.run(f"%sshbox rm {' '.join(names())}")
    return taken


def bare(engine: Engine, threads: int) -> float:
    """Twenty of docker's own, without any login, on so many threads; the removal is not counted.
    It says how much faster at once this machine's engine and processors are at all."""
    words = ("run", "-d", "--label", dockercommand.LABEL, "-p", "127.0.0.1::22", boxspec.IMAGE,
             "sleep", "600")  # fmt: skip
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: dockercommand.timed(engine, *words), range(CROWD)))
    taken = time.perf_counter() - start
    mine = {"label": dockercommand.LABEL, "ancestor": boxspec.IMAGE}
    for container in engine.api.containers(all=True, filters=mine):
        engine.api.remove_container(container["Id"], force=True)
    return taken


@contextmanager
def baked(engine: Engine, cells: Kernel) -> Iterator[tuple[str, dict[str, str]]]:
    """An image of the box's own with the keys in it, for docker's command puts no file into a
    container that it runs; and where the keys are."""
    said = cells.text_of(
        "import json; a = box.address\n"
        "print(json.dumps({n: str(getattr(a, n)) for n in ('key', 'config', 'known_hosts')}))"
    )
    address: dict[str, str] = json.loads(said)
    image, folder = f"{NAME}-image", tempfile.TemporaryDirectory(prefix="cm-bench-")
    public = Path(address["key"] + ".pub").read_text()
    host = Path(address["known_hosts"]).parent / "key"
    with folder as place:
        (Path(place) / "host").write_bytes(host.read_bytes())
        (Path(place) / "keys").write_text(public)
        (Path(place) / "Dockerfile").write_text(
            f"FROM {boxspec.IMAGE}\nLABEL {dockercommand.LABEL}\n"
            "COPY keys /etc/ssh/authorized_keys/student\n"
            "COPY host /etc/ssh/ssh_host_ed25519_key\n"
            "RUN chmod 600 /etc/ssh/ssh_host_ed25519_key\n"
        )
        dockercommand.timed(engine, "build", "-q", "-t", image, place)
    yield image, address


def docker_and_ssh(engine: Engine, image: str, address: dict[str, str]) -> float:
    """Run a box by docker's command, and try to log in as fast as ssh ends."""
    start = time.perf_counter()
    words = ("run", "-d", "--rm", "--name", THEIRS, "--label", dockercommand.LABEL,
             "-p", "127.0.0.1::22", image)  # fmt: skip
    dockercommand.timed(engine, *words)
    port = engine.api.port(THEIRS, 22)[0]["HostPort"]
    login = [
        "ssh", "-F", "none", "-p", port, "-i", address["key"], "-o", "IdentitiesOnly=yes",
        "-o", f"UserKnownHostsFile={address['known_hosts']}", "-o", f"HostKeyAlias={NAME}",
        "-o", "BatchMode=yes", "student@127.0.0.1", "true",
    ]  # fmt: skip
    while subprocess.run(login, stdin=subprocess.DEVNULL, capture_output=True).returncode:
        pass
    taken = time.perf_counter() - start
    engine.api.remove_container(THEIRS, force=True)
    return taken


def typed(address: dict[str, str], name: str) -> float:
    """A line of ssh in a terminal."""
    start = time.perf_counter()
    login = ["ssh", "-F", address["config"], name, "true"]
    subprocess.run(login, stdin=subprocess.DEVNULL, check=True, capture_output=True)
    return time.perf_counter() - start
