"""The picture of the benchmarks: what is drawn is what was measured."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench import page, plot, turns  # noqa: E402 - tests is a package from there alone

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*points: tuple[float, float]) -> ElementTree.Element:
    return ElementTree.fromstring(plot.picture([plot.Line("s < a box", points)], "boxes"))


def test_a_cost_that_does_not_change_is_a_level_line() -> None:
    places = drawn((10, 0.5), (50, 0.5), (100, 0.5)).findall(f".//{SVG}circle")
    assert len({each.get("cy") for each in places}) == 1
    across = [float(each.get("cx", "")) - plot.LEFT for each in places]
    # from 0, and in proportion: half as many are half as far
    assert across[1] == pytest.approx(across[2] / 2)


def test_half_the_cost_is_half_as_high_and_every_figure_is_written() -> None:
    seen = drawn((10, 2.0), (20, 1.0))
    high, low = (
        plot.BOTTOM - float(each.get("cy", "")) for each in seen.findall(f".//{SVG}circle")
    )
    assert low == pytest.approx(high / 2)
    words = [each.text for each in seen.findall(f".//{SVG}text")]
    assert {"s < a box", "boxes", "10", "20", "2", "1"} <= set(words)


def test_a_table_with_figures_gets_its_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "benchmarks.md")
    rows = [
        turns.Row("grows", "", "", "", "", costs=turns.Costs(10, 0.5, 7.0)),
        turns.Row("no figure", "", "", "", ""),
        turns.Row("grows", "", "", "", "", costs=turns.Costs(20, 0.6, 8.0)),
    ]
    assert page.picture(rows[1:2], "class") == ""
    said = page.picture(rows, "class")
    assert said.endswith("(images/class-cost.svg)")
    seen = ElementTree.parse(tmp_path / "images" / "class-cost.svg")
    assert len(seen.findall(f".//{SVG}circle")) == 4
