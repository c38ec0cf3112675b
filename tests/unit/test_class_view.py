"""A class as a cell shows it: the sums, what varies in stable mode, and what is wrong first."""

from __future__ import annotations

from container_magics.core.grades import Grade, as_csv, summary
from container_magics.view.html import html
from container_magics.view.plain import plain
from container_magics.view.present import classroom as present

RUNS = ("ada", "node1", "running", "2026-11-27T06:00:00", "2 of 3", "")
DOWN = ("<b>grace</b>", "node2", "node down", "2026-11-27T06:00:00", "", "its files are on node2")


def status(*lines: present.Line, stable: bool = False) -> str:
    running = sum(line[2] == "running" for line in lines)
    view = present.status(
        "unix", lines, running=running, door=True, ends_s=1795766400.0, stable=stable
    )
    return plain(view)


def test_what_varies_has_a_name_in_stable_mode() -> None:
    assert "2026-11-27 06:00:00" in status(RUNS)
    assert "until 2026-11-27 08:00 UTC" in status(RUNS)
    assert "2026" not in status(RUNS, stable=True)


def test_why_is_a_column_where_something_is_wrong() -> None:
    assert "why" not in status(RUNS)
    both = status(RUNS, DOWN)
    assert "1 of 2 boxes running" in both
    assert "its files are on node2" in both


def test_a_student_s_name_is_no_markup() -> None:
    view = present.status("unix", [DOWN], running=0, door=False, ends_s=None, stable=False)
    assert "<b>" not in html(view)
    assert "the gateway does not run" in plain(view)


def test_a_class_whose_time_is_over_is_not_open() -> None:
    view = present.status(
        "unix", [RUNS], running=1, door=False, ends_s=1.0, stable=False, over=True
    )
    assert "the time is over" in plain(view)
    assert "%class extend unix 2h" in plain(view)


def test_a_report_counts_what_went_well_and_lists_what_did_not() -> None:
    well = [("ada", "made", ""), ("grace", "as it was", "")]
    assert plain(present.report("start", well)).strip().endswith("start: 1 made, 1 as it was.")
    bad = plain(present.report("start", [*well, ("alan", "", "The node refuses the box.")]))
    assert "1 failed" in bad
    assert "The node refuses the box." in bad
    assert "ada" not in bad
    told = plain(present.report("collect", well, [("grace", "1 entry left out: x")]))
    assert "1 entry left out: x" in told
    assert "failed" not in told


def test_grades_are_a_line_for_each_student() -> None:
    rows = [Grade("ada", "one", 2.0, 2.0), Grade("ada", "two", 0.0, 1.0, "no file"),
            Grade("grace", "one", 0.0, 2.0, "nothing")]  # fmt: skip
    text = plain(present.grades(rows, ""))
    assert [line.split()[0] for line in text.splitlines()[-2:]] == ["ada", "grace"]
    assert "1 of 2" in text
    assert "two: no file" in text


def test_what_cannot_be_graded_takes_no_points_and_is_told_last() -> None:
    rows = [Grade("ada", "one", 0.0, 0.0, "Not graded: it runs as root.", graded=False),
            Grade("ada", "two", 0.0, 1.0, "no file"), Grade("ada", "three", 1.0, 1.0)]  # fmt: skip
    assert summary(rows) == "1 of 2, 1 not graded"
    assert "two: no file" in plain(present.grades(rows, ""))
    assert as_csv(rows).splitlines()[1] == "ada,one,,0.0,0.0,Not graded: it runs as root."


def test_what_stop_leaves_is_named() -> None:
    assert "removed." in present.stopped("unix", 3, (), kept=False).text
    left = present.stopped("unix", 3, ("node2", "node2"), kept=False)
    assert (left.level, "left on node2," in left.text) == ("warning", True)
    assert "kept on node2" in present.stopped("unix", 3, ("node2",), kept=True).text
