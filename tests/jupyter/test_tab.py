"""Tab in a real kernel, as JupyterLab asks for it: the whole cell, and where the cursor is."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import TIMEOUT_S, Notebook
from docker.errors import NotFound

from container_magics.core import compose
from container_magics.core.sshflags import VERBS
from container_magics.engine.client import Engine
from container_magics.engine.ownership import PURPOSE
from container_magics.jupyter.enginenames import EngineNames

PATIENCE_S = 60.0
"""For an engine and a machine with much else to do: Tab itself waits for less than a second,
and what is not there then is there when it is pressed again."""
RUNNING, ENDED = "cm-tab-running", "cm-tab-ended"


class Tab:
    """The answer to one press."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.matches: list[str] = content["matches"]
        self.begin: int = content["cursor_start"]
        self.end: int = content["cursor_end"]
        self.kinds = {
            each["text"]: each["type"]
            for each in content["metadata"].get("_jupyter_types_experimental", ())
        }


def tab(notebook: Notebook, cell: str, cursor: int | None = None) -> Tab:
    """Press Tab once, at the end of the cell or at ``cursor``."""
    message = notebook.client.complete(cell, len(cell) if cursor is None else cursor)
    while True:
        reply = notebook.client.get_shell_msg(timeout=TIMEOUT_S)
        if reply["parent_header"].get("msg_id") == message:
            assert reply["content"]["status"] == "ok"
            return Tab(reply["content"])


def until(notebook: Notebook, cell: str, fits: Callable[[list[str]], bool]) -> list[str]:
    """Press Tab until the answer fits: the engine may need its time, on a busy machine."""
    limit_s = time.monotonic() + PATIENCE_S
    while True:
        matches = tab(notebook, cell).matches
        if fits(matches) or time.monotonic() > limit_s:
            assert fits(matches), matches
            return matches
        time.sleep(0.3)


@pytest.fixture(scope="module")
def things(engine: Engine, base: str) -> Iterator[str]:
    """A container that runs, one that ended, a box, an image, a network, a volume; and a word
    that is in all their names."""
    word = uuid.uuid4().hex[:8]
    api, image = engine.api, f"cm-tab/image-{word}"
    label = {"container-magics.test-tab": word}
    api.tag(base, image)
    network = api.create_network(f"cm-tab-network-{word}", labels=label)["Id"]
    api.create_volume(f"cm-tab-volume-{word}", labels=label)
    try:
        for name, command in ((RUNNING, "sleep"), (ENDED, "true")):
            api.create_container(base, [command, "600"], name=f"{name}-{word}", labels=label)
            api.start(f"{name}-{word}")
        api.wait(f"{ENDED}-{word}")
        box = {**label, PURPOSE: "sshbox"}
        api.create_container(base, ["true"], name=f"cm-tab-box-{word}", labels=box)
        yield word
    finally:
        for name in (RUNNING, ENDED, "cm-tab-box"):
            try:
                api.remove_container(f"{name}-{word}", force=True)
            except NotFound:
                continue
        api.remove_volume(f"cm-tab-volume-{word}")
        api.remove_network(network)
        api.remove_image(image)


@pytest.mark.parametrize(
    ("cell", "named"),
    [
        ("%container rm ", (RUNNING, ENDED)),
        ("%container start ", (RUNNING, ENDED)),
        ("%container logs --tail 5 ", (RUNNING, ENDED)),
        ("%container stop ", (RUNNING,)),
        ("%container top ", (RUNNING,)),
        ("%%container --in ", (RUNNING,)),
        ("%%container --in=", (RUNNING,)),
        ("%layers cm-tab", ("cm-tab/image", RUNNING, ENDED)),
        ("%%container ", ("cm-tab/image",)),
        ("%%container -d --name x ", ("cm-tab/image",)),
        ("%image rm ", ("cm-tab/image",)),
        ("%image tag cm-tab", ("cm-tab/image",)),
        ("found = %images ", ("cm-tab/image",)),
        ("%%container --network ", ("cm-tab-network",)),
        ("%%container -v ", ("cm-tab-volume",)),
        ("%%ssh ", ("cm-tab-box",)),
        ("%sshbox stop ", ("cm-tab-box",)),
    ],
)
def test_names_come_from_the_engine(
    notebook: Notebook, things: str, cell: str, named: tuple[str, ...]
) -> None:
    everything = [
        f"{name}-{things}"
        for name in (RUNNING, ENDED, "cm-tab/image", "cm-tab-network", "cm-tab-volume")
    ]
    expected = {f"{name}-{things}" for name in named}
    found = until(notebook, cell, lambda matches: expected <= set(matches))
    assert not [name for name in everything if name in found and name not in expected]


