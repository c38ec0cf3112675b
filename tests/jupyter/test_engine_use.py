"""%engine use: a session that goes to another engine, and what it leaves."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from conftest import Notebook, wait_until

from container_magics.engine.client import Engine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))
from sshserver import SshServer, ssh_server

BASE = "container-magics/base:bookworm"
LABEL = "container-magics.session"


@pytest.fixture
def server(engine: Engine, tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(engine, tmp_path) as found:
        yield found


@pytest.fixture
def far(server: SshServer, new_notebook: Callable[..., Notebook]) -> Notebook:
    """A notebook that has gone to the engine behind an sshd."""
    notebook = new_notebook(PATH=f"{server.bin}:{os.environ['PATH']}")
    seen = notebook.run(f"%engine use {server.url}")
    assert seen.error == "", seen.told
    assert "The engine in use from here on: Docker " in seen.text
    assert f"at {server.url}" in seen.text
    return notebook


def write_context(home: Path, name: str, url: str) -> None:
    identity = hashlib.sha256(name.encode()).hexdigest()
    meta = home / "contexts" / "meta" / identity / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": url}}}))


def ours(engine: Engine, name: str) -> list[str]:
    found = engine.api.containers(all=True, filters={"name": f"^/{name}$"})
    return [each["Id"] for each in found]


def test_cells_run_on_the_other_engine(far: Notebook, server: SshServer) -> None:
    assert far.run(f"%%container {BASE}\necho there").stdout == "there\n"
    assert server.url in far.run("%engine").text
    assert len(server.masters()) == 1


def test_what_it_can_do_is_a_table(far: Notebook) -> None:
    text = far.run("%engine can").text
    assert "What this place can do" in text
    assert "show the layers of an image" in text


def test_a_practice_box_there_takes_a_login_from_here(far: Notebook) -> None:
    """Its port is of the other machine's loopback; a forward leads to it."""
    assert far.run("%sshbox cm-test-far").error == ""
    seen = far.run("%%ssh cm-test-far\nwhoami")
    assert seen.stdout == "student\n", seen.told
    assert far.run("%sshbox rm cm-test-far").error == ""


def test_what_stays_on_the_engine_before_is_said_and_goes_with_the_session(
    new_notebook: Callable[..., Notebook], engine: Engine, server: SshServer
) -> None:
    notebook = new_notebook(PATH=f"{server.bin}:{os.environ['PATH']}")
    made = notebook.run(f"%%container {BASE} -d --name cm-test-stays\nsleep 600")
    assert made.error == "", made.told
    seen = notebook.run(f"%engine use {server.url}")
    assert "1 container of this session stay" in seen.text
    assert ours(engine, "cm-test-stays")
    notebook.close()
    assert wait_until(lambda: not ours(engine, "cm-test-stays"))


def test_a_volume_alone_is_not_forgotten(
    new_notebook: Callable[..., Notebook], engine: Engine, server: SshServer
) -> None:
    """Nor is it where the place that was left is by ssh, and that ssh has ended since."""
    notebook = new_notebook(PATH=f"{server.bin}:{os.environ['PATH']}")
    assert notebook.run(f"%engine use {server.url}").error == ""
    made = notebook.run("%volume create cm-test-stays")
    assert made.error == "", made.told
    seen = notebook.run(f"%engine use {engine.endpoint.url}")
    assert f"1 volume of this session stay at {server.url}. It goes" in seen.text
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = " ".join(process.cmdline())
            if process.name() == "ssh" and f"{server.folder}/" in words and "/cm-ssh-" in words:
                process.kill()
    notebook.close()
    assert wait_until(lambda: "cm-test-stays" not in volumes(engine))


def volumes(engine: Engine) -> list[str]:
    return [each["Name"] for each in engine.api.volumes()["Volumes"] or ()]


def test_a_place_that_does_not_answer_changes_nothing(notebook: Notebook, tmp_path: Path) -> None:
    seen = notebook.run(f"%engine use unix://{tmp_path}/none.sock")
    assert seen.error == "NoEngine"
    assert "No engine answers at unix://" in seen.told
    assert notebook.run(f"%%container {BASE}\necho here").stdout == "here\n"


def test_a_wrong_name_lists_the_contexts(
    new_notebook: Callable[..., Notebook], engine: Engine, tmp_path: Path
) -> None:
    write_context(tmp_path, "classroom", engine.endpoint.url)
    write_context(tmp_path, "laptop", "tcp://127.0.0.1:1")
    notebook = new_notebook(DOCKER_CONFIG=str(tmp_path))
    seen = notebook.run("%engine use clasroom")
    assert seen.error == "UsageError"
    assert (
        "'clasroom' is no Docker context: classroom, laptop. Did you mean classroom?" in seen.told
    )
    there = notebook.run("%engine use classroom")
    assert there.error == "", there.told
    assert notebook.run(f"%%container {BASE}\necho in a context").stdout == "in a context\n"
    refused = notebook.run("%engine use laptop")
    assert "No engine answers at tcp://127.0.0.1:1." in refused.told
    assert notebook.run("%engine use default").error == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("use", "Which place?"),
        ("use ssh://-oProxyCommand=x", "is no address by ssh"),
        ("use ftp://host", "is no address of an engine"),
        ("use swarm", "no engine that answers manages one"),
        ("can fly", "one word too many"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(
    notebook: Notebook, line: str, words: str
) -> None:
    seen = notebook.run(f"%engine {line}")
    assert words in seen.told
    assert "Traceback" not in seen.told
