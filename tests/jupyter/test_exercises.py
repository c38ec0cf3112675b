"""Exercises in a notebook: begun, looked at, hinted, done, begun anew; and what goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from conftest import Notebook

from container_magics.engine.client import Engine
from container_magics.jupyter.packing import packed

BOX = "cm-test-exercised"
HELLO = f"""\
%%exercise hello --box {BOX} --points 2
Leave the word `{{{{word}}}}` in the file `hello` on your box.

--- values
word = apple | pear | plum
--- setup
rm -f hello
--- check
test -f hello || fail "There is no file hello in your home."
grep -qx {{{{word}}}} hello || fail "The file hello has another word in it."
--- hint
`%%ssh {BOX}` runs a cell there.
--- hint
`echo WORD > FILE` writes one.
--- solution
%%ssh {BOX}
echo {{{{word}}}} > hello
"""


@pytest.fixture(scope="module")
def notebook(
    engine: Engine, base: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Notebook]:
    """A notebook of this module's own: its progress lies in a folder of pytest's."""
    kernel = Notebook(JPY_SESSION_NAME=str(tmp_path_factory.mktemp("notebook") / "all.ipynb"))
    try:
        yield kernel
    finally:
        kernel.close()


@pytest.fixture(scope="module")
def box(notebook: Notebook) -> Iterator[str]:
    seen = notebook.run(f"%sshbox {BOX}")
    assert not seen.error, seen.told
    yield BOX
    notebook.run(f"%sshbox rm {BOX}")


@pytest.fixture
def own(tmp_path: Path, engine: Engine, base: str) -> Iterator[Notebook]:
    """A notebook of the test's own, with its progress in ``tmp_path``."""
    kernel = Notebook(JPY_SESSION_NAME=str(tmp_path / "lesson.ipynb"), CONTAINER_MAGICS_SEED="anna")
    try:
        yield kernel
    finally:
        kernel.close()


def begun(notebook: Notebook, cell: str = HELLO) -> str:
    """Begin an exercise; what is shown under its text."""
    seen = notebook.run(cell)
    assert not seen.error, seen.told
    return seen.displays[-1]["text/plain"]


def test_the_story_of_an_exercise(notebook: Notebook, box: str) -> None:
    notebook.run(f"%%ssh {BOX}\necho old > hello")
    seen = notebook.run(HELLO)
    assert seen.displays[0]["text/markdown"].startswith("Leave the word `")
    assert "not done yet" in seen.displays[1]["text/plain"]
    assert "hello: There is no file hello in your home." in notebook.run("%check").text
    assert "has 2 hints for you" in notebook.run("%check hello").text
    assert "Hint 1 of 2: `%%ssh" in notebook.run("%hint").text
    assert "Hint 2 of 2: `echo" in notebook.run("%hint hello").text
    again = notebook.run("%hint hello")
    assert again.text.index("Hint 1 of 2: ") < again.text.index("%solve hello")
    assert "`" not in again.html, "what stands between backticks is drawn as code"
    notebook.run(f"%%ssh {BOX}\necho wrong > hello")
    assert "has another word in it" in notebook.run("%check").text
    assert "`%solve hello`" in notebook.run("%check").text
    word = seen.displays[0]["text/plain"].split("`")[1]
    notebook.run(f"%%ssh {BOX}\necho {word} > hello")
    assert "hello: done, well done." in notebook.run("%check").text
    assert f"echo {word} > hello" in notebook.run("%solve").text
    assert "2 of 2" in notebook.run("%progress").text
    assert "a clean start" in notebook.run("%reset hello").text
    assert "There is no file hello" in notebook.run("%check").text


def test_running_the_cell_again_keeps_what_the_student_did(notebook: Notebook, box: str) -> None:
    cell = HELLO.replace("exercise hello", "exercise kept")
    begun(notebook, cell)
    notebook.run("%solve kept --run")
    assert "not done yet" not in begun(notebook, cell).replace("kept: not done yet", "")
    assert "kept: done" in notebook.run("%check kept").text


def test_a_solution_that_is_shown_first_costs_the_points(own: Notebook) -> None:
    own.run(PYTHON)
    assert "counts no points" in own.run("%solve count --run").text
    assert "count: done." in own.run("%check").text
    graded = own.run("%check --grade")
    assert graded.error == "CheckFailed"
    assert "0 of 1" in own.run("%progress").text


