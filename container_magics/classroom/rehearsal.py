"""A place to rehearse a class: a swarm of several engines on this machine alone."""

from __future__ import annotations

import atexit
import os
import subprocess
from dataclasses import dataclass

from container_magics.engine import nsdoor, privateswarm
from container_magics.engine.client import connect
from container_magics.engine.privateswarm import give_image
from container_magics.practice import boxspec

PORT = 2222


@dataclass(frozen=True, slots=True)
class PracticeSwarm:
    """``manager`` and ``nodes`` are the addresses of its engines, ``publish`` and ``door`` what
    classroom() is to be told of the gateway. It ends with this process, or by ``end``."""

    manager: str
    nodes: tuple[str, ...]
    publish: str
    door: str
    _swarm: privateswarm.Started
    _way: subprocess.Popen[bytes]

    def end(self) -> None:
        """Remove it whole: engines, networks, files."""
        atexit.unregister(self.end)
        nsdoor.ended(self._way)
        self._swarm.end()


def practice_swarm(nodes: int = 3, image: str = "") -> PracticeSwarm:
    """Make a swarm, and give its manager the ``image`` of this user's engine; "" for the practice
    box's own, which `%sshbox` builds. Linux, as root, with dockerd; EngineError elsewhere.

    ImageNotFound when this user's engine has it not.
    """
    swarm = privateswarm.started(nodes)
    try:
        manager = connect({"DOCKER_HOST": swarm.engines[0]})
        source = connect(os.environ)
        try:
            give_image(source, [manager], image or boxspec.IMAGE)
        finally:
            source.close()
            manager.close()
        way = nsdoor.begun(swarm.pids[0], PORT)
        door = f"127.0.0.1:{nsdoor.port_of(way)}"
    except BaseException:
        swarm.end()
        raise
    publish = f"127.0.0.1:{PORT}"
    made = PracticeSwarm(swarm.engines[0], swarm.engines[1:], publish, door, swarm, way)
    atexit.register(made.end)
    return made
