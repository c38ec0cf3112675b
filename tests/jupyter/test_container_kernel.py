"""A notebook whose cells run in a container: the shell's own manners, and Jupyter's."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import wait_until
from kernelplay import BASE, ContainerNotebook

from container_magics.engine.client import Engine
from container_magics.engine.ownership import PURPOSE

ASH = "cm-test-kernel-ash"
PYTHON = "cm-test-kernel-python"
SHELLESS = "cm-test-kernel-shelless"
BARE = "cm-test-kernel-without-mkdir"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def notebook(engine: Engine, base: str) -> Iterator[ContainerNotebook]:
    """A notebook that the tests of this module share."""
    opened = ContainerNotebook()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def images(engine: Engine, base: str) -> Iterator[None]:
    """One with busybox's ash and no bash, one with Python, one without a shell."""
    from conftest import Notebook

    maker = Notebook()
    made = (
        (
            f"%%image {PYTHON}\nFROM {BASE}\nRUN apt-get update -qq && apt-get install -qq -y"
            " --no-install-recommends python3 nodejs busybox-static && apt-get clean"
        ),
        (
            f"%%image {ASH}\nFROM {PYTHON} AS many\nRUN mkdir -p /new/bin"
            " && cp /bin/busybox /new/bin && for one in $(busybox --list);"
            " do ln -s busybox /new/bin/$one; done\n"
            "FROM scratch\nCOPY --from=many /new /\nENV PATH=/bin"
        ),
        (
            f"%%image {SHELLESS}\nFROM {PYTHON} AS many\nFROM scratch\n"
            "COPY --from=many /bin/busybox /busybox"
        ),
        f"%%image {BARE}\nFROM {BASE}\nRUN rm -f /bin/mkdir /usr/bin/mkdir",
    )
    try:
        for cell in made:
            seen = maker.run(cell)
            assert not seen.error, seen.told
        yield
    finally:
        maker.close()
        for name in (BARE, SHELLESS, ASH, PYTHON):
            if engine.api.images(name):
                engine.api.remove_image(name, force=True)


def test_what_a_cell_leaves_in_the_shell_is_there_in_the_next(notebook: ContainerNotebook) -> None:
    assert notebook.run("cd /usr/lib; word=kept; hail() { echo hail $1; }").error == ""
    seen = notebook.run("pwd; hail $word")
    assert (seen.stdout, seen.stderr) == ("/usr/lib\nhail kept\n", "")


def test_stderr_is_apart_from_stdout(notebook: ContainerNotebook) -> None:
    seen = notebook.run("echo out; echo err >&2; echo out again")
    assert (seen.stdout, seen.stderr) == ("out\nout again\n", "err\n")


def test_output_comes_as_it_is_written(notebook: ContainerNotebook) -> None:
    message = notebook.begin("echo first; sleep 2; echo last")
    came = notebook.arrivals(message, "last")
    assert came["last"] - came["first"] > 1


def test_a_status_other_than_0_is_one_short_error(notebook: ContainerNotebook) -> None:
    seen = notebook.run("nothing-of-that-name")
    assert seen.error == "ContainerFailed"
    assert "exit status 127" in seen.sentence
    assert "command not found" in seen.told
    assert seen.stderr == "bash: nothing-of-that-name: command not found\n"
    assert notebook.run("true\nif").stderr.startswith("bash: cell: line 3: syntax error")
    assert notebook.run("(exit 3)").sentence == "The cell ended with exit status 3."
    assert notebook.run("false || true").error == ""


def test_the_stop_button_ends_what_runs_and_not_the_shell(notebook: ContainerNotebook) -> None:
    notebook.run("before=still")
    for cell in ("sleep 300", "while :; do :; done", "sleep 300 | cat; sleep 300"):
        message = notebook.begin(f"echo begun\n{cell}")
        notebook.arrivals(message, "begun")
        time.sleep(0.2)
        pressed = time.monotonic()
        notebook.stop_button()
        seen = notebook.wait(message)
        assert seen.error == "CellStopped", cell
        assert time.monotonic() - pressed < 10
    assert notebook.run("echo $before").stdout == "still\n"


def test_a_second_press_ends_what_will_not_be_interrupted(notebook: ContainerNotebook) -> None:
    message = notebook.begin("echo begun; bash -c 'trap \"\" INT; sleep 300'; echo after")
    notebook.arrivals(message, "begun")
    time.sleep(0.5)
    notebook.stop_button()
    time.sleep(0.5)
    notebook.stop_button()
    assert notebook.wait(message).error == "CellStopped"


