"""%%container, as a reader of the notebook sees it."""

from __future__ import annotations

import pytest
from conftest import Notebook

BASE = "container-magics/base:bookworm"


def test_a_cell_runs_in_a_container_and_its_output_is_shown(notebook: Notebook) -> None:
    seen = notebook.run(f"%%container {BASE}\necho from the container\necho to stderr >&2")
    assert (seen.stdout, seen.stderr) == ("from the container\n", "to stderr\n")
    assert not seen.error
    assert not seen.displays


def test_nothing_in_a_cell_is_replaced(notebook: Notebook) -> None:
    notebook.run("HOME = x = 'of Python'")
    seen = notebook.run(f"%%container {BASE}\necho $HOME {{x}} {{}}")
    assert seen.stdout == "/root {x} {}\n"


def test_expand_replaces(notebook: Notebook) -> None:
    notebook.run("word = 'of Python'")
    seen = notebook.run(f"%%container {BASE} --expand\necho {{word}}")
    assert seen.stdout == "of Python\n"


def test_output_comes_while_the_program_runs(notebook: Notebook) -> None:
    message = notebook.begin(f"%%container {BASE}\necho first\nsleep 5\necho second")
    arrived = notebook.arrivals(message, "second")
    notebook.wait(message)
    assert arrived["second"] - arrived["first"] > 1.5


@pytest.mark.parametrize(
    ("flags", "cell", "shown"),
    [
        ("", "echo $0", "sh\n"),
        ("--as bash", "echo ${BASH_VERSION%%.*}", "5\n"),
        ("--as perl", 'print "perl here\\n"', "perl here\n"),
        ("", "#!/usr/bin/perl\nprint 'by shebang'", "by shebang"),
        ("--as bash", "#!/usr/bin/perl\nprint 'shebang wins'", "shebang wins"),
    ],
)
def test_the_interpreter_is_chosen(notebook: Notebook, flags: str, cell: str, shown: str) -> None:
    assert notebook.run(f"%%container {BASE} {flags}\n{cell}").stdout == shown


def test_docker_s_flags_mean_what_they_mean(notebook: Notebook) -> None:
    seen = notebook.run(
        f"%%container {BASE} -e 'GREETING=good day' -w /usr -u 1000 --network none"
        " --pids-limit 50 --memory 64m --hostname here\n"
        'echo "$GREETING"; pwd; id -u; hostname; ls /sys/class/net\n'
        "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null"
    )
    assert seen.stdout == "good day\n/usr\n1000\nhere\nlo\n50\n"


def test_cpus_limits_the_processor_time(notebook: Notebook) -> None:
    """Half a processor: 50 of each 100 ms, as the kernel has it (cgroup version 2, else 1)."""
    seen = notebook.run(
        f"%%container {BASE} --cpus 0.5\ncd /sys/fs/cgroup\n"
        "cat cpu.max 2>/dev/null || cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us"
    )
    assert seen.stdout.split() == ["50000", "100000"]


def test_a_folder_beside_the_notebook_can_be_mounted(notebook: Notebook, tmp_path) -> None:
    (tmp_path / "note.txt").write_text("of the host\n")
    notebook.run(f"import os; os.chdir({str(tmp_path)!r})")
    seen = notebook.run(f"%%container {BASE} -v .:/work:ro\ncat /work/note.txt; touch /work/x")
    assert seen.stdout == "of the host\n"
    assert seen.error == "ContainerFailed"
    assert not (tmp_path / "x").exists()


def test_variables_come_from_a_file(notebook: Notebook, tmp_path) -> None:
    (tmp_path / "a.env").write_text("# mine\nCITY=Bergen\nRAIN=much\n")
    notebook.run(f"import os; os.chdir({str(tmp_path)!r})")
    seen = notebook.run(
        f"%%container {BASE} --env-file a.env -e RAIN=little\necho $CITY $RAIN; env | grep -c RAIN"
    )
    assert seen.stdout == "Bergen little\n1\n"
    missing = notebook.run(f"%%container {BASE} --env-file none.env\ntrue")
    assert (missing.error, "none.env" in missing.sentence) == ("UsageError", True)


def test_a_script_that_has_to_be_a_file_cannot_be_in_a_read_only_container(
    notebook: Notebook,
) -> None:
    assert notebook.run(f"%%container {BASE} --read-only\necho out").stdout == "out\n"
    seen = notebook.run(f"%%container {BASE} --read-only\n#!/usr/bin/perl\nprint 1")
    assert (seen.error, "--read-only" in seen.sentence) == ("UsageError", True)


def test_the_entrypoint_is_given_the_interpreter(notebook: Notebook) -> None:
    seen = notebook.run(f"%%container {BASE} --entrypoint 'env GIVEN=yes'\necho $GIVEN")
    assert seen.stdout == "yes\n"


def test_output_and_status_are_kept_in_variables(notebook: Notebook) -> None:
    seen = notebook.run(
        f"%%container {BASE} --out o --err e --rc r\necho out; echo err >&2; exit 3"
    )
    assert (seen.stdout, seen.stderr, seen.error) == ("", "", "")
    assert notebook.run("print((o, e, r))").stdout == "('out\\n', 'err\\n', 3)\n"


def test_the_cell_s_stdin_is_its_own(notebook: Notebook) -> None:
    notebook.run("text = 'one\\ntwo\\n'")
    seen = notebook.run(f"%%container {BASE} --stdin text\nread first; echo got $first; cat")
    assert seen.stdout == "got one\ntwo\n"
    assert notebook.run(f"%%container {BASE}\ncat; echo end").stdout == "end\n"


