"""No port is left to publish: an engine whose network has three of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from otherengines import give_image

from container_magics.core.flags import parse_run
from container_magics.engine.client import Engine, connect
from container_magics.engine.ownership import owner
from container_magics.engine.statedir import STATE_VARIABLE
from container_magics.errors import EngineError
from container_magics.practice import boxspec, sshbox
from container_magics.session.build import build
from container_magics.session.detached import run_detached

PORTS = 3
START = f"""
ip link set lo up
echo 40000 {40000 + PORTS - 1} > /proc/sys/net/ipv4/ip_local_port_range
exec {sys.executable} -m container_magics.cli engine start
"""


@pytest.fixture
def narrow(as_root: None, engine: Engine, base: str) -> Iterator[Engine]:
    """An engine in a network namespace of its own, where three ports may be chosen from."""
    with tempfile.TemporaryDirectory(prefix="cm-narrow-", dir="/run") as folder:
        state = {**os.environ, STATE_VARIABLE: folder}
        words = [sys.executable, "-m", "container_magics.cli", "engine", "stop"]
        try:
            subprocess.run(["unshare", "--net", "sh", "-ec", START], env=state, check=True)
            with closing(connect({"DOCKER_HOST": f"unix://{folder}/run/docker.sock"})) as there:
                give_image(engine, there, base)
                yield there
        finally:
            subprocess.run(words, env=state, check=True)


@pytest.fixture
def box_image(engine: Engine, base: str) -> str:
    """The practice box's image, made where it is not here yet."""
    if not boxspec.image_is_here(engine):
        for _ in build(engine, boxspec.recipe()[0]):
            pass
    return boxspec.IMAGE


def test_the_last_port_is_given_and_the_next_container_says_why_not(
    narrow: Engine, engine: Engine, base: str, box_image: str
) -> None:
    def start(name: str) -> None:
        spec = replace(parse_run(f"{base} -d --name {name} -p 22").spec, command=("sleep", "600"))
        for _ in run_detached(narrow, spec, owner(), purpose="test"):
            pass

    for number in range(PORTS):
        start(f"cm-port-{number}")
    with pytest.raises(EngineError) as refused:
        start("cm-port-last")
    assert "end a container that publishes one" in refused.value.hint
    give_image(engine, narrow, box_image)
    with pytest.raises(EngineError) as refused:
        sshbox.start(narrow, owner(), "cm-port-box")
    assert "end a container that publishes one" in refused.value.hint
    boxspec.keys().remove("cm-port-box")
    containers = narrow.api.containers(all=True)
    assert sorted(c["Names"][0] for c in containers) == [f"/cm-port-{n}" for n in range(PORTS)]

    narrow.api.remove_container("cm-port-1", force=True)
    start("cm-port-last")
    assert narrow.api.inspect_container("cm-port-last")["State"]["Running"]
