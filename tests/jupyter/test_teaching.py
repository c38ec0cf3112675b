"""docs/teachers.md: its files do what it says, on notes of a teacher's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from container_magics.engine.client import Engine

TEACHING = Path(__file__).resolve().parents[2] / "docs/teaching"
WORKFLOW = yaml.safe_load((TEACHING / "notes.yml").read_text(encoding="utf-8"))
KERNEL = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
VARIES = """\
import datetime, tempfile, time, uuid
now = datetime.datetime.now(datetime.timezone.utc)
print("made", now.isoformat(), "on", now.date(), "at", now.time())
print(f"took {time.perf_counter() % 10:.3f} s,", "at localhost:%d" % (time.time_ns() % 60000))
print(object(), tempfile.gettempdir() + "/" + uuid.uuid4().hex)
print((uuid.uuid4().hex * 2), "and", 10 + 7, "apples")
"""
EXERCISE = """\
%%exercise word
Set `word`.
--- setup python
globals().pop("word", None)
--- check python
assert "word" in globals(), "There is no word."
--- solution
word = 1
"""
CELLS = (
    VARIES,
    "%%container container-magics/base:bookworm -p 80 -d --name course-notes\nsleep 60",
    "%container port course-notes",
    "%container rm course-notes",
    EXERCISE,
)


@pytest.fixture
def notes(tmp_path: Path, engine: Engine, base: str) -> Path:
    """A teacher's folder, its notebook run and saved as the guide says."""
    folder = tmp_path / "notes"
    folder.mkdir()
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), folder / "one.ipynb")
    shutil.copyfile(TEACHING / "sanitize.cfg", folder / "sanitize.cfg")
    words = ("nbconvert", "--to", "notebook", "--execute", "--inplace", "notes/one.ipynb")
    ran = run(tmp_path, sys.executable, "-m", *words, CONTAINER_MAGICS_STABLE="1")
    assert ran.returncode == 0, ran.stdout
    return tmp_path


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command as a teacher or a runner gives it: our programs first, and no trace of pytest."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    return subprocess.run(
        words, cwd=folder, env={**clean, "PATH": path, **environment}, timeout=240, check=False,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_every_step_of_the_workflow_passes_on_notes_of_ones_own(notes: Path) -> None:
    steps = [step["run"] for step in WORKFLOW["jobs"]["prove"]["steps"] if "run" in step]
    assert "pip install" in steps[0]
    for step in steps[1:]:
        ran = run(notes, "bash", "-ec", step)
        assert ran.returncode == 0, f"{step}\n{ran.stdout}"


def test_what_differs_needs_the_sanitizer_and_a_changed_fact_is_seen(notes: Path) -> None:
    proof = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "notes")
    ran = run(notes, *proof)
    assert "1 failed, 4 passed" in ran.stdout
    saved = notes / "notes/one.ipynb"
    saved.write_text(saved.read_text().replace("17 apples", "16 apples"))
    ran = run(notes, *proof, "--nbval-sanitize-with", "notes/sanitize.cfg")
    assert "1 failed, 4 passed" in ran.stdout
    assert "16 apples" in ran.stdout