def test_a_cell_may_ask(notebook: ContainerNotebook) -> None:
    seen, asked = notebook.ask("read -p 'Your name? ' name; echo Hello, $name", "Ada")
    assert "Hello, Ada" in seen.stdout
    assert [one["password"] for one in asked] == [False]
    seen, asked = notebook.ask("printf 'Password: '; read word; echo ${#word}", "secret")
    assert [one["password"] for one in asked] == [True]
    assert "6" in seen.stdout
    assert "secret" not in seen.stdout + seen.stderr


def test_a_program_that_asks_twice_is_answered_twice(notebook: ContainerNotebook) -> None:
    cell = "bash -c 'read a; read b; echo $b $a'"
    seen, asked = notebook.ask(cell, "one", "two")
    assert seen.stdout == "two one\n"
    assert len(asked) == 2


def test_without_an_input_box_a_cell_reads_the_end_of_its_input(
    notebook: ContainerNotebook,
) -> None:
    assert notebook.run("read line || echo ended; cat; echo over").stdout == "ended\nover\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ls /etc/hostn", "/etc/hostname"),
        ("mkdi", "mkdir"),
        ("echo $HOM", "HOME"),
        ("echo ${MY_OW", "MY_OWN"),
        ("my_ow", "my_own_function"),
        ("cat '/tmp/a fi", "'/tmp/a file"),
        ("cat /tmp/a", "/tmp/a\\ file"),
        ("ls ~/.prof", "~/.profile"),
        ("if true; then mkdi", "mkdir"),
        ("x=/etc/hostn", "/etc/hostname"),
    ],
)
def test_tab_knows_what_is_inside(notebook: ContainerNotebook, code: str, expected: str) -> None:
    notebook.run("MY_OWN=1; my_own_function() { :; }; touch '/tmp/a file' ~/.profile")
    found = notebook.asked("complete", code, len(code))
    assert expected in found["matches"]
    whole = code[: found["cursor_start"]] + expected
    assert whole.startswith(code[: found["cursor_start"]])
    assert found["cursor_end"] == len(code)


def test_tab_in_a_magic_is_the_magics_own(notebook: ContainerNotebook) -> None:
    assert "--network" in notebook.asked("complete", "%%container --netw", 18)["matches"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("echo a", "complete"),
        ("for one in a b", "incomplete"),
        ("if true; then", "incomplete"),
        ("echo 'open", "incomplete"),
        ("cat <<END\nin it", "incomplete"),
        ("cat <<END\nin it\nEND", "complete"),
        ("fi", "invalid"),
        ("echo )", "invalid"),
    ],
)
def test_the_shell_says_whether_a_cell_is_whole(
    notebook: ContainerNotebook, code: str, status: str
) -> None:
    assert notebook.asked("is_complete", code)["status"] == status


def test_shift_tab_shows_the_help(notebook: ContainerNotebook) -> None:
    notebook.run("mine() { echo of my own; }; VALUE=seen")
    for word, text in {
        "grep": "Usage: grep",
        "cd": "Change the",
        "mine": "of my own",
        "VALUE": "VALUE=seen",
    }.items():
        found = notebook.asked("inspect", f"{word} ", len(word))
        assert found["found"], word
        assert text in found["data"]["text/plain"]
    assert not notebook.asked("inspect", "nothing-there", 5)["found"]


def test_shift_tab_shows_the_man_page_where_there_is_one(notebook: ContainerNotebook) -> None:
    """By a program man of the test's own, for the base image has none: it knows one page."""
    man = """cat > /usr/local/bin/man <<'END'
#!/bin/sh
[ "$1" = -P ] && [ "$2" = cat ] && shift 2
way=; [ "$1" = -w ] && { way=1; shift; }
[ "$1" = -- ] && [ "$2" = sed ] || exit 16
[ "$way" ] && echo /usr/share/man/man1/sed.1.gz || echo "SED(1), $MANWIDTH columns"
END
chmod +x /usr/local/bin/man"""
    try:
        assert notebook.run(man).error == ""
        assert notebook.asked("inspect", "sed -n", 2)["data"]["text/plain"] == (
            "SED(1), 80 columns"
        )
        found = notebook.asked("inspect", "grep", 2)["data"]["text/plain"]
        assert "Usage: grep" in found, "without a page it is --help"
    finally:
        notebook.run("rm /usr/local/bin/man")


