"""%%compose and %compose as a reader meets them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from conftest import Notebook

from container_magics.engine import composeproject as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import SESSION
from container_magics.errors import ContainerMagicsError

BASE = "container-magics/base:bookworm"
LIMIT_S = 60.0


@pytest.fixture
def project(engine: Engine) -> Iterator[str]:
    """A name that nobody has; what is there in the end is removed."""
    name = f"cm-cell-{uuid.uuid4().hex[:8]}"
    yield name
    with suppress(ContainerMagicsError):
        verbs.remove(engine, verbs.things(engine, name))


def wait_until(true: Callable[[], Any]) -> bool:
    end_s = time.monotonic() + LIMIT_S
    while not true():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.1)
    return True


def cell(project: str, flags: str = "", *, port: str = "80", web: str = "sleep 600") -> str:
    return f"""%%compose {project} {flags}
services:
  web:
    image: {BASE}
    init: true
    command: sh -c "echo serving; {web}"
    ports: ["{port}"]
    healthcheck:
      test: ["CMD", "test", "-e", "/etc/passwd"]
      interval: 200ms
      retries: 10000
  worker:
    image: {BASE}
    init: true
    command: sh -c "echo one; echo two; sleep 600"
"""


def test_a_project_from_its_cell_to_its_end(notebook: Notebook, project: str) -> None:
    seen = notebook.run(cell(project))
    assert not seen.error, seen.told
    assert seen.updates, "it is shown as it comes up"
    assert len(seen.displays) == 1
    assert f"{project} is up: 2 services." in seen.text
    assert "healthy" in seen.html
    assert "127.0.0.1:" in seen.text

    for line in ("%compose list", "%compose list --mine"):
        listed = notebook.run(line)
        assert project in listed.text
        assert "2 of 2" in listed.text
    status = notebook.run(
        f"s = %compose status {project}\n[(one['service'], one['state']) for one in s]"
    )
    assert status.text == "[('web', 'running'), ('worker', 'running')]"

    logs = notebook.run(f"%compose logs {project}").stdout
    assert logs == "web    | serving\nworker | one\nworker | two\n"
    assert notebook.run(f"%compose logs {project} worker --tail 1").stdout == "worker | two\n"

    down = notebook.run(f"%compose down {project}")
    assert f"{project} is down: 2 containers removed." in down.text
    gone = notebook.run(f"%compose status {project}")
    assert gone.error == "NotFound"
    assert notebook.run(f"%compose down {project}").error == "NotFound"


def test_a_flood_of_logs_is_cut(notebook: Notebook, project: str) -> None:
    body = f"services:\n  web:\n    image: {BASE}\n    command: seq 400000\n"
    assert not notebook.run(f"%%compose {project}\n{body}").error
    seen = notebook.run(f"%compose logs {project}")
    assert seen.stdout.startswith("web | 1\nweb | 2\n")
    assert len(seen.stdout) < 2_500_000
    assert "The rest is not shown." in seen.text
    assert notebook.run(f"%compose logs {project} --tail 1").stdout == "web | 400000\n"
    notebook.run(f"%compose down {project}")


def test_a_bar_in_the_logs_is_one_line(notebook: Notebook, project: str) -> None:
    bar = r"printf '\\r1 of 2'; printf '\\r2 of 2\\n'; sleep 600"
    text = cell(project).replace("echo one; echo two; sleep 600", bar)
    assert not (made := notebook.run(text)).error, made.told
    seen = notebook.run(f"%compose logs {project} worker")
    assert seen.stdout == "worker | 2 of 2\n"


def test_in_stable_mode_two_runs_show_the_same_once(
    new_notebook: Callable[..., Notebook], project: str
) -> None:
    stable = new_notebook(CONTAINER_MAGICS_STABLE="1")
    shown = []
    for _ in range(2):
        seen = stable.run(cell(project))
        assert not seen.error, seen.told
        assert seen.updates == 0
        assert seen.stdout == seen.stderr == ""
        shown.append((seen.text, seen.html))
        stable.run(f"%compose down {project}")
    assert shown[0] == shown[1]
    assert "80/tcp → 127.0.0.1:PORT" in shown[0][0]


def test_a_failing_service_stops_the_notebook_with_its_own_words(
    notebook: Notebook, engine: Engine, project: str
) -> None:
    failing = cell(project, web="echo no such table; exit 4")
    seen = notebook.run(failing.replace("/etc/passwd", "/no/such/file"))
    assert seen.error == "ComposeFailed"
    assert seen.sentence == f"The service 'web' of {project} ended with exit status 4."
    assert "no such table" in seen.told
    assert "--keep" in seen.told
    assert "Traceback" not in seen.told
    assert "✗ web" in seen.text
    assert not verbs.things(engine, project)


def test_a_mistake_in_the_file_has_its_line(notebook: Notebook, project: str) -> None:
    seen = notebook.run(f"%%compose {project}\nservices:\n  web:\n    image: {BASE}\n    ports: 80")
    assert seen.error == "ComposeFileError"
    assert seen.sentence == "Line 4: Compose does not accept this."
    assert "ports: 80" in seen.told
    assert not seen.displays


def test_the_file_keeps_its_dollars_and_expand_puts_python_in(
    notebook: Notebook, engine: Engine, project: str
) -> None:
    notebook.run("word = 'python'")
    body = f"""
