"""Text in the columns of a terminal: made harmless, measured, cut, padded; bars of blocks."""

from __future__ import annotations

import re
from unicodedata import category, combining, east_asian_width

BAR = 20

# C0, DEL, C1, line separators, the marks that turn the writing direction, lone surrogates.
# Left as they are: the joiners that scripts and emoji need.
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """``text`` in which nothing can move the cursor, hide or turn the writing direction.

    Control characters become their pictures (U+2400 and on; a tab four spaces), other marks
    of that kind their code in brackets, halves of a character U+FFFD. The result is one line.
    """
    return UNSAFE.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == 9:
        return "    "
    if code < 32:
        return chr(0x2400 + code)
    if code == 127:
        return "\u2421"
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return f"[U+{code:04X}]"


def bar_of(fraction: float, hidden: float = 0.0) -> str:
    """Blocks, at least one for what is more than nothing; the hidden part stands last."""
    whole = blocks_of(fraction, BAR)
    pale = blocks_of(hidden, whole)
    return "█" * (whole - pale) + "░" * pale


def blocks_of(fraction: float, whole: int) -> int:
    """How many of ``whole`` blocks a share is; at least one for what is more than nothing."""
    if fraction <= 0 or not whole:
        return 0
    return max(1, round(min(fraction, 1.0) * whole))


def fit(text: str, width: int, *, right: bool = False) -> str:
    """``text`` cut or padded to ``width`` columns of a terminal."""
    if cells(text) > width:
        text = cut(text, width - 1) + "…"
    padding = " " * (width - cells(text))
    return padding + text if right else text + padding


def cut(text: str, width: int) -> str:
    """As much of the beginning as ``width`` columns hold."""
    used = 0
    for at, character in enumerate(text):
        used += cells(character)
        if used > width:
            return text[:at]
    return text


def cells(text: str) -> int:
    """How many columns ``text`` takes in a terminal: two for wide characters, none for accents."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if combining(character) or category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