def test_a_script_of_the_reader_s_own_is_not_run_for_its_help(
    notebook: ContainerNotebook,
) -> None:
    notebook.run("printf '#!/bin/sh\\ntouch /tmp/was-run\\n' > /tmp/mine; chmod +x /tmp/mine")
    assert notebook.asked("inspect", "/tmp/mine", 5)["found"]
    assert notebook.run("test -e /tmp/was-run").error == "ContainerFailed"


def test_a_help_that_does_not_come_is_given_up(notebook: ContainerNotebook) -> None:
    notebook.run(
        "printf '#!/bin/sh\\nsleep 300\\n' > /usr/local/bin/mute; chmod +x /usr/local/bin/mute"
    )
    asked_s = time.monotonic()
    assert "/usr/local/bin/mute" in str(notebook.asked("inspect", "mute", 3)["data"])
    assert time.monotonic() - asked_s < 60
    assert notebook.run("echo next").stdout == "next\n"


@pytest.mark.parametrize("language", ["bash", "sh"])
def test_no_option_of_the_shell_s_harms_a_question_nor_a_question_the_shell(
    base: str, language: str
) -> None:
    """What ``set`` has in the reader's own shell is the reader's."""
    strict = ContainerNotebook("--language", language, BASE)
    try:
        fails = (
            "printf '#!/bin/sh\\nexit 1\\n' > /usr/local/bin/fails; chmod +x /usr/local/bin/fails"
        )
        assert strict.run(f"{fails}; word=kept").error == ""
        assert strict.run("set -euC; set -f").error == ""
        assert strict.asked("complete", "zzqq", 4)["matches"] == []
        assert strict.asked("complete", "echo $ZZQQ", 10)["matches"] == []
        assert "/etc/hostname" in strict.asked("complete", "ls /etc/hostn", 13)["matches"]
        assert "fails" in str(strict.asked("inspect", "fails", 3)["data"])
        assert not strict.asked("inspect", "nothing-there", 5)["found"]
        for code, status in (("echo a", "complete"), ("if true", "incomplete"), ("fi", "invalid")):
            assert strict.asked("is_complete", code)["status"] == status, code
        assert strict.run("echo '<b>b</b>' | show html; echo '<i>i</i>' | show html").html
        seen = strict.run("echo $word $-")
        assert seen.stdout.startswith("kept ")
        assert set("eufC") <= set(seen.stdout.split()[1])
    finally:
        strict.close()


def test_history_is_kept(notebook: ContainerNotebook) -> None:
    notebook.run("echo for the history")
    reply = notebook.asked("history", hist_access_type="tail", n=1, raw=True)
    assert reply["history"][-1][2] == "echo for the history"


def test_files_and_pipes_are_shown_as_what_they_are(notebook: ContainerNotebook) -> None:
    cell = f"""echo {PIXEL} | base64 -d > pixel.png; display pixel.png; rm pixel.png
echo '<b>bold</b>' | show html
echo '{{"a": [1, 2]}}' | show json
printf 'name,age\\nAda,36\\n' > people.csv; display people.csv
echo between
echo '# Title' | show markdown
display /etc/hostname"""
    seen = notebook.run(cell)
    picture, html, json, table, markdown, text = seen.displays
    assert base64.b64decode(picture["image/png"]).startswith(b"\x89PNG")
    assert html["text/html"] == "<b>bold</b>\n"
    assert json["application/json"] == {"a": [1, 2]}
    assert "Ada" in table["text/html"]
    assert markdown["text/markdown"] == "# Title\n"
    assert text["text/plain"].strip() == notebook.container()
    assert seen.stdout == "between\n"


def test_what_is_shown_wrongly_is_said(notebook: ContainerNotebook) -> None:
    assert "none" in notebook.run("echo '{' | show json").text
    seen = notebook.run("display")
    assert "Name a file" in seen.stderr
    assert "No such file" in notebook.run("display nothing.png").stderr


def test_no_output_can_pass_for_the_end_of_a_cell(notebook: ContainerNotebook) -> None:
    seen = notebook.run(
        r"printf '\035%sb\035%se0\035/\035%sz' 0123456789abcdef 0123456789abcdef x"
        "\nfor n in 1 2 3; do printf '\\035'; done; echo after; (exit 5)"
    )
    assert "after" in seen.stdout
    assert seen.sentence == "The cell ended with exit status 5."


