"""Lines that a program writes over, such as progress bars, folded to what is seen of them.

Ten thousand updates of one line are one line. What a terminal does is done here: carriage
return, backspace, and "erase in line" (ECMA-48: CR, BS, EL); colours stay with their characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from container_magics.core.terminal import TerminalText

REWRITES = re.compile(r"[\r\b]|\x1b\[[012]?K")
PIECE = re.compile(r"\x1b\[([012]?)K|(\x1b\[[0-9;:]*m)|(.)", re.DOTALL)
RESET = re.compile(r"\x1b\[[0;:]*m\Z")
LONGEST_LINE = 10_000
"""A longer line is passed on as it comes."""


def seen_of(text: str) -> str:
    """``text`` without what the rest of it writes over: of ten thousand updates, one. The first
    is written where the cursor is, and stays."""
    first, *others = text.split("\r")
    parts, longest = list[str](), -1
    for part in reversed(others):
        controls = "\x1b" in part or "\b" in part
        if controls or len(part) > longest:
            parts.append(part)
            longest = longest if controls else len(part)
    return "\r".join([first, *reversed(parts)])


@dataclass(slots=True)
class Line:
    """One line as a terminal has it: characters with their colours, the cursor, the pen."""

    cells: list[tuple[str, str]] = field(default_factory=list)  # colour, character
    cursor: int = 0
    pen: str = ""

    def write(self, text: str) -> None:
        """Do what a terminal does with ``text``, which has no newline."""
        for match in PIECE.finditer(seen_of(text)):
            erase, colour, character = match.groups()
            if colour:
                self.pen = "" if RESET.match(colour) else (self.pen + colour)[-200:]
            elif character is None:
                self._erase(erase)
            elif character == "\r":
                self.cursor = 0
            elif character == "\b":
                self.cursor = max(0, self.cursor - 1)
            else:
                self._put(character)

    def _put(self, character: str) -> None:
        missing = self.cursor + 1 - len(self.cells)
        self.cells.extend([("", " ")] * missing)
        self.cells[self.cursor] = (self.pen, character)
        self.cursor += 1

    def _erase(self, what: str) -> None:
        if what in ("", "0"):
            del self.cells[self.cursor :]
        elif what == "2":
            self.cells.clear()
        else:
            upto = min(self.cursor + 1, len(self.cells))
            self.cells[:upto] = [("", " ")] * upto

    def shown(self) -> str:
        """The line as text with colours; the pen is as it was left."""
        parts, last = [], ""
        for colour, character in self.cells:
            if colour != last:
                parts.append("\x1b[0m" * bool(last) + colour)
                last = colour
            parts.append(character)
        if last != self.pen:
            parts.append("\x1b[0m" * bool(last) + self.pen)
        return "".join(parts)


class Rewriting:
    """Text in, text for a notebook out, in which a line is written over at most now and then.

    ``feed`` gives what is finished at once; ``line`` gives the unfinished line, to be asked for
    as often as it shall be drawn.
    """

    def __init__(self) -> None:
        self.spared = 0
        """How many characters of what was fed have been written over."""
        self._tail = ""  # of the unfinished line, as fed, while nothing rewrites it
        self._line: Line | None = None
        self._changed = False
        self._given = 0  # characters of the unfinished line that a reader has

    @property
    def is_due(self) -> bool:
        """Whether ``line`` has something to say, and it is short enough to be said often."""
        return self._changed and self._line is not None and len(self._line.cells) < LONGEST_LINE

    def feed(self, text: str) -> str:
        """What ``text`` finishes, and of a line that nothing rewrites all there is."""
        *whole, last = text.replace("\r\n", "\n").split("\n")
        out = []
        for part in whole:
            out.append(self._add(part) + self.line() + "\n")
            self._tail, self._line, self._given = "", None, 0
        out.append(self._add(last))
        return "".join(out)

    def line(self) -> str:
        """The unfinished line as it looks now, over what was given of it before; "" when a
        reader has it already."""
        if self._line is None or not self._changed:
            return ""
        self._changed = False
        shown = self._line.shown()
        text = ("\r" if self._given else "") + shown + " " * (self._given - len(shown))
        self._given = max(self._given, len(shown))
        return text

    def _add(self, part: str) -> str:
        if not part:
            return ""
        if self._line is None:
            if not REWRITES.search(part) or len(self._tail) > LONGEST_LINE:
                self._tail = (self._tail + part)[: LONGEST_LINE + 1]
                self._given += len(part)
                return part
            self._line = Line()
            self._line.write(self._tail)
        before = len(self._line.cells)
        self._line.write(part)
        self._changed = True
        self.spared += len(part) - (len(self._line.cells) - before)
        return ""


def lines_of(data: bytes) -> list[str]:
    """The lines of what a program has written, oldest first and without their ends, each as a
    terminal has it at last; colours stay. Empty for nothing."""
    rewriting = Rewriting()
    text = rewriting.feed(TerminalText(erasing=True).feed(data, final=True)) + rewriting.line()
    return text.removesuffix("\n").split("\n") if text else []
