"""CONTAINER_MAGICS_REPLAY: what a notebook has recorded is shown, and nothing is run.

For a reader who has no engine. Each cell with a magic of ours shows a line that says so, and then
the outputs that are saved with it. A cell that was changed has no record, and is refused.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import publish_display_data

from container_magics.core.recorded import MARK, Recorded, find, told_when
from container_magics.core.terminal import plain
from container_magics.errors import NotRecorded, UsageError
from container_magics.view.bundle import bundle
from container_magics.view.model import Note

VARIABLE = "CONTAINER_MAGICS_REPLAY"
NAME = "JPY_SESSION_NAME"
ENDING = ".ipynb"
SWITCHES = ("1", "true", "yes")
WIDGET = "application/vnd.jupyter.widget-view+json"
"""A picture of a program that does not run: it has no model here."""
HOW_TO_RUN = f"To run it for real, get an engine and unset {VARIABLE}."

SEVERAL = ("One that has the cells before it too was looked for.",)


class Replay:
    """Knows which cell is being run, and what the notebook's file has of it."""

    def __init__(
        self, shell: InteractiveShell, environ: Mapping[str, str], *, stable: bool
    ) -> None:
        """Nothing is read yet: the file is, when the first cell asks, and then no more, for a
        front end writes over it."""
        self._shell, self._environ, self._stable = shell, environ, stable
        self._notebooks: dict[Path, Mapping[str, Any]] | None = None
        self._cell = ""
        self._shown = False
        self._times: Counter[str] = Counter()
        shell.events.register("pre_run_cell", self._begin)

    def close(self) -> None:
        """Look at no more cells."""
        self._shell.events.unregister("pre_run_cell", self._begin)

    def _begin(self, info: Any) -> None:
        self._cell, self._shown = str(info.raw_cell), False

    def show(self) -> None:
        """What is recorded of the cell that is being run: once, however many magics it has.
        NotRecorded where there is nothing to show."""
        if self._shown:
            return
        self._shown = True
        path, recorded = self._record()
        self._times[self._cell] += 1
        if not recorded.ran:
            raise NotRecorded(
                f"This cell was never run in {path.name}, so it has nothing to show.",
                hint=HOW_TO_RUN,
            )
        self._say(path, recorded)
        for output in recorded.outputs:
            publish(output)

    def _say(self, path: Path, recorded: Recorded) -> None:
        day = "DATE" if self._stable else told_when(recorded.when)
        nothing = "" if recorded.outputs else " It showed nothing."
        where = f" in {path.name}" if len(self._notebooks or ()) > 1 else ""
        said = f"Recorded on {day}{where}, not run now.{nothing}"
        note = Note(said, "info", facts=(HOW_TO_RUN,))
        publish_display_data(bundle(note), metadata={MARK: recorded.when or "unknown"})

    def _record(self) -> tuple[Path, Recorded]:
        if self._notebooks is None:
            self._notebooks = dict(self._read())
        for path, notebook in self._notebooks.items():
            found = find(notebook, self._cell, self._times[self._cell])
            # another notebook may have this cell too, but hardly all those before it
            if found is not None and all(find(notebook, cell) for cell in self._times):
                return path, found
        if not self._notebooks:
            raise NotRecorded(
                "The notebook's file was not found, so nothing recorded can be shown.",
                hint=f"Name it: {VARIABLE}=NOTEBOOK.ipynb",
            )
        names = ", ".join(path.name for path in self._notebooks)
        raise NotRecorded(
            f"Nothing is recorded of this cell in {names}: it was changed, or is new.",
            facts=SEVERAL if len(self._notebooks) > 1 else (),
            hint=f"Nothing is run while {VARIABLE} is set. {HOW_TO_RUN}",
        )

    def _read(self) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        from container_magics.jupyter import notebookfile  # not light, and only replays need it

        for path in candidates(self._environ, Path.cwd(), self._shell.user_ns):
            try:
                yield path, notebookfile.read(path)
            except UsageError:  # not there, or no notebook
                continue


def candidates(environ: Mapping[str, str], here: Path, names: Mapping[str, Any]) -> list[Path]:
    """Where the notebook may be: what the variable names, what Jupyter or VS Code says; else every
    notebook of this folder, for nbclient does not say which it runs."""
    asked = environ.get(VARIABLE, "")
    said = [
        "" if asked.lower() in SWITCHES else asked,
        environ.get(NAME, ""),
        str(names.get("__vsc_ipynb_file__", "")),
    ]
    tried = [place for text in said if text for place in (here / text, here / Path(text).name)]
    there = [place for place in tried if place.is_file() and place.suffix == ENDING]
    return list(dict.fromkeys(there))[:1] or sorted(here.glob(f"*{ENDING}"))


def publish(output: Mapping[str, Any]) -> None:
    """One saved output, as what it was; an error as words on stderr, for nothing has failed now."""
    match output.get("output_type"):
        case "stream":
            stream = sys.stderr if output.get("name") == "stderr" else sys.stdout
            stream.write(str(output.get("text", "")))
            stream.flush()
        case "display_data" | "execute_result":
            data = {kind: value for kind, value in output["data"].items() if kind != WIDGET}
            publish_display_data(data, metadata=dict(output.get("metadata") or {}))
        case "error":
            sys.stderr.write(plain("\n".join(output.get("traceback") or ())) + "\n")
            sys.stderr.flush()
