"""%%container -d: the object it returns, and the output that comes when its cell is over."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import Notebook
from oldkernel import python_with_ipykernel_6

from container_magics.engine.client import Engine

pytestmark = pytest.mark.usefixtures("nothing_left")
BASE = "container-magics/base:bookworm"
LIMIT_S = 60.0
STATE = Path(__file__).resolve().parent.parent.parent / ".state"
OLD_KERNEL = STATE / f"ipykernel6-python3.{sys.version_info.minor}"


class Heard:
    """What a notebook's front end has heard so far, by the cell to which it was sent."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self.messages: list[dict[str, Any]] = []

    def until(self, true: Callable[[], bool]) -> bool:
        """Listen until something is true of what was heard, and not for ever."""
        end_s = time.monotonic() + LIMIT_S
        while not true():
            if time.monotonic() > end_s:
                return False
            self.listen(0.2)
        return True

    def listen(self, time_s: float) -> None:
        """Take what comes within that time."""
        end_s = time.monotonic() + time_s
        while (left_s := end_s - time.monotonic()) > 0:
            with suppress(queue.Empty):
                self.messages.append(self._notebook.client.get_iopub_msg(timeout=left_s))

    def run(self, code: str) -> str:
        """Run a cell to its end, and hear meanwhile what comes for others; returns the cell."""
        cell = self._notebook.begin(code)
        assert self.until(lambda: self.idle(cell)), code
        assert not self.of(cell, "error"), self.of(cell, "error")
        return cell

    def of(self, cell: str, kind: str) -> list[dict[str, Any]]:
        """The contents of a cell's messages of that kind."""
        return [
            message["content"]
            for message in self.messages
            if message["msg_type"] == kind and message["parent_header"].get("msg_id") == cell
        ]

    def text(self, cell: str, stream: str = "stdout") -> str:
        """What stands in the cell's stream."""
        written = self.of(cell, "stream")
        return "".join(each["text"] for each in written if each["name"] == stream)

    def idle(self, cell: str) -> bool:
        """Whether the cell is over."""
        return {"execution_state": "idle"} in self.of(cell, "status")

    def shown(self, cell: str) -> list[str]:
        """The text of the cell's displays, each as it was last updated."""
        last: dict[object, str] = {}
        for message in self.messages:
            content = message["content"]
            name = content.get("transient", {}).get("display_id") or id(content)
            here = message["parent_header"].get("msg_id") == cell
            new = message["msg_type"] in ("display_data", "execute_result") and here
            if new or (message["msg_type"] == "update_display_data" and name in last):
                last[name] = content["data"]["text/plain"]
        return list(last.values())


@pytest.fixture(params=[7, 6])
def either(request: pytest.FixtureRequest, new_notebook: Any) -> Notebook:
    """A notebook whose kernel is of ipykernel 7, and one of 6."""
    python = "" if request.param == 7 else python_with_ipykernel_6(OLD_KERNEL)
    notebook: Notebook = new_notebook(python=python)
    version = notebook.run("import ipykernel; print(ipykernel.version_info[0])").stdout
    assert version == f"{request.param}\n"
    return notebook


@pytest.fixture
def removed(engine: Engine) -> Iterator[list[str]]:
    """Names of containers to remove in the end."""
    names: list[str] = []
    yield names
    for name in names:
        for found in engine.api.containers(all=True, filters={"name": [f"^/{name}$"]}):
            engine.api.remove_container(found["Id"], force=True)


def test_late_output_goes_to_the_cell_that_asked(either: Notebook, removed: list[str]) -> None:
    removed.append("cm-test-late")
    heard = Heard(either)
    first = either.begin(
        f"%%container {BASE} -d --name cm-test-late\n"
        "for n in 1 2 3 4 5 6; do echo line $n; echo err $n >&2; sleep 0.5; done; echo last"
    )
    assert heard.until(lambda: heard.idle(first))
    assert "last" not in heard.text(first), "the cell does not wait for its container"
    second = either.begin("print('the second cell')")
    third = either.begin("import time; time.sleep(1); print('the third')")
    assert heard.until(lambda: "last" in heard.text(first)), heard.messages
    assert heard.text(first) == "".join(f"line {n}\n" for n in range(1, 7)) + "last\n"
    assert heard.text(first, "stderr") == "".join(f"err {n}\n" for n in range(1, 7))
    assert heard.until(lambda: heard.idle(third))
    assert (heard.text(second), heard.text(third)) == ("the second cell\n", "the third\n")
    assert not heard.text(second, "stderr") + heard.text(third, "stderr")
    assert heard.until(lambda: "has ended" in heard.shown(first)[0])
    assert len(heard.shown(first)) == 1, "the object is shown once"
    assert "exit status 0" in heard.shown(first)[0]