def test_the_kernel_s_own_key_shows_a_file_and_ends_no_cell(
    notebook: ContainerNotebook,
) -> None:
    """A cell may find the key, by which ``show`` speaks; the number of a cell it never sees."""
    seen = notebook.run(
        "key=$(ls -d /dev/shm/.cm-*); key=${key##*.cm-}; echo ${#key}\n"
        r"printf '\035%sb\035%se0\035/\035%sz' $key $key $key >/dev/tty"
        "\necho after; (exit 5)"
    )
    assert seen.stdout == "16\nafter\n"
    assert seen.sentence == "The cell ended with exit status 5."


def test_output_that_is_no_text_is_counted_and_said(notebook: ContainerNotebook) -> None:
    seen = notebook.run(r"printf 'a\377\376b\n'")
    assert "2 bytes of the output could not be shown as text" in seen.text
    assert (seen.stdout[0], seen.stdout[-2:]) == ("a", "b\n")
    assert not notebook.run("echo text").displays


@pytest.mark.parametrize(
    "cell",
    [
        "PS1='fake$ '; PS2='> '; PROMPT_COMMAND='echo prompted'",
        "exec <&-",
        "exec >/tmp/out; exec 2>&1; echo hidden",
        "exec >&- 2>&-",
        "alias printf=false; printf() { :; }; echo() { :; }; unset -f echo",
        "trap 'echo trapped' EXIT INT",
        "stty echo onlcr 2>/dev/null; stty -echo -opost",
        "set -u; set -o pipefail",
        "cd /nowhere 2>/dev/null; mkdir -p /tmp/gone; cd /tmp/gone; rmdir /tmp/gone",
        "sleep 100 & disown; setsid sleep 100 &",
        "printf '\\033]0;title\\007\\033[2J\\377\\376'",
        "unset PATH",
    ],
)
def test_what_a_cell_does_to_its_shell_harms_no_later_cell(
    engine: Engine, base: str, cell: str
) -> None:
    with_mind = ContainerNotebook()
    try:
        with_mind.run(cell)
        seen = with_mind.run("echo it goes on; (exit 4)")
        assert seen.stdout == "it goes on\n"
        assert seen.sentence == "The cell ended with exit status 4."
    finally:
        with_mind.close()


@pytest.mark.parametrize(
    ("cell", "status"), [("exit 3", 3), ("kill -9 $$", 137), ("exec sh -c 'exit 5'", 5)]
)
def test_a_cell_that_ends_its_shell_is_told_so_and_the_next_has_another(
    notebook: ContainerNotebook, cell: str, status: int
) -> None:
    notebook.run("touch /tmp/stays; gone=1; cd /tmp")
    seen = notebook.run(cell)
    assert seen.sentence == f"The cell ended with exit status {status}."
    assert "fresh one" in seen.text
    seen = notebook.run("ls /tmp/stays; echo [$gone]; pwd")
    assert seen.stdout == "/tmp/stays\n[]\n/tmp\n"


def test_set_e_ends_the_shell_with_its_first_failure(notebook: ContainerNotebook) -> None:
    seen = notebook.run("set -e; echo one; false; echo two")
    assert seen.stdout == "one\n"
    assert seen.sentence == "The cell ended with exit status 1."
    assert notebook.run("false; echo two").stdout == "two\n"


def test_everything_in_the_container_may_be_killed(notebook: ContainerNotebook) -> None:
    notebook.run("touch /tmp/outlives")
    notebook.run("kill -9 -1")
    assert notebook.run("ls /tmp/outlives").stdout == "/tmp/outlives\n"


def test_a_nul_is_said_to_be_one(notebook: ContainerNotebook) -> None:
    seen = notebook.run("echo a\0b")
    assert "NUL" in seen.sentence
    assert notebook.run("echo next").stdout == "next\n"


def test_a_long_cell_is_run_whole(notebook: ContainerNotebook) -> None:
    lines = "\n".join(f"n=$((n + {number}))" for number in range(20_000))
    assert notebook.run(f"n=0\n{lines}\necho $n").stdout == f"{sum(range(20_000))}\n"


def test_a_hundred_megabytes_are_counted_and_the_notebook_lives(
    notebook: ContainerNotebook,
) -> None:
    seen = notebook.run("yes 0123456789012345678901234567890123456789 | head -c 100000000")
    assert len(seen.stdout) < 1_100_000
    assert "MB more of output is not shown" in seen.text
    assert notebook.run("echo next").stdout == "next\n"


