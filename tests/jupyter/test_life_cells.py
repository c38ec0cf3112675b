"""%container's verbs while a container runs, as a reader of the notebook sees them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
from conftest import Notebook

from container_magics.engine import run
from container_magics.engine.client import Engine
from container_magics.engine.logs import logs

BASE = "container-magics/base:bookworm"
LONG_S = 120.0
TICKS = "i=0; while :; do i=$((i + 1)); echo tick $i.; sleep 0.1; done"


@pytest.fixture
def name(notebook: Notebook, engine: Engine) -> Iterator[str]:
    """A name; what has it in the end is removed, and what has it with "-2" behind it."""
    name = "cm-test-life"
    yield name
    for each in (name, f"{name}-2"):
        run.remove(engine, each)


def shown_so_far(notebook: Notebook, message_id: str, wanted: str) -> str:
    """What a running cell has written to stdout, as soon as ``wanted`` is in it."""
    text, end_s = "", time.monotonic() + LONG_S
    while wanted not in text:
        assert time.monotonic() < end_s, text
        message = notebook.client.get_iopub_msg(timeout=LONG_S)
        if message["parent_header"].get("msg_id") == message_id and message["msg_type"] == "stream":
            text += message["content"]["text"]
    return text


def is_begun(notebook: Notebook, message_id: str) -> bool:
    """Whether the kernel says now that it has begun this cell."""
    message = notebook.client.get_iopub_msg(timeout=LONG_S)
    ours = message["parent_header"].get("msg_id") == message_id
    return ours and message["msg_type"] == "execute_input"


def test_a_log_is_followed_to_a_line(notebook: Notebook, name: str) -> None:
    notebook.run(f"%%container {BASE} -d --name {name}\n{TICKS}")
    seen = notebook.run(f"%container logs {name} -f --until 'tick 4[.]' --timeout {LONG_S}s")
    assert seen.stdout == "".join(f"tick {i}.\n" for i in range(1, 5))
    assert not seen.error
    assert not seen.displays
    late = notebook.run(f"%container logs {name} --until never --timeout 1s --tail 1")
    assert late.error == "TimedOut"
    assert "wrote no line that matches 'never'" in late.sentence


def test_the_stop_button_only_detaches(notebook: Notebook, engine: Engine, name: str) -> None:
    notebook.run(f"%%container {BASE} -d --name {name}\n{TICKS}")
    message = notebook.begin(f"%container logs {name} -f")
    assert shown_so_far(notebook, message, "tick 3."), "the output comes while it runs"
    notebook.stop_button()
    seen = notebook.wait(message)
    assert not seen.error
    assert seen.text == f"Stopped following {name}; the container was left as it is."
    assert run.inspect(engine, name)["State"]["Running"]
    assert notebook.run("1 + 1").displays == [{"text/plain": "2"}]


def test_a_log_goes_on_after_a_restart(notebook: Notebook, name: str) -> None:
    script = "echo begun; [ -e /again ] && exit; touch /again; exec sleep 600"
    notebook.run(f"%%container {BASE} -d --name {name}\n{script}")
    notebook.run(
        "import threading\n"
        "line = get_ipython().run_line_magic\n"
        f"threading.Timer(1, line, ('container', 'restart {name}')).start()"
    )
    seen = notebook.run(f"%container logs {name} -f --timeout {LONG_S}s")
    assert seen.stdout.count("begun\n") == 2
    assert not seen.error


def test_both_streams_come_in_the_log_s_order(
    notebook: Notebook, engine: Engine, name: str
) -> None:
    script = "for i in 1 2 3; do echo out $i; sleep 0.2; echo err $i >&2; sleep 0.2; done"
    notebook.run(f"%%container {BASE} -d --name {name}\n{script}")
    notebook.run(f"%container wait {name}")
    message = notebook.begin(f"%container logs {name}")
    order: list[str] = []
    while len(order) < 6:
        got = notebook.client.get_iopub_msg(timeout=LONG_S)
        if got["parent_header"].get("msg_id") == message and got["msg_type"] == "stream":
            order += got["content"]["text"].splitlines()
    notebook.wait(message)
    assert order == [output.data.decode().strip() for output in logs(engine, name)]
    last = notebook.run(f"%container logs {name} --tail 1")
    assert last.stdout + last.stderr == f"{order[-1]}\n"


def test_a_wait_says_and_gives_the_exit_status(notebook: Notebook, name: str) -> None:
    notebook.run(f"%%container {BASE} -d --name {name}\nsleep 1; exit 3")
    seen = notebook.run(f"status = %container wait {name}")
    assert seen.text.strip() == f"✓ {name} has ended with status 3."
    assert notebook.run("print(status)").stdout == "3\n"


def test_a_wait_for_what_is_ready(notebook: Notebook, name: str) -> None:
    script = "sleep 1; echo now ready; exec sleep 600"
    notebook.run(f"%%container {BASE} -d --name {name}\n{script}")
    seen = notebook.run(f"%container wait {name} --for running --for 'log:now r' --timeout 2m")
    assert f"{name} runs." in seen.text
    assert "now ready" in seen.text
    braces = notebook.run(f"%container wait {name} --for 'log:n[ow]{{{{2}}}}'")
    assert "now ready" in braces.text
    late = notebook.run(f"%container wait {name} --for port:22 --timeout 1s")
    assert (late.error, late.sentence) == (
        *("TimedOut", f"{name} did not listen on port 22 within 1 s."),
    )
    assert "now ready" in late.told


def test_the_stop_button_ends_a_wait_at_once(notebook: Notebook, engine: Engine, name: str) -> None:
    notebook.run(f"%%container {BASE} -d --name {name}\nexec sleep 600")
    for what in ("", "--for port:22", "--for log:never", "--for exit"):
        message = notebook.begin(f"%container wait {name} {what} --timeout 10m")
        while not is_begun(notebook, message):
            pass
        time.sleep(1)
        notebook.stop_button()
        assert notebook.wait(message).error == "CellStopped"
    assert run.inspect(engine, name)["State"]["Running"]


def test_statistics_are_a_table_and_a_list(notebook: Notebook, name: str) -> None:
    notebook.run(f"%%container {BASE} -d --name {name} -m 64m\nexec sleep 600")
    seen = notebook.run(f"used = %container stats {name}\nused")
    assert name in seen.text
    assert "67.1 MB" in seen.text
    assert notebook.run("print(used[0]['name'], used[0]['memory_bytes'] > 0)").stdout == (
        f"{name} True\n"
    )
    frame = notebook.run("print(list(used.df['processes']))")
    assert frame.stdout == "[1]\n" or "pandas" in frame.sentence
    everything = notebook.run("%container stats")
    assert name in everything.text


def test_statistics_are_the_same_twice_in_the_stable_mode(
    new_notebook: Callable[..., Notebook], name: str
) -> None:
    notebook = new_notebook(CONTAINER_MAGICS_STABLE="1")
    notebook.run(f"%%container {BASE} -d --name {name} -m 64m\nwhile :; do :; done")
    first, second = (notebook.run(f"%container stats {name}") for _ in range(2))
    assert first.displays == second.displays
    assert name in first.text
    assert "67.1 MB" in first.text, "a limit that was set does not vary"


def test_several_containers_are_paused_and_go_on(
    notebook: Notebook, engine: Engine, name: str
) -> None:
    for each in (name, f"{name}-2"):
        notebook.run(f"%%container {BASE} -d --name {each}\nexec sleep 600")
    seen = notebook.run(f"%container pause {name} {name}-2")
    assert seen.text.count("is paused") == 2
    assert run.inspect(engine, f"{name}-2")["State"]["Paused"]
    assert notebook.run(f"%container pause {name}").error == "Conflict"
    assert notebook.run(f"%container unpause {name} {name}-2").text.count("goes on") == 2
    waited = notebook.run(f"%container stop {name} {name}-2\n%container wait {name} {name}-2")
    assert waited.displays[-1]["text/plain"] == "[137, 137]", "a first process has no use for TERM"


def test_a_container_gets_another_name(notebook: Notebook, engine: Engine, name: str) -> None:
    notebook.run(f"%%container {BASE} -d --name {name} -p 8000\nexec sleep 600")
    seen = notebook.run(f"%container rename {name} {name}-2")
    assert seen.text.strip() == f"✓ {name} is called {name}-2 now."
    assert notebook.run(f"%container port {name}-2 8000").text.count("127.0.0.1") == 1
    assert notebook.run(f"%container port {name}-2 9000").error == "Conflict"
    assert notebook.run(f"%container rename {name}-2 'no name'").error == "UsageError"
    assert notebook.run(f"%container rm -f {name}-2").error == ""
    assert run.named(engine, f"{name}-2") is None


def test_a_container_tells_what_is_asked_for(notebook: Notebook, engine: Engine, name: str) -> None:
    notebook.run(f"%%container {BASE} -d --name {name} -v {name}-data:/data\nexec sleep 600")
    try:
        seen = notebook.run(f"%container inspect {name} {name}")
        assert seen.text.count(f"{name}-data → /data") == 2
        one = notebook.run(f"%container inspect --format '{{{{.State.Status}}}}!' {name}")
        assert one.stdout == "running!\n"
        wrong = notebook.run(f"%container inspect {name} --format '{{{{.No}}}}'")
        assert wrong.error == "UsageError"
    finally:
        run.remove(engine, name)
        engine.api.remove_volume(f"{name}-data")


def test_what_is_listed_of_a_container_is_a_list_too(
    notebook: Notebook, engine: Engine, name: str
) -> None:
    cell = (
        f"%%container {BASE} -d --name {name} -p 8000\ncd /srv; touch b a; echo up; exec sleep 600"
    )
    notebook.run(cell)
    notebook.run(f"%container wait {name} --for log:up")
    asked = "import json\nprint(json.dumps([found, len(found.df), list(found.df.columns)]))\nfound"
    lists = {
        "top": ["host_pid", "user", "command"],
        "changes": ["kind", "path"],
        "port": ["container_port", "address"],
    }
    found = {}
    for verb, columns in lists.items():
        shown = notebook.run(f"%container {verb} {name}")
        seen = notebook.run(f"found = %container {verb} {name}\n{asked}")
        found[verb], rows, named = json.loads(seen.stdout)
        assert (rows, named) == (len(found[verb]), columns)
        assert seen.text == shown.text
        assert len(shown.displays) == 1
        assert "<table" in shown.html
    assert found["top"][0]["command"] == "sleep 600"
    paths = [each["path"] for each in found["changes"]]
    assert paths[paths.index("/srv") :][:3] == ["/srv", "/srv/a", "/srv/b"]
    assert found["port"][0]["container_port"] == "8000/tcp"
    assert found["port"][0]["address"].startswith("127.0.0.1:")
    several = notebook.run(f"%container top {name} {name}")
    assert several.text.count("sleep 600") == 2


def test_a_terminal_is_offered_for_a_container_that_runs(notebook: Notebook, name: str) -> None:
    notebook.run(f"%%container {BASE} -d --name {name}\n{TICKS}")
    seen = notebook.run(f"%shell {name}")
    assert not seen.error
    assert seen.text == f"A terminal in {name}\n  docker exec -it {name} sh"
    assert seen.displays[0]["application/vnd.container-magics.shell.v1+json"] == {"container": name}
    notebook.run(f"%container stop {name}")
    seen = notebook.run(f"%shell {name}")
    assert (seen.error, seen.sentence) == ("Conflict", f"{name} does not run.")
    assert notebook.run("%shell nobody").error == "NotFound"
