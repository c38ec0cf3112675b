"""What goes wrong is one clear sentence with what to do; nothing is left, and nothing is lost."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from conftest import Notebook, Seen, wait_until
from leftovers import Inventory

from container_magics.engine import private
from container_magics.engine.client import Engine

BASE = "container-magics/base:bookworm"
pytestmark = pytest.mark.usefixtures("nothing_left")


def one_sentence(seen: Seen, error: str, *words: str) -> None:
    """A short error of that kind that holds these words, and no traceback."""
    assert seen.error == error, seen
    assert "Traceback" not in seen.told
    assert seen.sentence.count("\n") == 0
    for word in words:
        assert word in seen.told


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--nam box", ("no flag --nam", "Did you mean --name?")),
        ("--memory lots", ("not a size", "256m")),
        ("-p eighty", ("write PORT",)),
        ("-v data", ("SOURCE:TARGET",)),
        ("--as pythn", ("does not know", "python")),
        ("--timeout soon", ("not a time",)),
        ("'unclosed", ("quotation mark",)),
        ("another", ("one word too many",)),
    ],
)
def test_what_was_typed_wrong_is_said_and_nothing_is_sent(
    notebook: Notebook, line: str, words: tuple[str, ...]
) -> None:
    one_sentence(notebook.run(f"%%container {BASE} {line}\ntrue"), "UsageError", *words)


def test_an_unknown_image(notebook: Notebook) -> None:
    seen = notebook.run("%%container nobody-has/this:1\ntrue")
    one_sentence(seen, "ImageNotFound", "nobody-has/this:1", "%images")


def test_a_name_that_no_image_can_have(notebook: Notebook) -> None:
    one_sentence(notebook.run("%%container Not:An:Image\ntrue"), "UsageError", "lower case")


def test_an_interpreter_that_the_image_has_not(notebook: Notebook) -> None:
    seen = notebook.run(f"%%container {BASE} --as ruby\nputs 1")
    one_sentence(seen, "ContainerFailed", "has no ruby; it has sh, bash, perl", "--as")


def test_a_malformed_dockerfile(notebook: Notebook) -> None:
    seen = notebook.run("%%image cm-test/bad\nFROM scratch\nCOPPY a b")
    one_sentence(seen, "DockerfileError", "COPPY", "COPY")


@pytest.mark.parametrize("magic", [f"%%container {BASE}", "%%image cm-test/empty", "%%ssh box"])
def test_an_empty_cell(notebook: Notebook, magic: str) -> None:
    seen = notebook.run(f"{magic}\n\n   \n")
    assert seen.error in ("UsageError", "DockerfileError")
    assert "empty" in seen.told


def test_a_port_in_use_by_a_program(notebook: Notebook) -> None:
    notebook.run("import socket; s = socket.socket(); s.bind(('127.0.0.1', 18701)); s.listen()")
    seen = notebook.run(f"%%container {BASE} -p 18701:80\ntrue")
    one_sentence(seen, "PortTaken", "18701", "another program", "-p 80")
    notebook.run("s.close()")


@pytest.fixture
def stranger(engine: Engine, base: str) -> Iterator[str]:
    """A container that somebody else made, with a name and a port."""
    made = engine.api.create_container(
        base,
        ["sleep", "600"],
        name="cm-test-stranger",
        ports=[80],
        host_config=engine.api.create_host_config(port_bindings={80: ("127.0.0.1", 18702)}),
    )
    try:
        engine.api.start(made["Id"])
        yield made["Id"]
    finally:
        engine.api.remove_container(made["Id"], force=True)


def test_a_stranger_s_name_and_port_are_left_alone(
    notebook: Notebook, engine: Engine, stranger: str
) -> None:
    name = notebook.run(f"%%container {BASE} --name cm-test-stranger\ntrue")
    one_sentence(name, "NameTaken", "cm-test-stranger", "did not make")
    port = notebook.run(f"%%container {BASE} -p 18702:80\ntrue")
    one_sentence(port, "PortTaken", "18702", "cm-test-stranger")
    box = notebook.run("%sshbox cm-test-stranger")
    one_sentence(box, "NameTaken", "cm-test-stranger")
    removal = notebook.run("%container rm cm-test-stranger")
    one_sentence(removal, "NameTaken", "not made in a notebook of yours", "%container rm -f")
    assert engine.api.inspect_container(stranger)["State"]["Running"]


def test_a_name_is_no_beginning_of_an_id(notebook: Notebook, engine: Engine, stranger: str) -> None:
    name = stranger[:8]
    try:
        assert not notebook.run(f"%%container {BASE} -d --name {name}\nsleep 60").error
        assert engine.api.inspect_container(stranger)["State"]["Running"]
    finally:
        engine.api.remove_container(engine.api.containers(filters={"name": f"^/{name}$"})[0]["Id"],
                                    force=True)  # fmt: skip


def test_a_folder_is_not_replaced_by_a_file(notebook: Notebook, tmp_path: Path) -> None:
    name = "cm-test-cp"
    (tmp_path / "note.txt").write_text("copied\n")
    notebook.run(
        f"%%container {BASE} -d --name {name}\nmkdir -p /srv/work; touch /srv/work/mine; sleep 99"
    )
    try:
        seen = notebook.run(f"%container cp {tmp_path}/note.txt {name}:/srv/work")
        assert f"{name}:/srv/work/note.txt" in seen.text
        shown = notebook.run(f"%%container --in {name}\nls /srv/work; cat /srv/work/note.txt")
        assert shown.stdout == "mine\nnote.txt\ncopied\n"
        lost = notebook.run(f"%container cp {tmp_path}/note.txt {name}:/no/such/folder/x")
        one_sentence(lost, "NotFound", "/no/such/folder")
        back = tmp_path / "back"
        back.mkdir()
        assert not notebook.run(f"%container cp {name}:/srv/work/note.txt {back}").error
        assert (back / "note.txt").read_text() == "copied\n"
        (back / "work").write_text("a file")
        folder = notebook.run(f"%container cp {name}:/srv/work {back}")
        one_sentence(folder, "UsageError", "is a file, and would be replaced by a folder")
        assert (back / "work").read_text() == "a file"
        nowhere = notebook.run(f"%container cp {name}:/srv/work/note.txt {tmp_path}/no/such")
        one_sentence(nowhere, "UsageError", "No such file or directory")
    finally:
        notebook.run(f"%container rm {name}")


def test_what_cannot_be_started_inside_says_why(notebook: Notebook) -> None:
    name = "cm-test-inside-bad"
    notebook.run(f"%%container {BASE} -d --name {name}\nsleep 99")
    try:
        for flags, words in (("-u nobody99", "nobody99"), ("-w /etc/passwd", "/etc/passwd")):
            seen = notebook.run(f"%%container --in {name} {flags}\ntrue")
            one_sentence(seen, "ContainerFailed", "could not start the program", words)
        notebook.run(f"%container stop {name}")
        stopped = notebook.run(f"%%container --in {name}\ntrue")
        one_sentence(stopped, "Conflict", "not running")
    finally:
        notebook.run(f"%container rm {name}")


def test_a_script_that_is_a_file_leaves_none_inside(notebook: Notebook) -> None:
    name = "cm-test-inside-file"
    notebook.run(f"%%container {BASE} -d --name {name}\nsleep 99")
    try:
        assert notebook.run(f"%%container --in {name}\n#!/bin/bash\necho $0").stdout.startswith(
            "/."
        )
        assert "nothing was written" in notebook.run(f"%container changes {name}").text
    finally:
        notebook.run(f"%container rm {name}")


def test_what_ends_at_once_is_not_said_to_run(notebook: Notebook) -> None:
    try:
        seen = notebook.run(f"%%container {BASE} -d --name cm-test-short\necho oh; exit 3")
        assert "has ended already, with exit status 3" in seen.text
        assert notebook.run("%container logs cm-test-short").stdout == "oh\n"
    finally:
        notebook.run("%container rm cm-test-short")
    rm = notebook.run(f"%%container {BASE} -d --rm --name cm-test-short\nsleep 0.5")
    assert not rm.error
    assert wait_until(lambda: notebook.run("%container logs cm-test-short").error == "NotFound")


def test_two_ports_of_this_machine_may_lead_to_one(notebook: Notebook) -> None:
    try:
        seen = notebook.run(
            f"%%container {BASE} -d --name cm-test-ports -p 18711:80 -p 18712:80\nsleep 99"
        )
        assert "127.0.0.1:18711" in seen.text
        assert "127.0.0.1:18712" in seen.text
    finally:
        notebook.run("%container rm cm-test-ports")


def test_a_container_that_is_not_there(notebook: Notebook) -> None:
    for cell in ("%%container --in nobody\ntrue", "%container logs nobody", "%container rm nobody"):
        one_sentence(notebook.run(cell), "NotFound", "nobody", "%containers")


def test_bytes_that_are_no_text(notebook: Notebook) -> None:
    seen = notebook.run(f"%%container {BASE}\nprintf 'a\\377\\376b\\303\\n'")
    assert seen.stdout == "a\ufffd\ufffdb\ufffd\n"
    assert "3 bytes of the output could not be shown as text" in seen.text
    assert "--out" in seen.text
    notebook.run(f"%%container {BASE} --out raw\nhead -c 256 /dev/urandom; printf '\\377'")
    assert notebook.run("print(type(raw).__name__, len(raw))").stdout == "bytes 257\n"


def test_a_character_may_come_in_two_pieces(notebook: Notebook) -> None:
    seen = notebook.run(f"%%container {BASE}\nprintf '\\303'; sleep 0.3; printf '\\251\\n'")
    assert seen.stdout == "é\n"


def test_a_flood_is_capped_counted_and_kept(notebook: Notebook) -> None:
    started = time.monotonic()
    seen = notebook.run(f"%%container {BASE}\nhead -c 100000000 /dev/zero | tr '\\0' x")
    assert not seen.error
    assert len(seen.stdout) == 1_000_000
    assert "99 MB more" in seen.text
    assert notebook.run("print(len(_run.stdout))").stdout == "100000000\n"
    assert time.monotonic() - started < 180


def test_what_is_more_than_is_kept_is_said(notebook: Notebook) -> None:
    notebook.run("%config Workbench.kept_limit_bytes = 1000")
    try:
        seen = notebook.run(f"%%container {BASE} --out many\nhead -c 3500 /dev/zero | tr '\\0' x")
        assert "The last 2.5 kB of output are lost" in " ".join(seen.text.split())
        assert "kept_limit_bytes" in seen.text
        assert notebook.run("print(many == 'x' * 1000)").stdout == "True\n"
        assert not notebook.run(f"%%container {BASE} --out some\necho short").displays
    finally:
        notebook.run("%config Workbench.kept_limit_bytes = 1_000_000_000")


def test_a_flood_can_be_stopped(notebook: Notebook) -> None:
    message = notebook.begin(f"%%container {BASE}\nyes")
    time.sleep(2)
    pressed = time.monotonic()
    notebook.stop_button()
    assert notebook.wait(message).error == "CellStopped"
    assert time.monotonic() - pressed < 30


def test_escapes_are_dropped_and_colours_kept(notebook: Notebook) -> None:
    seen = notebook.run(
        f"%%container {BASE}\n"
        "printf '\\033[31mred\\033[0m \\033[2J\\033]0;title\\007\\033]8;;http://x\\033\\\\link\\n'"
    )
    assert seen.stdout == "\x1b[31mred\x1b[0m link\n"


def test_html_stays_text(notebook: Notebook, engine: Engine) -> None:
    image = "<img src=x onerror=alert(2)>"
    shout = f"<script>alert(1)</script>{image}"
    seen = notebook.run(f"%%container {BASE}\necho '{shout}'")
    assert seen.stdout == shout + "\n"
    assert not seen.displays
    try:
        notebook.run(f"%%container {BASE} -d --name cm-test-html\ntouch '/{image}'; sleep 99")
        assert wait_until(lambda: "src=x" in notebook.run("%container changes cm-test-html").text)
        changes = notebook.run("%container changes cm-test-html")
        top = notebook.run("%container top cm-test-html")
        for seen in (changes, top):
            assert "&lt;img src=x" in seen.html
            assert "<img" not in seen.html
    finally:
        notebook.run("%container rm cm-test-html")


def test_a_name_in_a_flag_cannot_reach_the_engine_s_address(notebook: Notebook) -> None:
    seen = notebook.run("%%container --in ../images/json\ntrue")
    assert seen.error in ("UsageError", "NotFound")


@pytest.fixture
def lonely(as_root: None, tmp_path: Path) -> Iterator[Notebook]:
    """A notebook in a mount namespace where the machine's own sockets are hidden."""
    python = tmp_path / "python"
    hide = f'mount -t tmpfs none /run && exec {sys.executable} "$@"'
    python.write_text(f"#!/bin/sh\nexec unshare --mount sh -c '{hide}' sh \"$@\"\n")
    python.chmod(0o755)
    opened = Notebook(
        python=str(python), DOCKER_HOST="", CONTAINER_MAGICS_STATE=str(tmp_path),
        HOME=str(tmp_path), XDG_RUNTIME_DIR=str(tmp_path), DOCKER_CONTEXT="", DOCKER_CONFIG="",
    )  # fmt: skip
    yield opened
    opened.close()


