"""Spares in a notebook: the next cell finds its container up, and nothing else is different."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Container

import docker
import pytest
from conftest import Notebook

from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import PURPOSE, SESSION

BASE = "container-magics/base:bookworm"
LIMIT_S = 60.0


@pytest.fixture
def open_notebook(new_notebook: Callable[..., Notebook]) -> Callable[..., Notebook]:
    """A function that opens a notebook with spares."""
    return lambda **more: new_notebook(CONTAINER_MAGICS_SPARES="1", **more)


def process_id(notebook: Notebook) -> str:
    return str(notebook.manager.provisioner.pid)  # type: ignore[union-attr]


def made_by(engine: Engine, pid: str, purpose: str = "") -> list[str]:
    """Short IDs of a kernel's containers; of a ``purpose`` only those that run."""
    label, running_only = (f"{PURPOSE}={purpose}", True) if purpose else (PURPOSE, False)
    found = verbs.containers(engine, label, everything=not running_only)
    # a session's label is "PLACE PID BEGAN"
    return [one["Id"][:12] for one in found if one["Labels"].get(SESSION, "").split()[1:2] == [pid]]


def wait_until(true: Callable[[], bool]) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + LIMIT_S
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def spare_of(engine: Engine, notebook: Notebook, *, but: Container[str] = ()) -> str:
    """The short ID of the notebook's spare, waited for until it runs and nothing else does;
    ``but`` those that were there before."""

    def running() -> list[str]:
        return made_by(engine, process_id(notebook), "spare")

    assert wait_until(lambda: len(found := running()) == 1 and found[0] not in but)
    return running()[0]


