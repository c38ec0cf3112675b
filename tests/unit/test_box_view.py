"""What a Container shows of itself, in each state of its life."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from container_magics.core.snapshot import Snapshot
from container_magics.view.model import Group, Note, Table
from container_magics.view.plain import plain
from container_magics.view.present import box, sshbox

RUNS = Snapshot("1f3c", "shop", "busybox:1", "running")


def test_under_its_cell_it_is_brief() -> None:
    view = box.box(RUNS, brief=True)
    assert isinstance(view, Note)
    assert view.text == "shop is running."
    assert "`%container stop shop`" in view.hint
    assert "busybox" not in plain(view)
    assert "image busybox:1" in plain(box.box(RUNS))


def test_ports_and_last_lines_stand_under_it() -> None:
    seen = replace(RUNS, ports=(("80/tcp", "127.0.0.1:32768"),), lines=("open", "<b>"))
    view = box.box(seen)
    assert isinstance(view, Group)
    assert [type(part) for part in view.views] == [Note, Table, Note]
    assert "127.0.0.1:32768" in plain(view)
    assert "open" in plain(view)


def test_in_stable_mode_what_varies_is_left_out() -> None:
    seen = replace(RUNS, ports=(("80/tcp", "127.0.0.1:32768"),), lines=("at 12:00",))
    text = plain(box.box(seen, stable=True))
    assert "127.0.0.1:PORT" in text
    assert "12:00" not in text


@pytest.mark.parametrize(
    ("state", "status", "words", "level"),
    [
        ("created", None, "shop is made, and was not started.", "info"),
        ("paused", None, "shop is paused.", "info"),
        ("strange", None, "shop is strange.", "info"),
        ("exited", 0, "shop has ended already, with exit status 0.", "info"),
        ("exited", 3, "shop has ended already, with exit status 3.", "warning"),
        ("removing", 3, "shop has ended already, with exit status 3, and is removed.", "warning"),
        ("removed", 0, "shop has ended already, with exit status 0, and is removed.", "info"),
        ("removed", None, "shop is removed.", "info"),
    ],
)
def test_each_state_has_its_words(state: str, status: int | None, words: str, level: str) -> None:
    view = box.box(replace(RUNS, state=state, exit_status=status), brief=True)
    assert isinstance(view, Note)
    assert (view.text, view.level) == (words, level)
    assert ("logs" in view.hint) == (state == "exited"), "what is gone has no log"


def test_one_that_was_kept_says_so_and_how_to_have_another() -> None:
    seen = replace(RUNS, ports=(("80/tcp", "127.0.0.1:8080"),))
    assert "runs already, and was left as it is" in plain(box.kept(seen))
    assert "127.0.0.1:8080" in plain(box.kept(seen, stable=True))
    assert "--reuse" in plain(box.kept(RUNS))


def test_a_flood_says_where_the_rest_is() -> None:
    assert "`%container logs shop`" in plain(box.flooded("shop"))


def test_boxes_that_started_together_are_one_table() -> None:
    """The engine's name is told where it is another one; in stable mode what varies is not."""
    rows = [
        sshbox.UpRow(name, f"127.0.0.1:{port}", f"SHA256:{name}", f"ssh -F c {name}", container)
        for name, port, container in (("a", 1, "a"), ("b", 2, "b-grace"), ("c", 3, "c"))
    ]
    text = plain(sshbox.crowd(rows, stable=False))
    assert "3 boxes are up" in text
    assert re.search(r"b +127\.0\.0\.1:2 +SHA256:b +ssh -F c b +b-grace", text)
    stable = plain(sshbox.crowd(rows[:1], stable=True))
    assert re.search(r"a +127\.0\.0\.1:PORT +SHA256:FINGERPRINT +ssh -F CONFIG a", stable)
    assert "on the engine" not in stable
