"""Progress bars and other lines that are written over: seen as a terminal shows them."""

from __future__ import annotations

import re
import time

import pytest

from container_magics.core.rewriting import Rewriting, lines_of
from container_magics.core.terminal import TerminalText


def seen(text: str) -> str:
    """What a notebook shows of what was sent: a carriage return writes over the line."""
    lines = []
    for line in text.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain\nlines\n", "plain\nlines\n"),
        ("no end", "no end"),
        ("1%\r2%\r3%\n", "3%\n"),
        ("long line\rshort\n", "shortline\n"),
        ("long line\r\x1b[Kshort\n", "short\n"),
        ("long line\x1b[2K\rshort\n", "short\n"),
        ("abcdef\b\b\x1b[K\n", "abcd\n"),
        ("abcdef\r\x1b[1K\n", " bcdef\n"),
        ("a\b\b\bb\n", "b\n"),
        ("windows\r\nlines\r\n", "windows\nlines\n"),
        ("done\r", "done"),
        ("\r\r\n\r\n", "\n\n"),
        ("a\rb\nc\rd\ne", "b\nd\ne"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 2, 3, 1000])
@pytest.mark.parametrize("drawn", [False, True])
def test_a_line_looks_as_in_a_terminal(written: str, shown: str, pieces: int, drawn: bool) -> None:
    rewriting, sent = Rewriting(), ""
    step = max(1, -(-len(written) // pieces))
    text = TerminalText(erasing=True)
    for start in range(0, len(written), step):
        sent += rewriting.feed(text.feed(written[start : start + step].encode()))
        sent += rewriting.line() if drawn else ""
    sent += rewriting.line()
    assert seen(sent) == shown
    assert "\x1b" not in sent


def test_ten_thousand_updates_are_one_line() -> None:
    rewriting = Rewriting()
    sent = rewriting.feed("".join(f"\r{n:5d} of 10000" for n in range(10_001)))
    assert sent == ""
    assert rewriting.is_due
    assert rewriting.line() == "10000 of 10000"
    assert not rewriting.is_due
    assert rewriting.feed("\nnext") == "\nnext"


def test_colours_stay_with_their_characters() -> None:
    rewriting = Rewriting()
    rewriting.feed("\x1b[31m###\x1b[0m...\r\x1b[32m####")
    assert rewriting.line() == "\x1b[32m####\x1b[0m..\x1b[32m"
    assert rewriting.feed("\x1b[0m end\n").rstrip() == "\r\x1b[32m####\x1b[0m end"


def test_what_is_written_over_costs_nothing_of_the_limit() -> None:
    rewriting = Rewriting()
    for n in range(1000):
        rewriting.feed(f"\r{n:5d} of 1000")
    assert rewriting.spared == 1000 * 14 - 13


def test_a_flood_of_updates_is_quick() -> None:
    rewriting, flood = Rewriting(), "\r" + "#" * 40
    started = time.monotonic()
    for _ in range(100):
        rewriting.feed(flood * 1000)
    assert time.monotonic() - started < 30  # 4 MB; character by character it would be minutes
    assert re.fullmatch("#{40}", rewriting.line())


def test_a_log_s_lines_are_those_of_a_terminal() -> None:
    bar = b"".join(b"\r%3d%%" % n for n in range(101))
    assert lines_of(b"begin\n" + bar + b"\nend\r\n") == ["begin", "100%", "end"]
    assert lines_of(b"\x1b[31mred\x1b[0m \xe2\x80\xa8 one line\n\n") == [
        "\x1b[31mred\x1b[0m \u2028 one line",
        "",
    ]
    assert lines_of(b"no end") == ["no end"]
    assert lines_of(b"") == []