def test_a_large_stdin_does_not_hold_up_the_output(notebook: Notebook) -> None:
    notebook.run("data = b'0123456789abcdef' * 500_000")
    seen = notebook.run(f"%%container {BASE} --stdin data --out back\ncat")
    assert not seen.error
    assert notebook.run("print(back.encode() == data)").stdout == "True\n"


def test_a_long_cell_runs_too(notebook: Notebook) -> None:
    lines = "\n".join(f"# {'x' * 90} {number}" for number in range(3000))
    assert notebook.run(f"%%container {BASE}\n{lines}\necho done").stdout == "done\n"


def test_a_program_that_fails_is_one_short_error(notebook: Notebook) -> None:
    seen = notebook.run(f"%%container {BASE}\nexit 7")
    assert seen.error == "ContainerFailed"
    assert seen.sentence == f"The program in {BASE} ended with exit status 7."
    assert "Traceback" not in seen.told
    assert len(seen.told.splitlines()) == 1


def test_no_check_lets_it_pass(notebook: Notebook) -> None:
    seen = notebook.run(f"%%container {BASE} --no-check\nexit 7")
    assert not seen.error
    assert notebook.run("print(_run.exit_status)").stdout == "7\n"


def test_debug_shows_the_traceback_as_well(notebook: Notebook) -> None:
    assert "Traceback" in notebook.run(f"%%container {BASE} --debug\nexit 1").stderr


def test_a_time_limit_ends_it(notebook: Notebook, engine) -> None:
    seen = notebook.run(f"%%container {BASE} --timeout 3s\necho begun\nsleep 60")
    assert seen.stdout == "begun\n"
    assert seen.error == "TimedOut"
    assert seen.took_s < 40


def test_out_of_memory_is_said(notebook: Notebook) -> None:
    seen = notebook.run(
        f"%%container {BASE} --memory 20m --as perl\nmy $x = 'x' x 200_000_000; print length $x"
    )
    assert seen.error == "ContainerFailed"
    assert "memory" in seen.told


def test_a_container_can_be_left_running_and_used(notebook: Notebook, engine) -> None:
    name = "cm-test-left"
    try:
        seen = notebook.run(f"%%container {BASE} -d --name {name} -p 80\nsleep 600")
        assert f"{name} is running" in seen.text
        assert "127.0.0.1:" in seen.text
        inside = notebook.run(f"%%container --in {name} -w /tmp\npwd; echo e >&2; exit 5")
        assert (inside.stdout, inside.stderr) == ("/tmp\n", "e\n")
        assert inside.error == "ContainerFailed"
        assert "5" in inside.sentence
        assert name in notebook.run("%containers").text
        notebook.run(f"%%container --in {name}\necho hello > /greeting")
        assert "/greeting" in notebook.run(f"%container changes {name}").text
        assert "sleep 600" in notebook.run(f"%container top {name}").text
        assert "80/tcp" in notebook.run(f"%container port {name}").text
        assert BASE in notebook.run(f"%container inspect {name}").text
    finally:
        removed = notebook.run(f"%container rm {name}")
    assert "removed" in removed.text
    assert notebook.run(f"%container inspect {name}").error == "NotFound"


def test_a_program_inside_gets_stdin_and_a_time_limit(notebook: Notebook) -> None:
    name = "cm-test-inside"
    notebook.run(f"%%container {BASE} -d --name {name}\nsleep 600")
    try:
        notebook.run("words = 'fed'")
        assert notebook.run(f"%%container --in {name} --stdin words\ncat").stdout == "fed"
        seen = notebook.run(f"%%container --in {name} --timeout 3s\nsleep 61")
        assert seen.error == "TimedOut"
        left = notebook.run(f"%%container --in {name}\nps ax | grep -c '[s]leep 61'")
        assert left.stdout == "0\n"
    finally:
        notebook.run(f"%container rm {name}")


def test_a_container_that_ends_under_a_program_inside_is_no_riddle(notebook: Notebook) -> None:
    """The program's file could not be removed from it: that is not what the reader asks about."""
    name = "cm-test-ends"
    notebook.run(f"%%container {BASE} -d --name {name}\nuntil test -e /end; do sleep 0.1; done")
    try:
        seen = notebook.run(
            f"%%container --in {name} --rc status\n"
            "#!/usr/bin/perl\n$| = 1; print 'begun'; open F, '>/end'; sleep 62"
        )
        assert (seen.error, seen.stdout) == ("", "begun"), seen.told
        assert notebook.run("print(status)").stdout == "137\n"
    finally:
        notebook.run(f"%container rm {name}")


def test_running_a_cell_twice_replaces_what_it_made(notebook: Notebook) -> None:
    name = "cm-test-twice"
    cell = f"%%container {BASE} -d --name {name} -p 18765:80\nsleep 600"
    try:
        first, second = notebook.run(cell), notebook.run(cell)
        assert not first.error + second.error
        other = notebook.run(f"%%container {BASE} -d --name {name}-b -p 18765:80\nsleep 600")
        assert not other.error, "a port that this notebook itself holds is taken back"
    finally:
        notebook.run(f"%container rm {name} {name}-b")


def test_the_help_is_complete(notebook: Notebook) -> None:
    seen = notebook.run("print(get_ipython().find_cell_magic('container').__doc__)")
    for flag in ("-e", "-v", "-p", "--name", "--timeout", "--in", "--as", "--stdin", "VERB"):
        assert flag in seen.stdout