PYTHON = """\
%%exercise count
Make `n` the number of layers.
--- setup python
wanted = 3
globals().pop("n", None)
--- check python
assert "n" in globals(), "There is no variable n."
if n != wanted:
    fail("n is not 3.")
--- solution
n = 3
"""


def test_python_looks_at_the_notebook_s_own_variables(own: Notebook) -> None:
    begun(own, PYTHON)
    assert "There is no variable n." in own.run("%check").text
    own.run("n = 2")
    assert "n is not 3." in own.run("%check").text
    own.run("n = 3")
    assert own.run("%check --grade").displays[0]["text/plain"] == "1.0"


def test_a_check_that_raises_says_so_in_a_sentence(own: Notebook) -> None:
    begun(own, PYTHON.replace("if n != wanted:", "if n / 0:"))
    own.run("n = 1")
    seen = own.run("%check")
    assert "The check could not look: ZeroDivisionError: division by zero" in seen.text
    assert not seen.error


CATCHES = """python
import time
while True:
    try:
        time.sleep(100)
    except Exception:
        pass"""


@pytest.mark.parametrize(
    "code", ["python\nwhile True: pass", CATCHES, "\nsleep 100", "\nyes", "\ncat"]
)
def test_a_check_that_hangs_is_stopped(notebook: Notebook, box: str, code: str) -> None:
    cell = f"%%exercise hang --box {BOX} --timeout 1s\nx\n--- check {code}\n--- solution\ny"
    begun(notebook, cell)
    seen = notebook.run("%check")
    if code == "\ncat":  # its stdin is empty: it ends
        assert "hang: done" in seen.text
    else:
        assert "it ran longer than 1 s" in seen.text
    assert seen.took_s < 15


def test_what_is_missing_is_the_last_that_was_written(notebook: Notebook, box: str) -> None:
    """A program complains on stderr, the check then says on stdout what is missing: 20 times."""
    script = "grep -q x word || fail 'There is no word.'"
    begun(notebook, f"%%exercise order --box {BOX}\nx\n--- check\n{script}\n--- solution\ny")
    seen = {notebook.run("%check").text.splitlines()[0] for _ in range(20)}
    assert seen == {"Warning: order: There is no word."}


def test_a_secret_that_a_check_prints_is_not_shown(notebook: Notebook, box: str) -> None:
    token = "ghp_" + "a1B2" * 9
    cell = f"%%exercise leak --box {BOX}\nx\n--- check\nfail 'token={token}'\n--- solution\ny"
    begun(notebook, cell)
    seen = notebook.run("%check")
    assert "leak:" in seen.text
    assert token not in seen.text + seen.html


def test_what_a_check_prints_is_hostile(notebook: Notebook, box: str) -> None:
    script = r"printf '\033[31m<script>alert(1)</script>\n'; exit 1"
    begun(notebook, f"%%exercise odd --box {BOX}\nx\n--- check\n{script}\n--- solution\ny")
    seen = notebook.run("%check")
    assert "<script>alert(1)</script>" in seen.text
    assert "<script>" not in seen.html
    assert "\033" not in seen.text


def test_without_its_box_the_student_is_told_to_start_it(own: Notebook) -> None:
    cell = "%%exercise far --box cm-test-nowhere\nx\n--- check\ntrue\n--- solution\ny"
    begun(own, cell)
    seen = own.run("%check")
    assert "There is no box 'cm-test-nowhere' yet." in seen.text
    assert "%sshbox cm-test-nowhere" in seen.text
    seen = own.run(cell.replace("--- check", "--- setup\ntrue\n--- check"))
    assert seen.error == "NotFound"


def test_an_unknown_name_is_answered_with_a_near_one(own: Notebook) -> None:
    begun(own, PYTHON)
    for magic in ("%check", "%hint", "%solve"):
        seen = own.run(f"{magic} cuont")
        assert seen.error == "UsageError"
        assert "Did you mean count?" in seen.told


def test_ipython_s_own_reset_still_works(own: Notebook) -> None:
    own.run("kept = 1")
    own.run("%reset -f")
    assert own.run("kept").error == "NameError"


def test_the_reset_of_an_exercise_never_clears_the_notebook(own: Notebook) -> None:
    """A student who says yes to IPython's question would lose the variables."""
    own.run("kept = 1")
    for line in ("%reset later", "%reset later -f", "%reset -f later"):
        seen = own.run(line)
        assert seen.error == "UsageError", line
        assert "First run the cell that shows it: `%exercise later`" in seen.told
    begun(own, PYTHON)
    assert own.run("%reset later").error == "UsageError"
    assert own.run("kept").text == "1"
    own.run("%reset -f out")
    assert own.run("kept").text == "1"


