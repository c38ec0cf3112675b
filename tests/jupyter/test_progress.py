"""Programs that draw progress bars: few messages, and in the end the line as a terminal has it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Notebook

from container_magics.engine.client import Engine

BASE = "container-magics/base:bookworm"
BAR = "for (1..10000) { printf qq(\\r%5d of 10000 %s), $_, q(#) x ($_ / 500); }"


def shown(text: str) -> list[str]:
    """The lines as a notebook shows them: a carriage return writes over the line."""
    lines = []
    for line in text.split("\n"):
        seen = ""
        for part in line.split("\r"):
            seen = part + seen[len(part) :]
        lines.append(seen.rstrip())
    return lines


@pytest.mark.parametrize("stable", ["0", "1"])
def test_ten_thousand_updates_of_a_line(new_notebook: Callable[..., Notebook], stable: str) -> None:
    notebook = new_notebook(CONTAINER_MAGICS_STABLE=stable)
    script = f"$| = 1; print qq(begin\\n); {BAR} print qq(\\nend\\n);"
    seen = notebook.run(f"%%container {BASE} --as perl\n{script}")
    assert shown(seen.stdout) == ["begin", "10000 of 10000 " + "#" * 20, "end", ""]
    assert len(seen.stdout) < 50_000, "the program has written 300 kB"
    if stable == "1":
        assert "\r" not in seen.stdout
    assert notebook.run("print(_run.stdout.count('\\r'))").stdout == "10000\n"


def test_a_line_that_waits_is_drawn_meanwhile(new_notebook: Callable[..., Notebook]) -> None:
    notebook = new_notebook(CONTAINER_MAGICS_STABLE="0")
    message = notebook.begin(
        f"%%container {BASE}\nprintf ' 1%%'; sleep 0.1; printf '\\r50%%'; sleep 600"
    )
    text, limit_s = "", time.monotonic() + 60
    while shown(text) != ["50%"] and time.monotonic() < limit_s:
        said = notebook.client.get_iopub_msg(timeout=60)
        if said["parent_header"].get("msg_id") == message and said["msg_type"] == "stream":
            text += said["content"]["text"]
    notebook.stop_button()
    notebook.wait(message)
    assert shown(text) == ["50%"]


def test_the_limit_counts_what_stays(new_notebook: Callable[..., Notebook]) -> None:
    notebook = new_notebook()
    notebook.run("%config Workbench.output_limit_bytes = 2000")
    seen = notebook.run(f"%%container {BASE} --as perl\n{BAR} print qq(\\nend\\n);")
    assert shown(seen.stdout)[-2:] == ["end", ""]
    assert not seen.displays
    seen = notebook.run(f"%%container {BASE}\nyes | head -c 10000")
    assert len(seen.stdout) == 2000
    assert "8 kB more" in seen.text


def test_a_last_line_before_a_silence_is_drawn(new_notebook: Callable[..., Notebook]) -> None:
    """Two lines come within the time between two drawings, and then nothing for as long as a
    program can stay silent."""
    notebook = new_notebook(CONTAINER_MAGICS_STABLE="0")
    step = f"RUN echo one; sleep 0.02; echo {time.time()} two; sleep 5; exit 1"
    message = notebook.begin(f"%%image cm-test/silent\nFROM {BASE}\n{step}")
    drawn_s = ended_s = 0.0
    while not ended_s:
        said = notebook.client.get_iopub_msg(timeout=60)
        if said["parent_header"].get("msg_id") != message:
            continue
        text = said["content"].get("data", {}).get("text/plain", "")
        if not drawn_s and any(line.rstrip().endswith(" two") for line in text.splitlines()):
            drawn_s = time.monotonic()
        if said["content"].get("execution_state") == "idle":
            ended_s = time.monotonic()
    assert drawn_s
    assert ended_s - drawn_s > 4


def test_a_large_context_has_a_bar_and_files_come_by_name(
    new_notebook: Callable[..., Notebook], engine: Engine, tmp_path: Path
) -> None:
    notebook = new_notebook(CONTAINER_MAGICS_STABLE="0")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "folder/large").open("wb") as file:
        file.truncate(200_000_000)
    (tmp_path / "mine").write_text("by its name\n")
    flags = f"--context {tmp_path}/folder --file {tmp_path}/mine --file x/y={tmp_path}/mine"
    try:
        seen = notebook.run(
            f"%%image cm-test/context {flags}\nFROM {BASE}\nCOPY . /c\nRUN cat /c/mine /c/x/y"
        )
        assert not seen.error, seen.told
        assert any("of 200 MB" in frame for frame in seen.frames)
        assert "of 200 MB" not in seen.text
    finally:
        engine.api.remove_image("cm-test/context", force=True)