def test_the_object_is_what_the_cell_returns(
    notebook: Notebook, removed: list[str], tmp_path: Path
) -> None:
    removed.append("cm-test-object")
    cell = f"%%container {BASE} -d --name cm-test-object -p 80 --box shop\nsleep 610"
    seen = notebook.run(cell)
    assert len(seen.displays) == 1
    assert "cm-test-object is running." in seen.text
    assert "127.0.0.1:" in seen.text
    same = "from container_magics import Container\nprint(_ is shop, isinstance(shop, Container),"
    assert notebook.run(f"{same} shop.state, list(shop.ports))").stdout == (
        "True True running ['80/tcp']\n"
    )
    assert notebook.run("shop.write('/price', '3'); print(shop.read_text('/price'))").stdout == (
        "3\n"
    )
    assert notebook.run("print(shop.run('cat /price').stdout)").stdout == "3\n"
    assert BASE in notebook.run("shop").text, "a cell of its own says the image too"
    notebook.run("before = shop")
    notebook.run(cell)
    assert notebook.run("print(shop.state, before.state)").stdout == "running removed\n"


def test_a_display_follows_the_container(new_notebook: Any, removed: list[str]) -> None:
    removed.append("cm-test-live")
    notebook = new_notebook()
    heard = Heard(notebook)
    made = notebook.begin(
        f"%%container {BASE} -d --name cm-test-live --box box\n"
        "trap 'echo bye; exit 7' TERM; echo hello; while :; do sleep 0.1; done"
    )
    assert heard.until(lambda: "hello" in heard.text(made))
    again = heard.run("box")
    assert "hello" in heard.shown(again)[0], "the last lines of its log"
    steps = [
        ("stop", "has ended already, with exit status 7"),
        ("start", "cm-test-live is running"),
        ("pause", "cm-test-live is paused"),
        ("unpause", "cm-test-live is running"),
        ("rm", "and is removed"),
    ]
    for verb, words in steps:
        heard.run(f"%container {verb} cm-test-live")
        for cell in (made, again):
            assert heard.until(lambda cell=cell, words=words: words in heard.shown(cell)[0]), (
                verb,
                heard.shown(cell),
            )
    assert threads(notebook) == []


def threads(notebook: Notebook, *, wait_s: float = LIMIT_S) -> list[str]:
    """The names of our threads in the kernel; when there are some, they are waited for."""
    end_s = time.monotonic() + wait_s
    while True:
        seen = notebook.run(
            "import threading\nprint(*(t.name for t in threading.enumerate() "
            "if t.name.startswith('container-magics')), sep=',')"
        )
        names = [name for name in seen.stdout.strip().split(",") if name]
        if not names or time.monotonic() > end_s:
            return names
        time.sleep(0.2)


def sockets(notebook: Notebook) -> int:
    """How many sockets its kernel has open."""
    files = Path(f"/proc/{notebook.run('import os; print(os.getpid())').stdout.strip()}/fd")
    count = 0
    for each in files.iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            count += str(each.readlink()).startswith("socket:")
    return count


def test_many_cells_leave_no_thread_and_no_connection(
    new_notebook: Any, removed: list[str]
) -> None:
    removed.append("cm-test-many")
    notebook = new_notebook()
    cell = f"%%container {BASE} -d --name cm-test-many\necho begun; sleep 611"
    for _ in range(3):
        assert not notebook.run(cell).error
    before = sockets(notebook)
    for _ in range(16):
        assert not notebook.run(cell).error
    names = threads(notebook, wait_s=1)
    assert names.count("container-magics watch") == 1
    assert names.count("container-magics late output") == 1
    notebook.run("%container rm cm-test-many")
    assert threads(notebook) == []
    assert sockets(notebook) < before + 10, "the pool keeps ten at most"