def test_the_progress_lies_beside_the_notebook_and_outlives_the_kernel(
    own: Notebook, tmp_path: Path, engine: Engine
) -> None:
    begun(own, PYTHON)
    own.run("n = 3")
    own.run("%check")
    own.close()
    kept = json.loads((tmp_path / "lesson.progress.json").read_text())
    assert kept["exercises"]["count"]["checks"] == 1
    after = Notebook(JPY_SESSION_NAME=str(tmp_path / "lesson.ipynb"))
    try:
        assert "count: done." in begun(after, PYTHON)
        csv, grades = tmp_path / "done.csv", tmp_path / "grades.csv"
        seen = after.run(f"%progress --csv {csv} --nbgrader {grades}")
        assert "1 of 1" in seen.text
    finally:
        after.close()
    assert csv.read_text().splitlines()[1].startswith("count,done,1.0,1.0,1,0,")
    assert grades.read_text().splitlines()[1].startswith("lesson,")
    assert grades.read_text().splitlines()[1].endswith(",1.0,0.0,1.0,1.0")


def test_a_damaged_progress_is_said_and_begun_anew(own: Notebook, tmp_path: Path) -> None:
    (tmp_path / "lesson.progress.json").write_text("{")
    seen = own.run(PYTHON)
    assert "lesson.progress.json could not be read" in seen.text
    assert (tmp_path / "lesson.progress.json.damaged").read_text() == "{"


def proved(*paths: Path) -> subprocess.CompletedProcess[str]:
    """The command, as a teacher types it."""
    command = [sys.executable, "-m", "container_magics.cli", "test", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def written(folder: Path, *cells: str) -> Path:
    kernel = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata=kernel
    )
    nbformat.write(book, folder / "lesson.ipynb")
    return folder / "lesson.ipynb"


def test_every_exercise_of_a_notebook_is_proved(tmp_path: Path, engine: Engine, base: str) -> None:
    written(tmp_path, f"%sshbox {BOX}-2", HELLO.replace(BOX, f"{BOX}-2"), "%check", PYTHON)
    done = proved(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lesson.ipynb: hello: proved (" in done.stdout
    assert "lesson.ipynb: count: proved (" in done.stdout
    assert done.stdout.endswith("All proved: 2 exercises.\n")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('globals().pop("n", None)', "n = 3"), "the check passes before anything is done"),
        (("n = 3\n", "n = 4\n"), "the check fails after the solution: CheckFailed: count: n is"),
        (("n = 3\n", "1/0\n"), "the solution fails: ZeroDivisionError"),
        (("--- check", "--- reset python\nwanted = 3\n--- check"), "passes after a reset"),
        (("--- check", "--- reset python\n1/0\n--- check"), "the reset fails: CheckFailed"),
    ],
)
def test_what_is_wrong_with_an_exercise_is_said(
    tmp_path: Path, engine: Engine, change: tuple[str, str], problem: str
) -> None:
    del engine
    written(tmp_path, PYTHON.replace(*change))
    done = proved(tmp_path / "lesson.ipynb")
    assert done.returncode == 1
    assert "count: NOT PROVED: " in done.stdout
    assert problem in done.stdout
    assert "Not proved: 1 of 1 exercise." in done.stderr


def test_a_name_that_comes_twice_and_a_cell_that_fails_are_told(tmp_path: Path) -> None:
    written(tmp_path, PYTHON, PYTHON)
    assert "count: NOT PROVED: its name comes twice" in proved(tmp_path).stdout
    written(tmp_path, "1/0", PYTHON)
    done = proved(tmp_path)
    assert "the cell `1/0`: NOT PROVED: ZeroDivisionError" in done.stdout
    assert proved(tmp_path / "none").returncode == 1


def test_the_students_copy_shows_no_answer_and_works(
    tmp_path: Path, notebook: Notebook, box: str
) -> None:
    book = written(tmp_path, f"%sshbox {BOX}", HELLO)
    nbformat.validate(nbformat.read(book, 4))
    data, count = packed(book.name, book.read_bytes())
    assert count == 1
    for answer in (b"grep", b"rm -f", b"echo", b"plum"):
        assert answer not in data
    cell = nbformat.reads(data.decode(), 4).cells[1].source
    notebook.run(cell.replace("exercise hello", "exercise given"))
    notebook.run("%solve given --run")
    assert "given: done" in notebook.run("%check").text
