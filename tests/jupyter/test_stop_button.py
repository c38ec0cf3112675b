"""The stop button, a kernel's end, and what is left after each: nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress

import docker
from conftest import Notebook, wait_until

from container_magics.engine.client import Engine
from container_magics.engine.ownership import PURPOSE

BASE = "container-magics/base:bookworm"
LONG_S = 60.0


def ours(engine: Engine, word: str) -> list[str]:
    """IDs of containers whose command holds ``word``."""
    found = engine.api.containers(all=True, filters={"label": [PURPOSE]})
    return [one["Id"] for one in found if word in one["Command"]]


def runs(engine: Engine, command: str) -> bool:
    """Whether a process with just this command runs in a container of ours."""
    found = engine.api.containers(filters={"label": [PURPOSE]})
    rows: list[list[str]] = []
    for one in found:
        with suppress(docker.errors.APIError):  # it has just ended
            rows += engine.api.top(one["Id"])["Processes"]
    return any(row[-1] == command for row in rows)


def test_the_first_press_stops_the_cell_s_container(notebook: Notebook, engine: Engine) -> None:
    message = notebook.begin(f"%%container {BASE}\necho begun; sleep 301")
    assert wait_until(lambda: runs(engine, "sleep 301"))
    pressed = time.monotonic()
    notebook.stop_button()
    seen = notebook.wait(message)
    assert time.monotonic() - pressed < 30, "the program would have taken five minutes"
    assert seen.error == "CellStopped"
    assert "stopped" in seen.sentence
    assert "Traceback" not in seen.told
    assert wait_until(lambda: not ours(engine, "sleep 301"))
    assert notebook.run(f"%%container {BASE}\necho next").stdout == "next\n"


def test_a_program_may_say_goodbye(notebook: Notebook, engine: Engine) -> None:
    message = notebook.begin(
        f"%%container {BASE} --as bash\ntrap 'echo goodbye; exit' TERM\n"
        "echo begun\nwhile :; do sleep 0.21; done"
    )
    assert wait_until(lambda: runs(engine, "sleep 0.21"))
    notebook.stop_button()
    assert notebook.wait(message).stdout == "begun\ngoodbye\n"


def test_the_second_press_kills_at_once(notebook: Notebook, engine: Engine) -> None:
    notebook.run("from container_magics.session import stopper; before = stopper.GRACE_S")
    notebook.run(f"stopper.GRACE_S = {LONG_S}")
    message = notebook.begin(
        f"%%container {BASE} --as bash\ntrap 'echo no' TERM\n"
        "while :; do sleep 0.22; done # unwilling"
    )
    assert wait_until(lambda: runs(engine, "sleep 0.22"))
    pressed = time.monotonic()
    notebook.stop_button()
    time.sleep(0.05)
    notebook.stop_button()
    assert notebook.wait(message).error == "CellStopped"
    assert time.monotonic() - pressed < LONG_S, "one press alone would have taken that long"
    notebook.run("stopper.GRACE_S = before")
    assert wait_until(lambda: not ours(engine, "bash -c"))


def test_a_program_inside_a_running_container_is_stopped_with_its_children(
    notebook: Notebook, engine: Engine
) -> None:
    name = "cm-test-stop-inside"
    notebook.run(f"%%container {BASE} -d --name {name}\nsleep 600")
    try:
        message = notebook.begin(f"%%container --in {name}\nsleep 302 & sleep 303")
        time.sleep(1)
        notebook.stop_button()
        assert notebook.wait(message).error == "CellStopped"
        left = notebook.run(f"%%container --in {name}\nps ax | grep -c '[s]leep 30'")
        assert left.stdout == "0\n"
    finally:
        notebook.run(f"%container rm {name}")


def test_a_stop_at_any_moment_leaves_nothing(notebook: Notebook, engine: Engine) -> None:
    moments = random.Random(20261123)
    for _ in range(12):
        message = notebook.begin(f"%%container {BASE}\nsleep 0.4; sleep 304")
        time.sleep(moments.uniform(0, 0.7))
        notebook.stop_button()
        seen = notebook.wait(message)
        assert seen.error == "CellStopped"
    assert wait_until(lambda: not ours(engine, "sleep 304"))


def test_a_kernel_s_end_removes_what_it_left_running(
    new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    notebook = new_notebook()
    notebook.run(f"%%container {BASE} -d\nsleep 305")
    assert ours(engine, "sleep 305")
    notebook.close()
    assert wait_until(lambda: not ours(engine, "sleep 305"))


def test_what_a_killed_kernel_left_is_swept_by_the_next(
    new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    killed = new_notebook()
    killed.run(f"%%container {BASE} -d --name cm-test-orphan\nsleep 306")
    killed.begin(f"%%container {BASE}\nsleep 306")
    assert wait_until(lambda: len(ours(engine, "sleep 306")) == 2)
    living = new_notebook()
    living.run(f"%%container {BASE} -d\nsleep 307")
    killed.pull_the_plug()
    new_notebook().run("1")
    assert wait_until(lambda: not ours(engine, "sleep 306"))
    assert ours(engine, "sleep 307"), "the sweep takes nothing from a session that lives"
