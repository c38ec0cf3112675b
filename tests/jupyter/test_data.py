"""Python values, files and folders in and out of a cell's container, in a real notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Notebook

from container_magics.engine.client import Engine

BASE = "container-magics/base:bookworm"
BOX = "cm-test-data-box"


@pytest.fixture(scope="module")
def table(notebook: Notebook) -> Notebook:
    """The notebook, with values of many kinds."""
    made = notebook.run(
        "import io, pathlib\n"
        "import pandas as pd\n"
        "frame = pd.DataFrame({'name': ['ä', 'b'], 'n': [1, 2]})\n"
        "class Polars:\n"
        "    def write_csv(self): return 'name,n\\nä,1\\nb,2\\n'\n"
        "polars = Polars()\n"
        "text, raw, empty = 'name,n\\nä,1\\nb,2\\n', b'\\xff\\x00\\n', ''\n"
        "file, binary = io.StringIO(text), io.BytesIO(text.encode())\n"
        "lines = (line + '\\n' for line in text.splitlines())\n"
        "number = 5"
    )
    assert not made.error, made.told
    return notebook


@pytest.fixture
def box(notebook: Notebook) -> Iterator[str]:
    """A container that runs."""
    seen = notebook.run(f"%%container {BASE} -d --name {BOX}\nsleep 1000")
    assert not seen.error, seen.told
    yield BOX
    notebook.run(f"%container rm {BOX}")


@pytest.mark.parametrize("value", ["text", "frame", "polars", "file", "binary", "lines"])
def test_what_a_program_can_be_fed(table: Notebook, value: str) -> None:
    seen = table.run(f"%%container {BASE} --stdin {value}\ncat")
    assert (seen.stdout, seen.error) == ("name,n\nä,1\nb,2\n", ""), seen.told


def test_a_file_of_this_machine_is_fed_by_its_path(table: Notebook, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("from a file")
    table.run(f"here = pathlib.Path({str(tmp_path)!r})\nnote = here / 'note'")
    assert table.run(f"%%container {BASE} --stdin note\ncat").stdout == "from a file"
    assert table.run(f"%%container {BASE} --stdin here\ncat").error == "UsageError"
    (tmp_path / "folder").mkdir()
    table.run(f"import os; home = os.environ['HOME']; os.environ['HOME'] = {str(tmp_path)!r}")
    try:
        table.run("note, folder = pathlib.Path('~/note'), pathlib.Path('~/folder')")
        assert table.run(f"%%container {BASE} --stdin note\ncat").stdout == "from a file"
        seen = table.run(f"%%container {BASE} --stdin folder\ncat")
        assert seen.sentence == "--stdin folder: ~/folder is a folder."
    finally:
        table.run("os.environ['HOME'] = home")


def test_what_no_program_can_be_fed_is_named(table: Notebook) -> None:
    for flag in ("--stdin number", "--put /x=number"):
        seen = table.run(f"%%container {BASE} {flag}\ncat")
        assert seen.error == "UsageError"
        assert flag in seen.sentence
        assert "DataFrame" in seen.told


def test_values_are_there_before_the_program_and_fetched_after_it(table: Notebook) -> None:
    seen = table.run(
        f"%%container {BASE} -w /work --put /data/in.csv=frame --put raw.bin=raw"
        " --put /data/empty=empty --get sum.txt=total --get /work/raw.bin=back\n"
        "tail -n +2 /data/in.csv | cut -d, -f2 | paste -sd+ > sum.txt\n"
        "test -f /data/empty && stat -c '%U %a %s' raw.bin"
    )
    assert (seen.stdout, seen.error) == ("root 644 3\n", ""), seen.told
    assert table.run("print((total, back == raw))").stdout == "('1+2\\n', True)\n"


def test_a_folder_goes_in_and_comes_back_as_a_dict(table: Notebook, tmp_path: Path) -> None:
    (tmp_path / "project" / "sub").mkdir(parents=True)
    (tmp_path / "project" / "run.sh").write_text("#!/bin/sh\necho ran in $(pwd)\n")
    (tmp_path / "project" / "run.sh").chmod(0o755)
    (tmp_path / "project" / "sub" / "link").symlink_to("../run.sh")
    table.run(f"project = pathlib.Path({str(tmp_path / 'project')!r})")
    seen = table.run(
        f"%%container {BASE} --put /opt/app=project --put /srv/=project --get /opt/app=after\n"
        "cd /opt/app && ./sub/link && ls /srv/project && printf '\\377' > sub/new"
    )
    assert (seen.stdout, seen.error) == ("ran in /opt/app\nrun.sh\nsub\n", ""), seen.told
    shown = table.run("print(sorted(after), after['sub/new'], after['run.sh'][:9])").stdout
    assert shown == "['run.sh', 'sub/new'] b'\\xff' #!/bin/sh\n"


def test_a_file_is_fetched_also_when_the_program_fails(table: Notebook) -> None:
    seen = table.run(f"%%container {BASE} --get /log=log --get /none=none\necho why > /log; exit 3")
    assert seen.sentence == f"The program in {BASE} ended with exit status 3."
    assert table.run("print(log)").stdout == "why\n\n"


def test_what_is_not_there_is_named(table: Notebook) -> None:
    table.run("kept = 'as before'")
    seen = table.run(f"%%container {BASE} --get /none=kept --get /etc/hostname=host\ntrue")
    assert seen.error == "NotFound"
    assert "/none" in seen.sentence
    assert BASE in seen.sentence
    assert table.run("print(kept, len(host))").stdout.startswith("as before ")


def test_a_limit_is_told_and_can_be_raised(table: Notebook, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(30_000))
    table.run(f"%config Workbench.file_limit_bytes = 20_000\nbig = pathlib.Path({str(tmp_path)!r})")
    many = "(b'x' * 1000 for _ in iter(int, 1))"  # without end
    try:
        for cell in (
            f"%%container {BASE} --put /big=big\ntrue",
            f"%%container {BASE} --stdin wide\ncat",
            f"%%container {BASE} --stdin endless\ncat",
            f"%%container {BASE} --get /big=back\nhead -c 30000 /dev/zero > /big",
            f"%%container {BASE} --get /usr/share=back\ntrue",
        ):
            table.run(f"wide, endless = 'x' * 30_000, {many}")
            seen = table.run(cell)
            assert seen.error == "TooLarge", cell
            assert "file_limit_bytes" in seen.told
    finally:
        table.run("%config Workbench.file_limit_bytes = 100_000_000")
    assert not table.run(f"%%container {BASE} --put /big=big\ntest -f /big/big").error


def test_the_limit_is_that_of_an_object_s_files_too(table: Notebook) -> None:
    table.run(f"%%container {BASE} -d --name {BOX} --box shop\nsleep 1000")
    try:
        table.run("shop.write('/four', 'four')\n%config Workbench.file_limit_bytes = 3")
        assert table.run("shop.read_text('/four')").error == "TooLarge"
        assert table.run("print(shop.read_text('/four', limit_bytes=None))").stdout == "four\n"
        table.run("%config Workbench.file_limit_bytes = 100_000_000")
        assert table.run("print(shop.read_text('/four'))").stdout == "four\n"
    finally:
        table.run("%config Workbench.file_limit_bytes = 100_000_000")
        table.run(f"%container rm {BOX}")


def test_a_path_that_is_a_folder_there_is_not_replaced(table: Notebook) -> None:
    for path in ("/etc", "/etc/"):
        seen = table.run(f"%%container {BASE} --put {path}=text\nls /etc")
        assert seen.error == "UsageError"
        assert "folder" in seen.sentence


def test_all_of_it_in_a_running_container(table: Notebook, box: str) -> None:
    seen = table.run(
        f"%%container --in {box} --put /a/in=text -w /tmp --put here=text --get /a/out=back\n"
        "cmp /a/in /tmp/here && wc -l < /a/in > /a/out"
    )
    assert not seen.error, seen.told
    assert table.run("print(back)").stdout == "3\n\n"
    lost = table.run(f"%%container --in {box} --get /none=back\ntrue")
    assert (lost.error, box in lost.sentence) == ("NotFound", True)


def test_a_container_that_is_left_running_has_its_files(table: Notebook, engine: Engine) -> None:
    try:
        seen = table.run(
            f"%%container {BASE} -d --name {BOX} --put /etc/service/settings=text\nsleep 1000"
        )
        assert not seen.error, seen.told
        shown = table.run(f"%%container --in {BOX}\nhead -1 /etc/service/settings")
        assert shown.stdout == "name,n\n"
    finally:
        table.run(f"%container rm {BOX}")


def test_folders_are_copied_both_ways(table: Notebook, box: str, tmp_path: Path) -> None:
    (tmp_path / "notes" / "deep").mkdir(parents=True)
    (tmp_path / "notes" / "deep" / "a.txt").write_text("a\n")
    seen = table.run(f"%container cp {tmp_path}/notes {box}:/srv")
    assert f"Copied 2 B to {box}:/srv/notes." in " ".join(seen.text.split())
    table.run(f"%%container --in {box}\necho b > /srv/notes/b.txt; ln -s /etc /srv/notes/out")
    seen = table.run(f"%container cp {box}:/srv/notes {tmp_path}/back")
    assert "1 entry left out" in " ".join(seen.text.split())
    assert "notes/out" in seen.text
    assert (tmp_path / "back" / "deep" / "a.txt").read_text() == "a\n"
    assert (tmp_path / "back" / "b.txt").read_text() == "b\n"
    again = table.run(f"%container cp {box}:/srv/notes/. {tmp_path}/back")
    assert not again.error, again.told


def watched(notebook: Notebook, message: str, *, stop_at: str = "") -> tuple[list[str], str]:
    """All that a cell's displays have shown, oldest first, and its error; the stop button is
    pressed when one of them has ``stop_at`` in it."""
    shown, error, pressed = list[str](), "", False
    while True:
        said = notebook.client.get_iopub_msg(timeout=60)
        if said["parent_header"].get("msg_id") != message:
            continue
        content = said["content"]
        shown += [data["text/plain"]] if (data := content.get("data")) else []
        error = content.get("ename", error)
        if stop_at and not pressed and shown and stop_at in shown[-1]:
            pressed = True
            notebook.stop_button()
        if content.get("execution_state") == "idle":
            notebook.client.get_shell_msg(timeout=60)
            return shown, error


def test_a_long_copy_shows_how_far_it_is_and_the_stop_button_ends_it(
    table: Notebook, box: str, tmp_path: Path
) -> None:
    table.run(f"%%container --in {box}\nhead -c 1500M /dev/zero > /big")
    message = table.begin(f"%container cp {box}:/big {tmp_path}/big")
    shown, error = watched(table, message, stop_at="Copying to")
    assert re.search(r"Copying to .*/big.* of 1\.57 GB", " ".join(shown[0].split())), shown
    assert error == "CellStopped"
    assert not list(tmp_path.iterdir())


def test_a_long_fetch_shows_how_far_it_is(table: Notebook, box: str) -> None:
    table.run("%config Workbench.file_limit_bytes = 600_000_000")
    table.run(f"%%container --in {box}\nmkdir /folder; head -c 500M /dev/zero > /folder/big")
    try:
        message = table.begin(f"%%container --in {box} --get /folder=back\ntrue")
        shown, error = watched(table, message)
    finally:
        table.run("%config Workbench.file_limit_bytes = 100_000_000\nback = None")
    assert not error
    assert any("Copying from /folder" in one for one in shown), shown
    assert "Copied 524 MB from /folder." in shown[-1]


def test_a_mount_with_a_strange_name_in_it_is_seen(table: Notebook, tmp_path: Path) -> None:
    (tmp_path / "é x").write_text("strange")
    table.run(f"import os; os.chdir({str(tmp_path)!r})")
    seen = table.run(f"%%container {BASE} -v .:/data\ncat '/data/é x'")
    assert (seen.stdout, seen.error) == ("strange", ""), seen.told