def test_a_daemon_goes_on_and_what_it_writes_comes_under_its_cell(
    notebook: ContainerNotebook,
) -> None:
    message = notebook.begin("(sleep 1; echo from later) & echo now")
    assert notebook.wait(message).stdout == "now\n"
    came = ""
    while "from later" not in came:
        late = notebook.client.get_iopub_msg(timeout=30)
        if late["msg_type"] == "stream":
            assert late["parent_header"]["msg_id"] == message
            came += late["content"]["text"]


def test_magics_work_beside_the_cells(notebook: ContainerNotebook, engine: Engine) -> None:
    seen = notebook.run("%engine\necho and a cell")
    assert "Docker" in seen.text
    assert seen.stdout == "and a cell\n"
    assert notebook.run(f"%%container {BASE}\ncat /etc/hostname").stdout.strip() != (
        notebook.container()
    )
    notebook.run("echo mine > /tmp/added-here")
    assert "/tmp/added-here" in notebook.run("%container changes").text
    assert f"Layers of {BASE}" in notebook.run(f"%layers {BASE}").text
    assert "usage" in str(notebook.asked("inspect", "%engine", 3)).lower()


def test_a_practice_box_beside_the_cells(notebook: ContainerNotebook) -> None:
    try:
        seen = notebook.run("%sshbox cm-test-kernel-box")
        assert "%%ssh cm-test-kernel-box" in seen.text, seen.told
        seen = notebook.run("%%ssh cm-test-kernel-box\nwhoami; hostname")
        assert seen.stdout == "student\ncm-test-kernel-box\n"
        assert notebook.run("whoami").stdout == "root\n"
    finally:
        removed = notebook.run("%sshbox rm cm-test-kernel-box")
    assert not removed.error, removed.told


def test_a_magic_that_would_act_on_the_notebook_s_machine_is_refused(
    notebook: ContainerNotebook, tmp_path: Path
) -> None:
    written = tmp_path / "written"
    for cell, hint in (
        (f"%%bash\ntouch {written}", "Leave that line out"),
        (f"%%writefile {written}\nx", "cat > FILE"),
        (f"%cd {tmp_path}\ntouch {written}", "Leave the % out"),
        (f"%engine\n%system touch {written}\necho not reached", "Leave that line out"),
        (f"%history -f {written}", "leave -f out"),
        (f"%%capture\nopen({str(written)!r}, 'w')", "Python (containers)"),
    ):
        seen = notebook.run(cell)
        assert seen.error == "UsageError", cell
        assert "on the notebook's machine" in seen.sentence
        assert hint in seen.told
        assert "Traceback" not in seen.told
        assert seen.stdout == "", "nothing of the cell is run"
    assert not written.exists()
    assert notebook.run(f"test -e {written}").error == "ContainerFailed"


def test_magics_that_harm_nothing_and_their_help_go_through(notebook: ContainerNotebook) -> None:
    assert notebook.run("%%html\n<i>x</i>").html == "<i>x</i>\n"
    assert notebook.run("echo for the list").error == ""
    assert "echo for the list" in notebook.run("%history -l 3").stdout
    assert notebook.run("%lsmagic").error == ""
    assert notebook.run("%cd?").error == ""
    assert notebook.run("%load_ext container_magics\necho too").stdout.endswith("too\n")
    notebook.run("echo more > /tmp/after-load-ext")
    seen = notebook.run("%container changes")
    assert "/tmp/after-load-ext" in seen.text, "it is the kernel's own %container still"
    offered = notebook.asked("complete", "%%", 2)["matches"]
    assert "%%container" in offered
    assert "%%html" in offered
    assert "%%bash" not in offered


def test_an_unknown_magic_is_the_shell_s_to_refuse(notebook: ContainerNotebook) -> None:
    assert notebook.run("%nothing_known").error == "ContainerFailed"
    assert notebook.run("echo fine").stdout == "fine\n"


def test_two_front_ends_share_one_shell(notebook: ContainerNotebook) -> None:
    other = notebook.manager.blocking_client()
    other.start_channels()
    try:
        other.wait_for_ready(timeout=60)
        notebook.run("shared=yes")
        said: list[str] = []
        other.execute_interactive(
            "echo $shared",
            timeout=60,
            output_hook=lambda one: said.append(one["content"].get("text", "")),
        )
        assert "yes\n" in said
    finally:
        other.stop_channels()