services:
  web:
    image: {BASE}
    command: echo {{word}} ${{NAME}} $$HOME
"""
    assert not notebook.run(f"%%compose {project} -e NAME=compose{body}").error
    assert notebook.run(f"%compose logs {project}").stdout == "web | {word} compose $HOME\n"
    expanded = body.replace("${NAME}", "compose")
    assert not notebook.run(f"%%compose {project} --expand{expanded}").error
    assert "python compose" in notebook.run(f"%compose logs {project}").stdout
    notebook.run(f"%compose down {project}")


def test_the_stop_button_leaves_nothing(notebook: Notebook, engine: Engine, project: str) -> None:
    never = cell(project).replace("/etc/passwd", "/no/such/file")
    message = notebook.begin(never)
    assert wait_until(lambda: verbs.things(engine, project).containers)
    notebook.stop_button()
    seen = notebook.wait(message)
    assert seen.error == "CellStopped"
    assert "Traceback" not in seen.told
    assert not verbs.things(engine, project)
    assert notebook.run("1 + 1").text == "2", "the kernel goes on"


def test_a_project_of_another_notebook_is_refused(
    notebook: Notebook, new_notebook: Callable[..., Notebook], engine: Engine, project: str
) -> None:
    assert not notebook.run(cell(project)).error
    other = new_notebook(JPY_SESSION_NAME="/another.ipynb")
    seen = other.run(cell(project))
    assert seen.error == "NameTaken"
    assert project in seen.sentence
    assert project in other.run("%compose list").text
    assert project not in other.run("%compose list --mine").text
    assert len(verbs.things(engine, project).containers) == 2
    notebook.run(f"%compose down {project}")


def test_a_kernel_that_was_killed_leaves_nothing_for_the_next(
    new_notebook: Callable[..., Notebook], engine: Engine, project: str
) -> None:
    killed = new_notebook()
    assert not killed.run(cell(project)).error
    killed.pull_the_plug()
    again = new_notebook()
    assert not again.run(cell(project)).error
    labels = {thing["Labels"][SESSION] for _, thing in verbs.things(engine, project).all()}
    assert len(labels) == 1, "all of it is the new session's"
    again.run(f"%compose down {project}")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("%%compose\nservices: {}", "UsageError"),
        ("%%compose Upper\nservices: {}", "UsageError"),
        ("%%compose shop\n\n", "UsageError"),
        ("%%compose shop\nhello", "UsageError"),
        ("%compose fly shop", "UsageError"),
        ("%compose status", "UsageError"),
        ("%compose logs cm-no-such-project", "NotFound"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(notebook: Notebook, line: str, error: str) -> None:
    seen = notebook.run(line)
    assert seen.error == error
    assert "Traceback" not in seen.told
