"""Run the course's notebooks in stable mode and save what they show, for nbval to compare with.

``make notebooks`` calls it, on the engine that this user has; look at the difference afterwards.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
TIMEOUT_S = 300


def execute(path: Path) -> None:
    """Run one notebook from top to bottom; no trace of when and by whom stays in the file."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(FOLDER)}},
    ).execute()
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in cell.metadata if key == "tags"}
    known = notebook.metadata["language_info"]
    notebook.metadata["language_info"] = {
        key: known[key] for key in ("file_extension", "mimetype", "name")
    }
    nbformat.write(notebook, path)


if __name__ == "__main__":
    os.environ["CONTAINER_MAGICS_STABLE"] = "1"
    for name in sys.argv[1:] or sorted(FOLDER.glob("*.ipynb")):
        print(name, flush=True)
        execute(Path(name).resolve())