def test_the_session_s_end_ends_its_threads(new_notebook: Any) -> None:
    notebook = new_notebook()
    heard = Heard(notebook)
    cell = heard.run(f"%%container {BASE} -d\nwhile :; do echo tick; sleep 0.1; done")
    assert heard.until(lambda: "tick" in heard.text(cell))
    heard.run("%unload_ext container_magics")
    written = len(heard.text(cell))
    assert threads(notebook, wait_s=0) == []
    heard.listen(2)
    assert len(heard.text(cell)) == written


def test_a_flood_is_batched_and_cut(new_notebook: Any, removed: list[str]) -> None:
    removed.append("cm-test-flood")
    notebook = new_notebook()
    heard = Heard(notebook)
    notebook.run("%config Workbench.output_limit_bytes = 50_000")
    cell = notebook.begin(
        f"%%container {BASE} -d --name cm-test-flood --as perl\n$| = 1;\n"
        'sleep 1; print "line $_\\n" for 1 .. 20000; sleep 612'
    )
    assert heard.until(lambda: any("written more" in shown for shown in heard.shown(cell)))
    text = heard.text(cell)
    assert len(text) == 50_000
    assert text.startswith("line 1\nline 2\n")
    assert len(heard.of(cell, "stream")) < 500, "no message for each line"
    assert any("%container logs cm-test-flood" in shown for shown in heard.shown(cell))


def test_a_bar_is_one_line_and_its_updates_count_for_nothing(
    new_notebook: Any, removed: list[str]
) -> None:
    removed.append("cm-test-bar")
    notebook = new_notebook()
    heard = Heard(notebook)
    notebook.run("%config Workbench.output_limit_bytes = 2000")
    cell = notebook.begin(
        f"%%container {BASE} -d --name cm-test-bar --as perl\n$| = 1; sleep 1;\n"
        r'for (1..5000) { printf "\r%4d of 5000", $_; } print "\nend\n";'
    )
    assert heard.until(lambda: "end" in heard.text(cell)), heard.shown(cell)
    assert heard.until(lambda: "has ended" in heard.shown(cell)[0])
    text = heard.text(cell)
    assert text.split("\n")[0].split("\r")[-1].rstrip() == "5000 of 5000"
    assert text.endswith("\nend\n")
    assert text.count("\r") < 50, "not one for each update"
    assert len(heard.shown(cell)) == 1, "nothing was cut"


def test_only_colours_pass(notebook: Notebook, removed: list[str]) -> None:
    removed.append("cm-test-colour")
    heard = Heard(notebook)
    cell = notebook.begin(
        f"%%container {BASE} -d --name cm-test-colour\n"
        "sleep 1; printf '\\033[31mred\\033[0m\\033[2J\\033]0;title\\007 end'"
    )
    assert heard.until(lambda: "end" in heard.text(cell)), heard.messages
    assert heard.text(cell) == "\x1b[31mred\x1b[0m end"


@pytest.mark.parametrize(
    ("environment", "first"),
    [({"CONTAINER_MAGICS_STABLE": "1"}, "1"), ({}, "%config Workbench.late_output = False")],
)
def test_nothing_comes_late_where_it_is_not_wanted(
    new_notebook: Any, removed: list[str], environment: dict[str, str], first: str
) -> None:
    """In the stable mode a saved notebook could not be compared; or it is switched off."""
    removed.append("cm-test-quiet")
    notebook = new_notebook(**environment)
    heard = Heard(notebook)
    heard.run(first)
    cell = heard.run(f"%%container {BASE} -d --name cm-test-quiet\necho said; exec sleep 613")
    done = heard.run("_.wait('log:said', timeout_s=60); print(_.logs())")
    assert heard.text(done) == "said\n\n"
    heard.run("%container stop cm-test-quiet")
    heard.listen(2)
    assert heard.text(cell) == ""
    if environment:
        assert not heard.of(cell, "update_display_data"), "nor is a display updated"
    else:
        assert heard.until(lambda: "has ended" in heard.shown(cell)[0]), "its display lives"


