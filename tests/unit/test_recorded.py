"""A cell's record in a saved notebook, found by its source."""

from __future__ import annotations

from typing import Any

import pytest

from container_magics.core.recorded import MARK, find, told_when

OUTPUT = {"output_type": "stream", "name": "stdout", "text": "x\n"}
MARKED = {"output_type": "display_data", "data": {}, "metadata": {MARK: "2026-01-02T03:04:05Z"}}


def cell(source: Any, *outputs: Any, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs), "metadata": {}} | more


def test_a_source_is_found_whatever_an_editor_did_to_its_ends() -> None:
    notebook = {"cells": [cell(["%%ssh  \n", "ls\n"], OUTPUT)]}
    found = find(notebook, "%%ssh\nls")
    assert found is not None
    assert (found.outputs, found.ran) == ((OUTPUT,), True)
    assert find(notebook, "%%ssh\n ls") is None
    assert find({}, "x") is None


def test_text_is_no_code() -> None:
    assert find({"cells": [cell("x", cell_type="markdown")]}, "x") is None


def test_of_several_the_nth_and_then_the_last() -> None:
    others = [dict(OUTPUT, text=str(number)) for number in range(2)]
    notebook = {"cells": [cell("x", each) for each in others]}
    shown = [find(notebook, "x", nth) for nth in range(4)]
    assert [one.outputs[0]["text"] for one in shown if one] == ["0", "1", "1", "1"]


def test_whether_it_ran_is_known_without_outputs() -> None:
    silent, never = cell("a", execution_count=3), cell("b", execution_count=None)
    found = [find({"cells": [silent, never]}, name) for name in "ab"]
    assert [one.ran for one in found if one] == [True, False]


def test_the_hour_is_that_of_the_true_run() -> None:
    execution = {"execution": {"iopub.execute_input": "2026-05-06T07:08:09.1Z"}}
    found = find({"cells": [cell("x", OUTPUT, metadata=execution)]}, "x")
    assert found is not None
    assert found.when == "2026-05-06T07:08:09.1Z"
    replayed = find({"cells": [cell("x", MARKED, OUTPUT, metadata=execution)]}, "x")
    assert replayed is not None
    assert replayed.when == "2026-01-02T03:04:05Z"
    assert replayed.outputs == (OUTPUT,)


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("2026-05-06T07:08:09.1Z", "2026-05-06 07:08 UTC"),
        ("2026-05-06T07:08:09+00:00", "2026-05-06 07:08 UTC"),
        ("2026-05-06T07:08:09+02:00", "2026-05-06"),
        ("", "an unknown day"),
    ],
)
def test_a_time_is_told(when: str, told: str) -> None:
    assert told_when(when) == told
