"""What is left after a crash: a kernel that is killed or restarted, an engine that goes away."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest
from conftest import Notebook
from faultproxy import Fault, FaultProxy
from test_background import Heard, threads

from container_magics.engine import private
from container_magics.engine.client import Engine
from container_magics.engine.ownership import SESSION

BASE = "container-magics/base:bookworm"
TICKS = "trap 'exit 9' TERM; while :; do echo tick; sleep 0.2; done"


def left(api: docker.APIClient, word: str) -> list[str]:
    """IDs of our containers whose command holds ``word``."""
    found = api.containers(all=True, filters={"label": [SESSION]})
    return [one["Id"] for one in found if word in one["Command"]]


def test_a_restarted_kernel_leaves_its_threads_and_containers_behind(
    new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    """With a container that writes, and a display that lives, while it is restarted."""
    notebook = new_notebook()
    heard = Heard(notebook)
    cell = heard.run(f"%%container {BASE} -d\n{TICKS} # 701")
    assert heard.until(lambda: "tick" in heard.text(cell))
    notebook.manager.restart_kernel()
    notebook.client.wait_for_ready(timeout=60)
    after = Heard(notebook)
    assert after.until(lambda: not left(engine.api, "# 701"))
    assert after.text(after.run(f"%%container {BASE}\necho next")) == "next\n"
    assert not after.text(cell), "nothing of the old kernel comes any more"
    assert threads(notebook) == []


def test_a_kernel_that_is_restarted_in_the_middle_of_a_cell_leaves_nothing(
    new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    """Such a kernel ends without its own clean-up."""
    notebook = new_notebook()
    heard = Heard(notebook)
    box = heard.run(f"%%container {BASE} -d\n{TICKS} # 702")
    cell = notebook.begin(f"%%container {BASE}\necho begun; sleep 600 # 702")
    assert heard.until(lambda: "begun" in heard.text(cell) and "tick" in heard.text(box))
    notebook.manager.restart_kernel(now=True)
    notebook.client.wait_for_ready(timeout=60)
    assert Heard(notebook).until(lambda: not left(engine.api, "# 702"))


def test_the_sweep_takes_what_a_killed_kernel_left_and_nothing_else(
    new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    living, killed = new_notebook(), new_notebook()
    assert not living.run(f"%%container {BASE} -d\nexec sleep 703").error
    for _ in range(2):
        assert not killed.run(f"%%container {BASE} -d\nexec sleep 704").error
    stranger = engine.api.create_container(BASE, ["sleep", "704"])["Id"]
    try:
        killed.pull_the_plug()
        assert "Removed 2" in living.run("%container sweep").text
        assert not left(engine.api, "sleep 704")
        assert left(engine.api, "sleep 703"), "nothing of a session that lives"
        assert engine.api.inspect_container(stranger)["Id"] == stranger, "nor of nobody's"
        living.close()
        assert not left(engine.api, "sleep 703"), "a notebook that is closed leaves nothing"
    finally:
        engine.api.remove_container(stranger, force=True)


def test_what_a_cut_network_left_is_swept_by_the_next_that_has_one(
    new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    fault = Fault("cut", path="/attach", marker=b"now", for_good=True)
    with closing(FaultProxy(engine.endpoint.url, fault)) as way:
        notebook = new_notebook(DOCKER_HOST=way.url)
        heard = Heard(notebook)
        box = heard.run(f"%%container {BASE} -d\n{TICKS} # 705")
        assert heard.until(lambda: "tick" in heard.text(box))
        cell = notebook.begin(f"%%container {BASE}\necho now; exec sleep 705")
        assert heard.until(lambda: heard.idle(cell))
        assert heard.of(cell, "error")[0]["ename"] == "EngineLost"
        assert len(left(engine.api, "705")) == 2, "out of reach"
        notebook.pull_the_plug()
    assert len(left(engine.api, "705")) == 2
    assert Heard(new_notebook()).until(lambda: not left(engine.api, "705"))


def test_what_a_cut_network_left_is_swept_by_the_very_kernel_that_made_it(
    new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    """And only that: what is meant to run on runs on."""
    fault = Fault("cut", path="/attach", marker=b"now", for_good=True)
    with closing(FaultProxy(engine.endpoint.url, fault)) as way:
        notebook = new_notebook(DOCKER_HOST=way.url)
        assert not notebook.run(f"%%container {BASE} -d\nexec sleep 706").error
        assert notebook.run(f"%%container {BASE}\necho now; exec sleep 707").error == "EngineLost"
        assert left(engine.api, "707"), "out of reach"
        way.fault = Fault()  # the network is mended
        assert "Removed 1 thing" in notebook.run("%container sweep").text
        assert not left(engine.api, "707")
        assert left(engine.api, "706")
        notebook.close()
    assert not left(engine.api, "706")


def test_a_notebook_that_is_closed_after_a_cut_leaves_nothing(
    new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    """The engine was lost and is there again; no cell has asked for it since."""
    fault = Fault("cut", path="/attach", marker=b"now", for_good=True)
    with closing(FaultProxy(engine.endpoint.url, fault)) as way:
        notebook = new_notebook(DOCKER_HOST=way.url)
        assert not notebook.run(f"%%container {BASE} -d\nexec sleep 708").error
        assert notebook.run(f"%%container {BASE}\necho now; exec sleep 708").error == "EngineLost"
        way.fault = Fault()
        notebook.close()
    assert not left(engine.api, "708")


@pytest.fixture
def frail(as_root: None, engine: Engine, base: str, tmp_path: Path) -> Iterator[Path]:
    """The state folder of an engine of the test's own, which has the base image, and runs."""
    state = tmp_path / "s"
    url = private.start(state).url
    api = docker.APIClient(url)
    api.load_image(b"".join(engine.api.get_image(base)))
    api.close()
    yield state
    private.stop(state)
    shutil.rmtree(state, ignore_errors=True)


