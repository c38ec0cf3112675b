"""CONTAINER_MAGICS_REPLAY: recorded outputs where there is no engine, and never a pretended run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from container_magics.engine.client import Engine

BASE = "container-magics/base:bookworm"
CELLS = (
    f"%%container {BASE}\necho out; echo err >&2",
    "%images container-magics/base",
    f"%%container {BASE}\ndate +%s%N",
    f"%%container {BASE}\ndate +%s%N",
    "plain = 6 * 7\nplain",
    "%engine\n%engine",
)
FAILING = f"%%container {BASE}\necho before; exit 3"


def notebook_of(*sources: str) -> Any:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


def executed(notebook: Any, folder: Path, *, allow_errors: bool = False) -> Any:
    """The notebook after all its cells have run in a kernel of ours."""
    NotebookClient(
        notebook,
        kernel_name="container-magics",
        resources={"metadata": {"path": str(folder)}},
        timeout=300,
        allow_errors=allow_errors,
    ).execute()
    return notebook


@pytest.fixture
def recorded(engine: Engine, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook that ran on a real engine and was saved; from here on there is none."""
    monkeypatch.setenv("CONTAINER_MAGICS_STABLE", "0")
    monkeypatch.setenv("CONTAINER_MAGICS_SPARES", "0")
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    path = tmp_path / "course.ipynb"
    nbformat.write(executed(notebook_of(*CELLS, FAILING), tmp_path, allow_errors=True), path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("CONTAINER_MAGICS_REPLAY", "1")
    return path


def texts(cell: Any) -> list[str]:
    """What a cell shows, as text, in order."""
    found = []
    for output in cell.outputs:
        if output.output_type == "stream":
            found.append(output.text)
        elif output.output_type in ("display_data", "execute_result"):
            found.append(output.data["text/plain"])
        else:
            found.append(f"{output.ename}: {output.evalue}")
    return found


def test_what_was_recorded_is_shown_and_said_to_be(recorded: Path, tmp_path: Path) -> None:
    before = nbformat.read(recorded, as_version=4)
    after = executed(notebook_of(*CELLS, FAILING), tmp_path)
    for old, new in zip(before.cells, after.cells, strict=True):
        if not old.source.lstrip().startswith("%"):
            assert texts(new) == texts(old)
            continue
        first, *others = texts(new)
        assert first.startswith("Recorded on 20")
        assert "not run now" in first
        kept = [text for text in texts(old) if not text.startswith("ContainerFailed")]
        assert "".join(others).startswith("".join(kept))
        assert "not run now" not in "".join(others)


def test_a_failure_that_was_recorded_is_words_and_no_failure(
    recorded: Path, tmp_path: Path
) -> None:
    (cell,) = executed(notebook_of(FAILING), tmp_path).cells
    assert "ContainerFailed" in "".join(texts(cell))
    assert all(output.output_type != "error" for output in cell.outputs)


def test_two_cells_of_one_source_have_each_their_own(recorded: Path, tmp_path: Path) -> None:
    before = nbformat.read(recorded, as_version=4)
    after = executed(notebook_of(CELLS[2], CELLS[3]), tmp_path)
    for old, new in zip(before.cells[2:4], after.cells, strict=True):
        assert texts(new)[1:] == texts(old)
    assert texts(after.cells[0])[1:] != texts(after.cells[1])[1:]


def test_a_cell_that_was_changed_is_refused(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(CellExecutionError) as caught:
        executed(notebook_of(CELLS[0] + "; rm -rf /"), tmp_path)
    assert caught.value.ename == "NotRecorded"
    assert "Nothing is recorded of this cell in course.ipynb: it was changed" in str(caught.value)


def test_a_cell_that_was_never_run_is_refused(recorded: Path, tmp_path: Path) -> None:
    nbformat.write(notebook_of(*CELLS), recorded)
    with pytest.raises(CellExecutionError, match="never run in course"):
        executed(notebook_of(CELLS[0]), tmp_path)


def test_a_replay_that_was_saved_can_be_replayed(recorded: Path, tmp_path: Path) -> None:
    """It has one line that says so, with the hour of the true run, and not two."""
    first = executed(notebook_of(*CELLS), tmp_path)
    nbformat.write(first, recorded)
    second = executed(notebook_of(*CELLS), tmp_path)
    assert [texts(cell) for cell in second.cells] == [texts(cell) for cell in first.cells]


def test_the_file_may_be_named_and_a_missing_one_is_told(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(CellExecutionError, match="file was not found"):
        executed(notebook_of(CELLS[0]), elsewhere)
    for name, value in (
        ("JPY_SESSION_NAME", str(recorded)),
        ("CONTAINER_MAGICS_REPLAY", str(recorded)),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            (cell,) = executed(notebook_of(CELLS[0]), elsewhere).cells
            assert sorted(texts(cell)[1:]) == ["err\n", "out\n"]


def test_of_several_notebooks_one_is_shown_that_has_all_cells(
    recorded: Path, tmp_path: Path
) -> None:
    """Another has the second cell too, and its name comes first."""
    other = nbformat.read(recorded, as_version=4)
    other.cells = other.cells[2:3]
    other.cells[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text="another's\n")]
    nbformat.write(other, tmp_path / "another.ipynb")
    before = nbformat.read(recorded, as_version=4)
    after = executed(notebook_of(CELLS[0], CELLS[2]), tmp_path)
    first, *others = texts(after.cells[1])
    assert " in course.ipynb, not run now" in first
    assert others == texts(before.cells[2])
    (alone,) = executed(notebook_of(CELLS[2]), tmp_path).cells
    assert " in another.ipynb, not run now" in texts(alone)[0]


def test_nothing_is_run_even_where_there_is_an_engine(
    recorded: Path, tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.endpoint.url)
    before = nbformat.read(recorded, as_version=4)
    after = executed(notebook_of(CELLS[2]), tmp_path)
    assert texts(after.cells[0])[1:] == texts(before.cells[2])