def test_one_that_runs_is_kept_when_it_is_asked_for_again(
    new_notebook: Any, removed: list[str]
) -> None:
    removed.append("cm-test-kept")
    notebook = new_notebook()
    heard = Heard(notebook)
    cell = (
        f"%%container {BASE} -d --name cm-test-kept --reuse\n"
        "echo begun; while :; do cat /say 2>/dev/null && rm /say; sleep 0.2; done"
    )
    first = notebook.begin(cell)
    assert heard.until(lambda: "begun" in heard.text(first))
    assert "cm-test-kept is running." in heard.shown(first)[0]
    heard.run("made = _.id; _.write('/here', 'its writable layer')")
    second = heard.run(cell)
    assert "runs already, and was left as it is" in heard.shown(second)[0]
    kept = "_.write('/say', 'hello\\n'); print(_.id == made, _.read_text('/here'))"
    assert heard.text(heard.run(kept)) == "True its writable layer\n"
    assert heard.until(lambda: "hello" in heard.text(second)), "it writes to the last that asked"
    assert heard.text(second) == "hello\n", "what it wrote before stands elsewhere"
    assert "hello" not in heard.text(first)
    other = heard.run(cell.replace("0.2", "0.3"))
    assert "cm-test-kept is running." in heard.shown(other)[0]
    assert heard.text(heard.run("print(_.id == made)")) == "False\n"


def test_a_stranger_s_is_refused_by_name(
    notebook: Notebook, removed: list[str], engine: Engine
) -> None:
    removed.append("cm-test-foreign")
    stranger = engine.api.create_container(BASE, ["sleep", "614"], name="cm-test-foreign")["Id"]
    engine.api.start(stranger)
    seen = notebook.run(f"%%container {BASE} -d --reuse --name cm-test-foreign\nsleep 614")
    assert seen.error == "NameTaken"
    assert "cm-test-foreign" in seen.sentence
    assert engine.api.inspect_container(stranger)["State"]["Running"]


def test_without_a_kernel_nothing_comes_late(removed: list[str]) -> None:
    """IPython in a terminal: the object is shown as text, once."""
    removed.append("cm-test-terminal")
    cell = f"%%container {BASE} -d --name cm-test-terminal\necho said; exec sleep 615\n"
    program = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'container_magics')\n"
        f"shell.run_cell({cell!r})\n"
        "shell.run_cell(\"_.wait('log:said', timeout_s=60); print('state', _.state)\")\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "PYTEST_VERSION")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, env=environment, timeout=120,
    )  # fmt: skip
    assert done.stdout.count("cm-test-terminal is running.") == 1
    assert "state running" in done.stdout
    assert "said" not in done.stdout.replace("log:said", "")
    assert "Error" not in done.stdout + done.stderr


def test_statistics_live_until_their_container_ends(new_notebook: Any, removed: list[str]) -> None:
    removed.append("cm-test-usage")
    heard = Heard(new_notebook())
    heard.run(f"%%container {BASE} -d --name cm-test-usage -m 64m\nwhile :; do :; done")
    first = heard.run("%container stats cm-test-usage -w")
    (shown,) = heard.shown(first)
    assert "67.1 MB" in shown
    assert heard.until(lambda: re.search("[▁-█]{3}", heard.shown(first)[0]) is not None)
    second = heard.run("%container stats cm-test-usage -w")
    updates = len(heard.of(first, "update_display_data"))
    assert heard.until(lambda: len(heard.of(second, "update_display_data")) > 1)
    assert len(heard.of(first, "update_display_data")) == updates, "the second ended the first"
    heard.run("%container stop cm-test-usage")
    alive = "import threading; print(*[each.name for each in threading.enumerate()])"
    assert heard.until(
        lambda: "container-magics stats" not in heard.text(heard.run(alive)).replace("\n", " ")
    )
    assert "cm-test-usage" in heard.shown(second)[0], "the last picture stays"