def test_the_services_are_those_of_the_project(
    notebook: Notebook, engine: Engine, base: str
) -> None:
    project = f"cm-tab-{uuid.uuid4().hex[:8]}"
    made = []
    try:
        for of, service in ((project, "web"), (project, "worker"), (f"{project}-x", "other")):
            labels = {compose.PROJECT: of, compose.SERVICE: service}
            made.append(engine.api.create_container(base, ["true"], labels=labels)["Id"])
        cell = f"%compose logs {project} "
        assert until(notebook, cell, lambda found: "web" in found) == ["web", "worker"]
        found = tab(notebook, f"%compose logs --tail 3 {project} web wo")
        assert (found.matches, set(found.kinds.values())) == (["worker"], {"service"})
        assert not tab(notebook, f"%compose logs {project}-y ").matches
    finally:
        for container in made:
            engine.api.remove_container(container, force=True)


def test_a_name_is_completed_from_where_it_begins(notebook: Notebook, things: str) -> None:
    cell = f"x = 1\n%container rm {RUNNING}-{things[:4]}\ny = 2"
    place = cell.index("\ny")
    until(notebook, cell[:place], bool)
    found = tab(notebook, cell, place)
    assert found.matches == [f"{RUNNING}-{things}"]
    assert cell[found.begin : found.end] == f"{RUNNING}-{things[:4]}"
    assert set(found.kinds.values()) == {"container"}


def test_verbs_and_boxes(notebook: Notebook, things: str) -> None:
    verbs = tab(notebook, "%container ").matches
    assert {"start", "stop", "rm", "logs", "cp"} <= set(verbs)
    assert tab(notebook, "%container st").matches[:2] == ["start", "stop"]
    box = f"cm-tab-box-{things}"
    found = until(notebook, "%sshbox ", lambda matches: box in matches)
    assert found[: len(VERBS)] == list(VERBS)


@pytest.mark.parametrize(
    ("cell", "flags"),
    [
        ("%%container img --net", ["--network"]),
        ("%%container --no-c\necho hello", ["--no-check"]),
        ("%%image --no", ["--no-cache"]),
        ("%containers --mi", ["--mine"]),
        ("%volumes --s", ["--size"]),
        ("%layers x --own", ["--owner"]),
        ("%engine --d", ["--debug"]),
        ("%%ssh --time\nls", ["--timeout"]),
    ],
)
def test_flags_come_from_the_parser(notebook: Notebook, cell: str, flags: list[str]) -> None:
    """Also in the first line of a cell whose body is there already."""
    found = tab(notebook, cell, len(cell.partition("\n")[0]))
    assert found.matches == flags
    assert set(found.kinds.values()) == {"flag"}


def test_every_magic_of_ours_completes_its_flags(notebook: Notebook) -> None:
    notebook.run(
        "from container_magics.jupyter.magics.common import BenchMagics\n"
        "manager = get_ipython().magics_manager\n"
        "ours = [('%' if kind == 'line' else '%%') + name\n"
        "        for kind, magics in manager.magics.items() for name, method in magics.items()\n"
        "        if isinstance(getattr(method, '__self__', None), BenchMagics)]"
    )
    magics = notebook.run("print(*ours)").stdout.split()
    assert len(magics) > 10
    for magic in magics:
        assert "--debug" in tab(notebook, f"{magic} --").matches, magic


def test_what_the_notebook_has_is_offered_for_a_variable(notebook: Notebook) -> None:
    notebook.run("tab_text = 'one'; tab_table = [1]; import os as tab_module\ndef tab_call(): 0")
    for cell in ("%%container --stdin tab_", "%%container --out tab_", "%%ssh --stdin tab_"):
        assert tab(notebook, cell).matches == ["tab_table", "tab_text"]
    found = tab(notebook, "%%image x --add a/b=tab_te")
    assert found.matches == ["tab_text"]
    assert found.begin == len("%%image x --add a/b=")


def test_languages(notebook: Notebook) -> None:
    assert {"python", "perl"} <= set(tab(notebook, "%%container img --as p").matches)


def test_places_where_an_engine_may_be(notebook: Notebook) -> None:
    assert {"default", "podman", "swarm"} <= set(tab(notebook, "%engine use ").matches)
    assert tab(notebook, "%engine use pod").matches == ["podman"]