def test_image_switches_the_image(images: None, notebook: ContainerNotebook) -> None:
    before = notebook.container()
    try:
        seen = notebook.run(f"%image {ASH}")
        assert ASH in seen.text, seen.told
        seen = notebook.run("busybox | head -n 1 | cut -d ' ' -f 1; cd /bin; x=1")
        assert seen.stdout == "BusyBox\n"
        assert notebook.run("pwd; echo $x").stdout == "/bin\n1\n"
    finally:
        notebook.run(f"%image {BASE}")
    assert notebook.container() != before


def test_ash_has_the_same_manners(images: None) -> None:
    ash = ContainerNotebook(ASH)
    try:
        seen = ash.run("echo out; echo err >&2; cd /bin; f() { echo f; }")
        assert (seen.stdout, seen.stderr) == ("out\n", "err\n")
        assert ash.run("f; pwd").stdout == "f\n/bin\n"
        assert ash.run("(exit 7)").sentence == "The cell ended with exit status 7."
        seen, asked = ash.ask("printf 'name? '; read n; echo got $n", "Ada")
        assert seen.stdout == "name? got Ada\n"
        assert len(asked) == 1
        message = ash.begin("echo begun; while :; do :; done")
        ash.arrivals(message, "begun")
        time.sleep(0.2)
        ash.stop_button()
        assert ash.wait(message).error == "CellStopped"
        assert "mkdir" in ash.asked("complete", "mkdi", 4)["matches"]
        assert "/bin/mkdir" in ash.asked("complete", "ls /bin/mkdi", 12)["matches"]
        assert ash.asked("is_complete", "if true; then")["status"] == "incomplete"
        assert ash.asked("is_complete", "fi")["status"] == "invalid"
        assert ash.run("PS1='fake '; echo fine").stdout == "fine\n"
        assert ash.run("echo next").stdout == "next\n"
    finally:
        ash.close()


def test_python_cells_in_a_python_image(images: None) -> None:
    python = ContainerNotebook("--language", "python", PYTHON)
    try:
        assert python.run("x = 20").error == ""
        seen = python.run("print('said')\nx * 2 + 2")
        assert (seen.stdout, seen.text) == ("said\n", "42")
        seen = python.run("def f():\n    raise ValueError('no good')\nf()")
        assert (seen.error, seen.sentence) == ("ValueError", "no good")
        assert 'File "cell", line 2' in seen.told
        assert seen.stderr == ""
        seen, _ = python.ask("name = input('name? ')\nprint(name[::-1])", "Ada")
        assert "adA\n" in seen.stdout
        message = python.begin("import time\nprint('begun', flush=True)\ntime.sleep(300)")
        python.arrivals(message, "begun")
        python.stop_button()
        assert python.wait(message).error == "CellStopped"
        assert python.run("class P:\n    def _repr_html_(self): return '<i>p</i>'\nP()").html == (
            "<i>p</i>"
        )
        assert "time.sleep" in python.asked("complete", "time.sle", 8)["matches"]
        assert python.asked("is_complete", "for x in 1, 2:")["status"] == "incomplete"
        assert "Delay" in str(python.asked("inspect", "time.sleep", 8)["data"])
        assert python.run("import sys; sys.exit(3)").sentence.endswith("status 3.")
        assert python.run("x").text == "20"
    finally:
        python.close()


@pytest.mark.parametrize(
    "cell",
    [
        "import os; os.close(0)",
        "import os; os.close(1); os.close(2)",
        "import sys; sys.stdin = None; sys.stderr = None",
        "import os; os.mkdir('/tmp/gone'); os.chdir('/tmp/gone'); os.rmdir('/tmp/gone')",
    ],
)
def test_what_a_cell_does_to_python_s_streams_harms_no_later_cell(images: None, cell: str) -> None:
    python = ContainerNotebook("--language", "python", PYTHON)
    try:
        assert python.run("x = 20").error == ""
        assert python.run(cell).error == ""
        seen = python.run("print('it goes on')\nx")
        assert (seen.stdout, seen.text) == ("it goes on\n", "20")
    finally:
        python.close()


def test_python_that_lost_its_terminal_for_good_is_begun_anew(images: None) -> None:
    """As programs do that make themselves daemons: every descriptor is closed."""
    python = ContainerNotebook("--language", "python", PYTHON)
    try:
        assert "fresh one" in python.run("import os; os.closerange(0, 256)").text
        assert python.run("print('there')").stdout == "there\n"
    finally:
        python.close()