def test_no_engine_anywhere(lonely: Notebook) -> None:
    seen = lonely.run(f"%%container {BASE}\ntrue")
    one_sentence(seen, "NoEngine", "container-magics engine start", "no socket there")
    assert seen.stdout == ""


def test_no_engine_where_it_was_named(
    new_notebook: Callable[..., Notebook], tmp_path: Path
) -> None:
    nowhere = new_notebook(DOCKER_HOST=f"unix://{tmp_path}/nobody.sock")
    for cell in (f"%%container {BASE}\ntrue", "%containers", "%layers x", "%sshbox", "%engine"):
        one_sentence(nowhere.run(cell), "NoEngine", f"{tmp_path}/nobody.sock", "DOCKER_HOST")
    assert "nobody.sock" in nowhere.run("%doctor").text


@pytest.fixture
def engine_to_stop(
    as_root: None, engine: Engine, base: str, tmp_path: Path
) -> Iterator[tuple[Path, str]]:
    """(state folder, address) of an engine that a test may stop; it has the base image."""
    state = tmp_path / "state"
    url = private.start(state).url
    api = docker.APIClient(url, version="auto", timeout=120)
    for _ in api.load_image(engine.api.get_image(base)):
        pass
    api.close()
    yield state, url
    private.stop(state)


def test_the_engine_stops_in_the_middle_of_a_run(
    new_notebook: Callable[..., Notebook], engine_to_stop: tuple[Path, str], nothing_left: Inventory
) -> None:
    state, url = engine_to_stop
    notebook = new_notebook(DOCKER_HOST=url)
    message = notebook.begin(f"%%container {BASE}\necho begun; sleep 60")
    while notebook.client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass
    ending = threading.Thread(target=private.stop, args=(state,))
    ending.start()
    seen = notebook.wait(message)
    ending.join()
    # an engine that is told to end ends its containers first, and may still tell how
    if seen.error != "EngineLost":
        one_sentence(seen, "ContainerFailed", "ended with exit status 137")
    assert seen.stdout == ""  # "begun" was read above
    assert "Traceback" not in seen.told
    after = notebook.run(f"%%container {BASE}\ntrue")
    assert after.error in ("EngineLost", "NoEngine")
    private.start(state)
    assert notebook.run(f"%%container {BASE}\necho back").stdout == "back\n"
    assert "no containers" in notebook.run("%containers -a").text
