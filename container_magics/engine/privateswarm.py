"""A practice swarm: several engines on this machine, joined as if each were a computer.

Each node is an engine in namespaces of its own; a further namespace holds the switch that they
are plugged into. Their addresses (198.18.0.0/15, set aside for benches by RFC 2544) are known
inside alone, so that two swarms on one machine do not meet. Linux, as root, with dockerd.

    python -m container_magics.engine.privateswarm [NODES]

makes one, says where it is as one line of JSON, and removes it whole when its standard input ends:
also when whoever started it was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from container_magics.engine.client import Engine, told
from container_magics.engine.command import find
from container_magics.engine.swarmnode import Namespace, Node, clear_groups, until
from container_magics.errors import EngineError

NETWORK = "198.18.0.{}"
PORT = 2377
PREFIX, LOCK = "cm-swarm-", "lock"


class PrivateSwarm:
    """Nodes and their switch; ``nodes[0]`` is the manager."""

    def __init__(self, folder: Path, sizes: Sequence[int | None]) -> None:
        """One node for each entry of ``sizes``: bytes of its disk, None for this machine's. What
        the kernel keeps of it has the folder's name, by which a later sweep finds it."""
        self.mark = folder.name
        self.nodes = [
            Node(folder / f"n{i}", f"node{i}", NETWORK.format(i), self.mark, size)
            for i, size in enumerate(sizes, start=1)
        ]
        self._switch = Namespace("exec sleep infinity", folder / "switch.log")

    @property
    def manager(self) -> Node:
        """The node to which commands go."""
        return self.nodes[0]

    def up(self) -> None:
        """Start every node, and join them."""
        self._switch.go()
        self._switch.inside("ip", "link", "add", "name", "br0", "type", "bridge")
        self._switch.inside("ip", "link", "set", "br0", "up")
        self._switch.inside("ip", "link", "set", "lo", "up")
        for node in self.nodes:
            node.start(self._plug)
        for node in self.nodes:
            until(node.answers, f"an answer of {node.name}")
        self._join()

    def _plug(self, node: Node) -> None:
        """A cable from the switch to a node; one whose other end went away is gone already."""
        port, pid = f"to-{node.name}", str(node.space.pid)
        with suppress(EngineError):
            self._switch.inside("ip", "link", "delete", port)
        self._switch.inside(
            "ip", "link", "add", "name", port, "type", "veth", "peer", "eth0", "netns", pid
        )
        self._switch.inside("ip", "link", "set", port, "master", "br0", "up")
        node.space.inside("ip", "address", "add", f"{node.address}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            node.space.inside("ip", "link", "set", link, "up")

    def _join(self) -> None:
        manager = self.manager.engine.api
        with told():
            where = f"{self.manager.address}:{PORT}"
            manager.init_swarm(advertise_addr=self.manager.address, listen_addr=where)
            token = manager.inspect_swarm()["JoinTokens"]["Worker"]
        for node in self.nodes[1:]:
            with told():
                node.engine.api.join_swarm([where], token, f"{node.address}:{PORT}", node.address)
        until(lambda: len(self.ready()) == len(self.nodes), "every node in the swarm")

    def ready(self) -> list[str]:
        """The names of the nodes that the manager has an answer of, sorted."""
        with told():
            nodes: list[dict[str, Any]] = self.manager.engine.api.nodes()
        return sorted(
            one["Description"]["Hostname"] for one in nodes if one["Status"]["State"] == "ready"
        )

    def cut(self, node: Node) -> None:
        """Pull a node's cable."""
        self._switch.inside("ip", "link", "set", f"to-{node.name}", "down")

    def mend(self, node: Node) -> None:
        """Put it back in."""
        self._switch.inside("ip", "link", "set", f"to-{node.name}", "up")

    def boot(self, node: Node) -> None:
        """Start a node again that was stopped or killed: with its data, as a computer."""
        node.start(self._plug)
        until(node.answers, f"an answer of {node.name}")

    def down(self) -> bool:
        """End every process of it, and remove what the kernel keeps; whether all of that went."""
        for node in self.nodes:
            node.kill()
        self._switch.kill()
        cleared = [node.clear() for node in self.nodes]  # every one, also after one that stays
        return all(cleared)


@contextmanager
def private_swarm(sizes: Sequence[int | None] = (None, None, None)) -> Iterator[PrivateSwarm]:
    """A swarm that is gone at the end of the block. EngineError where it cannot be made. First
    goes what is left of those whose owner was killed."""
    expect_able()
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    with locked(folder):
        swarm = None
        try:
            swarm = PrivateSwarm(folder, sizes)
            swarm.up()
            yield swarm
        finally:
            if swarm is None or swarm.down():  # else a later sweep, which goes by the folder
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock for as long as its owner lives. It has its name once it is held, so
    that nobody else ever takes one whose owner was about to."""
    new = folder / f"{LOCK}.new"
    with new.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        new.rename(folder / LOCK)
        yield


def sweep() -> None:
    """Remove the files and the kernel's groups of swarms whose owner has ended without a word; its
    processes have ended with it (swarmnode.py). Where some have not yet, a later sweep does it.
    A folder without a lock is left alone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/"):
        with suppress(OSError), (folder / LOCK).open("rb") as file:
            if folder.stat().st_uid != os.getuid():
                continue
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if clear_groups(f"{folder.name}-*"):
                shutil.rmtree(folder, ignore_errors=True)


def expect_able() -> None:
    """EngineError where this user cannot make one."""
    missing = [
        each for each in ("dockerd", "setpriv", "unshare", "nsenter", "ip") if find(each) is None
    ]
    if sys.platform != "linux" or os.geteuid() != 0 or missing:
        raise EngineError(
            "A practice swarm needs Linux, root, and dockerd.",
            hint="A swarm of real computers does as well: `docker swarm init` on the first.",
            facts=tuple(f"{each} is not installed" for each in missing),
        )


def give_image(source: Engine, targets: Sequence[Engine], image: str) -> None:
    """Copy an image from one engine to others, at the same time."""

    def copy(target: Engine) -> None:
        with told():
            target.api.load_image(source.api.get_image(image))

    with ThreadPoolExecutor(max(1, len(targets))) as pool:
        list(pool.map(copy, targets))


@dataclass(frozen=True, slots=True)
class Started:
    """A swarm in a process of its own: the addresses of its engines, the manager's first, and the
    process IDs in whose networks they are."""

    engines: tuple[str, ...]
    pids: tuple[int, ...]
    process: subprocess.Popen[bytes]

    def end(self) -> None:
        """Remove it, and wait until it is gone."""
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait()


def started(nodes: int = 3) -> Started:
    """Make a swarm that ends with this process, or by ``end``. EngineError."""
    expect_able()
    process = subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", __name__, str(nodes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # an interrupt of a cell is not for it
    )
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        process.wait()
        raise EngineError("The practice swarm did not start.", hint="Its words are above.")
    found = json.loads(line)
    return Started(tuple(found["engines"]), tuple(found["pids"]), process)


def main(words: Sequence[str]) -> None:
    """Make one, say where, and remove it at the end of stdin."""
    with private_swarm([None] * int(words[0] if words else 3)) as swarm:
        pids = [node.space.pid for node in swarm.nodes]
        said = {"engines": [one.url for one in swarm.nodes], "pids": pids}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main(sys.argv[1:])