def test_javascript_may_have_any_name_for_its_own(images: None) -> None:
    """As ``fs``, which nearly every program has; what runs the cells is not harmed by it."""
    node = ContainerNotebook("--language", "node", PYTHON)
    try:
        seen = node.run("const fs = require('fs'), key = 1; let count = 2; function show() {}")
        assert seen.error == "", seen.told
        assert node.run("function write() { throw 1 }; function say() { throw 2 }").error == ""
        assert node.run("console.log(typeof fs.readFileSync); key + count").text == "3"
    finally:
        node.close()


def test_javascript_whose_folder_has_gone_goes_on(images: None) -> None:
    node = ContainerNotebook("--language", "node", PYTHON)
    try:
        seen = node.run(
            "const fs = require('fs'); fs.mkdirSync('/tmp/gone'); process.chdir('/tmp/gone');"
            " fs.rmdirSync('/tmp/gone'); console.log('gone')"
        )
        assert seen.stdout == "gone\n"
        assert node.run("console.log('next')").stdout == "next\n"
    finally:
        node.close()


def test_javascript_cells_in_a_node_image(images: None) -> None:
    node = ContainerNotebook("--language", "node", PYTHON)
    try:
        assert node.run("const x = 20; let y = 1").error == ""
        seen = node.run("console.log('said'); console.error('apart'); x * 2 + 2")
        assert (seen.stdout, seen.stderr, seen.text) == ("said\n", "apart\n", "42")
        seen = node.run("function f() { throw new RangeError('no good') }\nf()")
        assert (seen.error, seen.sentence) == ("RangeError", "no good")
        assert "cell:1" in seen.told
        assert "nodecells" not in seen.told
        seen = node.run("await new Promise(done => setTimeout(done, 50)); console.log('late')")
        assert seen.stdout == "late\n"
        assert node.run("Promise.resolve([1, 2])").text == "[ 1, 2 ]"
        for cell in ("while (true) {}", "new Promise(() => setInterval(() => {}, 1000))"):
            message = node.begin(f"console.log('begun'); {cell}")
            node.arrivals(message, "begun")
            time.sleep(0.2)
            node.stop_button()
            assert node.wait(message).error == "CellStopped", cell
        assert "Math.sqrt" in node.asked("complete", "Math.sq", 7)["matches"]
        assert node.asked("is_complete", "if (x) {")["status"] == "incomplete"
        assert node.asked("is_complete", "if (x) )")["status"] == "invalid"
        assert node.asked("is_complete", "x + 1")["status"] == "complete"
        assert "function" in str(node.asked("inspect", "parseInt", 8)["data"])
        assert node.run("x").text == "20"
        assert "fresh one" in node.run("process.exit(3)").text
        assert node.run("typeof x").text == "'undefined'"
    finally:
        node.close()


def test_javascript_that_is_stopped_as_it_begins_to_wait_ends(images: None) -> None:
    """Node.js may lose a signal of the moment when the cell's own code ends."""
    node = ContainerNotebook("--language", "node", PYTHON)
    try:
        for _ in range(30):
            message = node.begin(
                "console.log('begun'); new Promise(() => setInterval(() => {}, 9))"
            )
            node.arrivals(message, "begun")
            node.stop_button()
            assert node.wait(message).error == "CellStopped"
    finally:
        node.close()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("cm-test/no-such-image:1",), "There is no image"),
        ((SHELLESS,), "has no shell"),
        ((BARE,), "has no mkdir"),
        (("--language", "python", BASE), "has no python"),
        (("--memory", "16m", "--read-only", BASE), ""),
    ],
)
def test_what_cannot_be_is_one_sentence_and_another_image_mends_it(
    images: None, words: tuple[str, ...], sentence: str
) -> None:
    bad = ContainerNotebook(*words)
    try:
        seen = bad.run("echo hello")
        if not sentence:
            assert seen.stdout == "hello\n", "/dev/shm can be written in a read-only container"
            return
        assert sentence in seen.sentence
        assert "%image" in seen.told
        assert "Traceback" not in seen.told
        good = PYTHON if "python" in words else BASE
        assert not bad.run(f"%image {good}").error
        assert bad.run("print('there')" if "python" in words else "echo there").stdout == "there\n"
    finally:
        bad.close()


def test_what_was_killed_for_want_of_memory_is_said_so(engine: Engine, base: str) -> None:
    small = ContainerNotebook("--memory", "32m", BASE)
    try:
        seen = small.run("head -c 200000000 /dev/zero | tail")
        assert seen.error == "ContainerFailed"
        assert "memory" in seen.told
        assert small.run("echo next").stdout == "next\n"
    finally:
        small.close()