def test_the_next_cell_runs_in_the_spare(
    open_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    notebook = open_notebook()
    first = notebook.run(f"%%container {BASE}\nhostname; echo 1 > /x")
    spare = spare_of(engine, notebook)
    second = notebook.run(f"%%container {BASE}\nhostname; ls /x; echo $$; ps -o args= 1")
    assert second.stdout.splitlines()[0] == spare != first.stdout.strip()
    assert "No such file" in second.stderr
    assert second.stdout.splitlines()[1] == "1"
    assert second.stdout.splitlines()[2].startswith("sh -c hostname; ls /x")
    assert second.displays == first.displays == []


def test_results_and_errors_are_as_ever(
    open_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    notebook = open_notebook()
    cells = [
        f"%%container {BASE}\nexit 3",
        f"%%container {BASE} --rc status --out text\necho out; exit 4",
        f"%%container {BASE} --stdin text\ncat",
        f"%%container {BASE} --timeout 1s\nsleep 100",
        f"%%container {BASE}\nno-such-program",
        f"%%container {BASE} --as bash\n[[ a == a ]] && echo $0",
        f"%%container {BASE} --as bash\necho $BASHPID $SHLVL ${{OLDPWD-none}}",
        f"%%container {BASE} --as perl\nprint 'x' x 10; exit 5",
        f"%%container {BASE} --as perl\nprint <STDIN>; exit 0",
    ]
    notebook.run("text = 'fed'")
    without = [told(notebook, cell) for cell in ("%config Workbench.spares = False", *cells)]
    notebook.run("%config Workbench.spares = True")
    notebook.run("%config Workbench.spares_most = 1")
    with_spares = []
    for cell in cells:
        before = made_by(engine, process_id(notebook))
        notebook.run(cell)
        spare = spare_of(engine, notebook, but=before)
        with_spares.append(told(notebook, cell))
        assert wait_until(lambda gone=spare: gone not in made_by(engine, process_id(notebook)))  # type: ignore[misc]
    assert with_spares == without[1:]


def told(notebook: Notebook, cell: str) -> list[object]:
    """What a reader sees of a cell."""
    seen = notebook.run(cell)
    return [seen.stdout, seen.stderr, seen.text, seen.error, seen.sentence]


def test_the_list_shows_a_spare_only_when_asked_for_all(
    open_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    notebook = open_notebook()
    notebook.run(f"%%container {BASE}\ntrue")
    spare_of(engine, notebook)
    shown = "for one in get_ipython().run_line_magic('containers', {!r}): print(one)"
    assert "cm-spare-" not in notebook.run(shown.format("")).stdout
    listed = notebook.run(shown.format("-a")).stdout.splitlines()
    assert any("cm-spare-" in line and "waits for a cell" in line for line in listed)


def test_one_setting_switches_spares_off(
    open_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    notebook = open_notebook()
    notebook.run(f"%%container {BASE}\ntrue")
    spare_of(engine, notebook)
    notebook.run("%config Workbench.spares = False")
    notebook.run(f"%%container {BASE}\ntrue")
    assert wait_until(lambda: not made_by(engine, process_id(notebook)))
    time.sleep(1)
    assert not made_by(engine, process_id(notebook))


def test_the_stop_button_stops_a_cell_in_a_spare(
    open_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    notebook = open_notebook()
    notebook.run(f"%%container {BASE}\ntrue")
    spare = spare_of(engine, notebook)
    message = notebook.begin(f"%%container {BASE}\necho begun; exec sleep 308")
    assert wait_until(lambda: "sleep" in first_process(engine, spare))
    notebook.stop_button()
    seen = notebook.wait(message)
    assert (seen.stdout, seen.error) == ("begun\n", "CellStopped")
    assert wait_until(lambda: spare not in made_by(engine, process_id(notebook)))


def first_process(engine: Engine, container: str) -> str:
    try:
        return str(engine.api.top(container)["Processes"][0][-1])
    except Exception:  # noqa: BLE001 - it ended meanwhile
        return ""


def test_a_stop_at_any_moment_leaves_nothing_but_a_spare(
    open_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    notebook = open_notebook()
    moments = random.Random(20261123)
    notebook.run(f"%%container {BASE}\ntrue")
    for turn in range(12):
        if turn % 3:  # a cell that was stopped before its start leaves none
            notebook.run(f"%%container {BASE}\ntrue")
            spare_of(engine, notebook)
        message = notebook.begin(f"%%container {BASE}\nsleep 0.2; sleep 309")
        time.sleep(moments.uniform(0, 0.5))
        notebook.stop_button()
        assert notebook.wait(message).error == "CellStopped"
    notebook.run("%config Workbench.spares = False")
    notebook.run(f"%%container {BASE}\ntrue")
    assert wait_until(lambda: not made_by(engine, process_id(notebook)))


def test_a_kernel_s_end_removes_its_spare(
    open_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    notebook = open_notebook()
    notebook.run(f"%%container {BASE}\ntrue")
    spare_of(engine, notebook)
    pid = process_id(notebook)
    notebook.close()
    assert wait_until(lambda: not made_by(engine, pid))


def test_a_kernel_that_ends_at_once_after_a_cell_is_not_held_up(
    open_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    for pause_s in (0, 0.12, 0.2, 0.3):
        notebook = open_notebook()
        notebook.run(f"%%container {BASE}\ntrue")
        time.sleep(pause_s)
        pid = process_id(notebook)
        notebook.close()
        assert wait_until(lambda pid=pid: not made_by(engine, pid))  # type: ignore[misc]


def test_a_killed_kernel_s_spare_ends_by_itself(
    open_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    notebook = open_notebook()
    notebook.run(f"%%container {BASE}\ntrue")
    spare_of(engine, notebook)
    os.kill(int(process_id(notebook)), signal.SIGKILL)
    assert wait_until(lambda: not made_by(engine, process_id(notebook)))


def test_an_image_with_a_spare_can_be_removed(
    open_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    notebook = open_notebook()
    try:
        notebook.run(f"%%image cm-test-spared\nFROM {BASE}\nRUN echo 1 > /one")
        first = engine.api.inspect_image("cm-test-spared")["Id"]
        assert notebook.run("%%container cm-test-spared\ncat /one").stdout == "1\n"
        spare_of(engine, notebook)
        notebook.run(f"%%image cm-test-spared\nFROM {BASE}\nRUN echo 2 > /one")
        with pytest.raises(docker.errors.ImageNotFound):  # it has lost its name to the second
            engine.api.inspect_image(first)
        assert notebook.run("%%container cm-test-spared\ncat /one").stdout == "2\n"
        spare_of(engine, notebook)
        assert not notebook.run("%image rm cm-test-spared").error
    finally:
        notebook.close()
        for image in engine.api.images("cm-test-spared"):
            engine.api.remove_image(image["Id"], force=True)


def test_in_the_stable_mode_there_is_none_unless_asked_for(
    new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    notebook = new_notebook(CONTAINER_MAGICS_STABLE="1", CONTAINER_MAGICS_SPARES="")
    notebook.run(f"%%container {BASE}\ntrue")
    time.sleep(2)
    assert not made_by(engine, process_id(notebook), "spare")