def kill(state: Path) -> None:
    """End the engine as the out-of-memory killer would; its containers run on."""
    pid = private.status(state).pid
    assert pid
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("end", [private.stop, kill])
def test_a_notebook_outlives_its_engine(
    frail: Path, new_notebook: Callable[..., Any], end: Callable[[Path], object]
) -> None:
    """The engine ends under everything that may be under way, and is started again."""
    url = private.start(frail).url
    notebook = new_notebook(DOCKER_HOST=url, CONTAINER_MAGICS_SPARES="1")
    heard = Heard(notebook)
    assert heard.text(heard.run(f"%%container {BASE}\necho before")) == "before\n"
    box = heard.run(f"%%container {BASE} -d --name box\n{TICKS}")
    assert heard.until(lambda: "tick" in heard.text(box))
    cell = notebook.begin(f"%%container {BASE}\n{TICKS}")
    assert heard.until(lambda: "tick" in heard.text(cell))

    end(frail)
    assert heard.until(lambda: heard.idle(cell)), "a cell that ran has come to its end"
    error = heard.of(cell, "error")[0]
    # told to end, an engine sends TERM first, and may still tell what came of it; killed, it cannot
    assert error["ename"] in ({"EngineLost"} if end is kill else {"EngineLost", "ContainerFailed"})
    assert error["ename"] == "EngineLost" or "ended with exit status 9." in error["evalue"]
    down = notebook.begin(f"%%container {BASE}\necho nobody")
    assert heard.until(lambda: heard.idle(down))
    assert heard.of(down, "error")[0]["ename"] in ("NoEngine", "EngineLost")

    private.start(frail)
    assert heard.text(heard.run(f"%%container {BASE}\necho after")) == "after\n"
    assert heard.until(lambda: "has ended" in heard.shown(box)[0]), heard.shown(box)
    again = heard.run(f"%%container {BASE} -d --name box\necho anew; sleep 600")
    assert heard.until(lambda: "anew" in heard.text(again))
    assert heard.until(lambda: "is removed" in heard.shown(box)[0]), heard.shown(box)
    heard.run("%container rm box")
    assert heard.until(lambda: "is removed" in heard.shown(again)[0]), heard.shown(again)

    notebook.close()
    api = docker.APIClient(url)
    try:
        assert api.containers(all=True) == []
    finally:
        api.close()