def test_a_container_that_is_taken_away_is_replaced(
    engine: Engine, notebook: ContainerNotebook
) -> None:
    engine.api.remove_container(notebook.container(), force=True)
    assert notebook.run("echo in another").stdout == "in another\n"
    message = notebook.begin("echo begun; sleep 300")
    notebook.arrivals(message, "begun")
    engine.api.kill(only_kernel_of(engine, notebook))
    seen = notebook.wait(message)
    assert "ended from outside" in seen.sentence
    assert notebook.run("echo in a third").stdout == "in a third\n"


class Wire:
    """A way to the engine's socket that can be cut, and mended."""

    def __init__(self, engine: Engine, path: Path) -> None:
        """Relay what comes to ``path``."""
        self._engine, self.path = str(engine.endpoint.socket), path
        self._open: list[socket.socket] = []
        self.mend()

    def mend(self) -> None:
        """Listen, for the first time or again."""
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, far = listener.accept()[0], socket.socket(socket.AF_UNIX)
                far.connect(self._engine)
                self._open += (near, far)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=(one, other), daemon=True).start()

    def cut(self) -> None:
        """End all that goes through, and answer no more."""
        self.path.unlink(missing_ok=True)
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()


def pump(one: socket.socket, other: socket.socket) -> None:
    """Hand on what ``one`` says, to its end."""
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


def test_an_engine_that_goes_away_in_a_cell_is_said_and_one_that_comes_back_is_used(
    engine: Engine, base: str, tmp_path: Path, nothing_left: object
) -> None:
    wire = Wire(engine, tmp_path / "docker.sock")
    far = ContainerNotebook(DOCKER_HOST=f"unix://{wire.path}")
    try:
        far.run("touch /tmp/stays")
        message = far.begin("echo begun; sleep 300")
        far.arrivals(message, "begun")
        wire.cut()
        seen = far.wait(message)
        assert seen.error in ("EngineLost", "NoEngine"), seen
        assert "engine" in seen.told
        assert "Traceback" not in seen.told
        assert far.run("echo nobody").error in ("EngineLost", "NoEngine")
        wire.mend()
        assert far.run("echo there again").stdout == "there again\n"
    finally:
        far.close()
        wire.cut()


def only_kernel_of(engine: Engine, notebook: ContainerNotebook) -> str:
    """The container of a notebook whose shell is busy."""
    pid = notebook.manager.provisioner.pid  # type: ignore[union-attr]
    found = engine.api.containers(filters={"label": [f"{PURPOSE}=kernel"]})
    mine = [one["Id"] for one in found if f" {pid} " in one["Labels"]["container-magics.session"]]
    assert len(mine) == 1
    return str(mine[0])


def test_a_restart_is_a_fresh_container_unless_it_is_kept(
    engine: Engine, base: str, nothing_left: object
) -> None:
    kept = ContainerNotebook()
    try:
        first = kept.container()
        restart(kept)
        second = kept.container()
        assert second != first
        assert "keeps" in kept.run("%keep").text
        kept.run("touch /tmp/kept; gone=1")
        restart(kept)
        assert kept.container() == second
        assert kept.run("ls /tmp/kept; echo [$gone]").stdout == "/tmp/kept\n[]\n"
    finally:
        kept.close()
    assert wait_until(lambda: not engine.api.containers(all=True, filters={"id": second}))


def restart(notebook: ContainerNotebook) -> None:
    """What JupyterLab's restart button does."""
    notebook.manager.restart_kernel()
    notebook.client.wait_for_ready(timeout=60)


def test_bursts_of_output_while_one_types_ahead(notebook: ContainerNotebook) -> None:
    """Cells that are sent at once run one after another, each with its own output."""
    messages = [notebook.begin(f"echo cell {number}") for number in range(20)]
    assert [notebook.wait(one).stdout for one in messages] == [
        f"cell {number}\n" for number in range(20)
    ]


def test_an_interrupt_at_any_moment_leaves_a_kernel_to_use(notebook: ContainerNotebook) -> None:
    for number in range(25):
        message = notebook.begin(f"echo {number}; sleep 0.02; echo .; sleep 0.02")
        press = threading.Timer(number / 300, notebook.stop_button)
        press.start()
        notebook.wait(message)
        press.join()
    assert notebook.run("echo whole").stdout == "whole\n"