def test_paths_of_this_machine(notebook: Notebook, tmp_path: Any) -> None:
    (tmp_path / "two words").mkdir()
    (tmp_path / "two.txt").touch()
    (tmp_path / ".hidden").mkdir()
    notebook.run(f"import os; os.chdir({str(tmp_path)!r})")
    assert tab(notebook, "%%container -v ./t").matches == ["./two\\ words/", "./two.txt"]
    assert tab(notebook, "%%container -v './two w").matches == ["./two words/"]
    assert tab(notebook, "%%container -v ./two\\ w").matches == ["words/"]
    assert tab(notebook, f"%%container -v {tmp_path}/two.").matches == [f"{tmp_path}/two.txt"]
    assert tab(notebook, "%%image x --context t").matches == ["two\\ words/"]
    assert tab(notebook, "%%image x --context .h").matches == [".hidden/"]
    assert tab(notebook, "%image load tw").matches == ["two\\ words/", "two.txt"]


@pytest.mark.parametrize(
    "cell",
    ["%%container --name ", "%%container -e ", "%%container x --exec ls ", "%%container -v v:/"],
)
def test_where_nothing_can_be_known_python_is_not_offered(notebook: Notebook, cell: str) -> None:
    """Neither Python's names nor the files beside the notebook."""
    notebook.run("name_of_python = 1")
    assert tab(notebook, cell).matches == []


@pytest.mark.parametrize(
    "cell",
    [
        "%%container x\nname_of",
        "%%ssh box\nls te",
        "%%compose\nservices:\n  name_of",
        "%%image x\nFROM scratch\nRUN echo name_of",
    ],
)
def test_the_body_of_a_cell_is_not_python(notebook: Notebook, cell: str) -> None:
    notebook.run("name_of_python = 1; import pathlib; pathlib.Path('test-file').touch()")
    assert tab(notebook, cell).matches == []
    own = "%%container x --as python\nname_of"
    assert tab(notebook, own).matches == ["name_of_python"]  # as it was: Python is Python


def test_a_dockerfile_completes(notebook: Notebook) -> None:
    assert tab(notebook, "%%image x\nFR").matches == ["FROM"]
    found = tab(notebook, "%%image x\nFROM scratch AS first\nCOPY --from=fi")
    assert found.matches == ["first"]
    assert found.begin == found.end - 2


def test_python_s_own_completion_is_left_alone(notebook: Notebook) -> None:
    notebook.run("alphabet = 'abc'")
    assert tab(notebook, "alpha").matches == ["alphabet"]
    assert "upper" in " ".join(tab(notebook, "alphabet.up").matches)
    assert "%%container" in tab(notebook, "%%contai").matches
    assert "alphabet" in tab(notebook, "%%time\nalpha").matches


def test_an_engine_that_is_not_there_is_no_error(new_notebook: Callable[..., Notebook]) -> None:
    lonely = new_notebook(DOCKER_HOST="unix:///no/such/docker.sock")
    for cell in ("%container rm ", "%%container ", "%layers ", "%%container -v "):
        assert tab(lonely, cell).matches == []
    assert "start" in tab(lonely, "%container ").matches
    assert lonely.run("print('still well')").stdout == "still well\n"


def test_an_engine_that_hangs_is_not_waited_for(
    new_notebook: Callable[..., Notebook], tmp_path: Any
) -> None:
    """It takes the connection, and says nothing."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "silent.sock"))
        listener.listen(64)
        stuck = new_notebook(DOCKER_HOST=f"unix://{tmp_path}/silent.sock")
        assert tab(stuck, "%container rm ").matches == []
        seen = stuck.run("print('still well')")
        assert (seen.stdout, seen.stderr) == ("still well\n", "")


def test_tab_returns_before_a_late_answer_and_the_next_has_it(engine: Engine, things: str) -> None:
    """However long the engine takes: here until we let it go on."""
    go_on = threading.Event()

    def late() -> Engine:
        go_on.wait()
        return engine

    names = EngineNames(late)
    try:
        assert names.of("volume") == []
        assert names.of("volume") == []
        asking = [one.name for one in threading.enumerate()].count("container-magics names")
        assert asking == 1, "a second press asks no second time"
    finally:
        go_on.set()
    limit_s = time.monotonic() + PATIENCE_S
    while f"cm-tab-volume-{things}" not in names.of("volume"):
        assert time.monotonic() < limit_s
        time.sleep(0.1)
