"""Terminal output made safe for a notebook: colours pass, every other escape sequence goes.

Sequences by ECMA-48: CSI (ESC [ ... final byte), and the strings OSC, DCS, SOS, PM and APC,
which end with BEL or ST. Colours are CSI sequences that end in "m" (SGR).

A program that is ended in the middle of a string, or is hostile, never ends it. What follows must
not be lost: a string is over at the end of its line too, where another sequence begins (xterm does
the same), and once it is too long.
"""

from __future__ import annotations

import codecs
import re

LONGEST_OPEN = 4096
"""The most characters that are held back until a sequence is complete."""
STRING = r"\x1b[\]PX^_][^\x07\n\x18\x1a\x1b\x9c]"
SEQUENCE = re.compile(
    r"\x1b\[[0-9;:]*m"  # colour: kept
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    rf"|{STRING}{{0,{LONGEST_OPEN - 2}}}(?:\x07|\x1b\\)?"
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x07\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]"
)
COLOUR = re.compile(r"\x1b\[[0-9;:]*m\Z")
COLOUR_OR_ERASE = re.compile(r"\x1b\[(?:[0-9;:]*m|[012]?K)\Z")
OPEN_SEQUENCE = re.compile(rf"\x1b(?:\[[0-?]*[ -/]*|[ -/]*)\Z|{STRING}{{0,{LONGEST_OPEN - 3}}}\Z")
UNDECODED = re.compile("[\udc80-\udcff]")  # a byte that is not UTF-8 (PEP 383)


class TerminalText:
    """Bytes of one stream in, text for a notebook out; holds what is not complete yet.

    ``lost_bytes`` counts those that were not UTF-8.
    """

    def __init__(self, *, erasing: bool = False) -> None:
        """With ``erasing`` the sequence "erase in line" passes too (see rewriting.py)."""
        self._kept = COLOUR_OR_ERASE if erasing else COLOUR
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._pending = ""
        self.lost_bytes = 0

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """The text that ``data`` completes; bytes that are not UTF-8 become U+FFFD.

        ``final`` gives out the rest: an unfinished character as U+FFFD, an unfinished
        sequence not at all.
        """
        decoded, lost = UNDECODED.subn("\ufffd", self._decoder.decode(data, final))
        self.lost_bytes += lost
        text = self._pending + decoded
        open_end = OPEN_SEQUENCE.search(text)
        self._pending = ""
        if open_end:
            rest = text[open_end.start() :]
            text = text[: open_end.start()]
            if not final and len(rest) < LONGEST_OPEN:
                self._pending = rest
        return SEQUENCE.sub(lambda match: match[0] if self._kept.match(match[0]) else "", text)


def plain(text: str) -> str:
    """``text`` without any control sequence, colours included."""
    return SEQUENCE.sub("", text)
