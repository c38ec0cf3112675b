"""An exercise as a teacher writes it: a text for the student, and parts under marks.

    Leave your name in the file `hello` on the box.

    --- setup
    rm -f ~/hello
    --- check
    test -s ~/hello || fail "There is no file hello in your home, or it is empty."
    --- hint
    `%%ssh box` runs a cell on the box.
    --- solution
    %%ssh box
    whoami > hello

A mark is a line ``--- PART``, and more words where the part takes them. The form is our own; that
a mark stands alone on its line is as in jupytext's and YAML's separators.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NoReturn

from container_magics.core.exercisepack import PACKED, unpacked
from container_magics.core.exercisevalues import Choice, choices, filled
from container_magics.errors import UsageError

Part = Literal["values", "setup", "check", "hint", "solution", "reset"]
PARTS: tuple[Part, ...] = ("values", "setup", "check", "hint", "solution", "reset")
SCRIPTS = ("setup", "check", "reset")
NEEDED: tuple[Part, ...] = ("check", "solution")
TIMEOUT_S = 15.0
_MARK = re.compile(r"---[ \t]+(\w+)[ \t]*(.*?)[ \t]*\Z")
_WHERE = re.compile(r"(python)|(?:on[ \t]+(?P<on>\S+))?[ \t]*(?:as[ \t]+(?P<user>\S+))?")


@dataclass(frozen=True, slots=True)
class Script:
    """What looks, or prepares. ``python``: the notebook's Python; else a shell in the container
    ``on`` ("": the exercise's box) as ``user`` ("": the student of a practice box, and of
    another container its own user)."""

    code: str
    on: str = ""
    user: str = ""
    python: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What stands after the exercise's name: its box, a check's time limit, what it is worth."""

    box: str = "box"
    timeout_s: float = TIMEOUT_S
    points: float = 1.0


@dataclass(frozen=True, slots=True)
class Exercise:
    """``text`` is Markdown, for the student. ``hints`` come in this order; ``solution`` are cells.

    ``setup`` and ``reset`` are None where there are none: without a reset the setup runs again.
    """

    name: str
    text: str
    check: Script
    solution: tuple[str, ...]
    hints: tuple[str, ...] = ()
    setup: Script | None = None
    reset: Script | None = None
    values: tuple[Choice, ...] = ()
    settings: Settings = Settings()

    @property
    def begins_anew_by(self) -> Script | None:
        """What makes a clean start."""
        return self.reset or self.setup

    @property
    def text_for_all(self) -> str:
        """The text with each value's name in capitals: what is saved for other readers."""
        return filled(self.text, {one.name: one.name.upper() for one in self.values})

    def for_student(self, seed: str) -> Exercise:
        """The exercise with its values drawn for the student of that seed."""
        drawn = {one.name: one.drawn(f"{seed}/{self.name}") for one in self.values}

        def fill(text: str) -> str:
            return filled(text, drawn)

        return replace(
            self,
            text=fill(self.text),
            check=_filled(self.check, fill),
            solution=tuple(map(fill, self.solution)),
            hints=tuple(map(fill, self.hints)),
            setup=self.setup and _filled(self.setup, fill),
            reset=self.reset and _filled(self.reset, fill),
        )


def parse_exercise(name: str, body: str, settings: Settings = Settings()) -> Exercise:
    """Read an exercise's text and parts, packed ones too; UsageError says which part is amiss."""
    text, parts = _split(name, body)
    _expect_parts(name, text, [kind for kind, _, _ in parts])
    scripts = {kind: _script(name, kind, words, code) for kind, words, code in parts}
    values = next((code for kind, _, code in parts if kind == "values"), "")
    return Exercise(
        name,
        text,
        check=scripts["check"],
        solution=tuple(code for kind, _, code in parts if kind == "solution"),
        hints=tuple(code for kind, _, code in parts if kind == "hint"),
        setup=scripts.get("setup"),
        reset=scripts.get("reset"),
        values=choices(name, values),
        settings=settings,
    )


def _expect_parts(name: str, text: str, kinds: list[str]) -> None:
    if not text:
        _refuse(name, "it has no text for the student", "Write what to do above the first mark.")
    for part in NEEDED:
        if part not in kinds:
            _refuse(name, f"it has no {part}", f"Add a line `--- {part}`, and the {part} under it.")
    for once in (*SCRIPTS, "values"):
        if kinds.count(once) > 1:
            _refuse(name, f"it has two parts `{once}`", "Hints and solutions alone may be several.")


def _split(name: str, body: str) -> tuple[str, list[tuple[str, str, str]]]:
    """The text, and the parts in order as (part, the words after it, what is under it)."""
    head, parts = list[str](), list[tuple[str, str, list[str]]]()
    for line in body.splitlines():
        mark = _MARK.match(line)
        if mark is None:
            (parts[-1][2] if parts else head).append(line)
        elif mark[1] == PACKED:
            rest = body.split(line, 1)[1]
            packed = _split(name, unpacked(name, rest))[1]
            return _joined(head), packed
        elif mark[1] in PARTS:
            parts.append((mark[1], mark[2], []))
        else:
            _refuse(name, f"there is no part {mark[1]!r}", f"The parts are {', '.join(PARTS)}.")
    whole = [(kind, words, _joined(lines)) for kind, words, lines in parts]
    for kind, _, code in whole:
        if not code:
            _refuse(name, f"its part `{kind}` is empty", f"Write the {kind} under its mark.")
    return _joined(head), whole


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n")


def _script(name: str, kind: str, words: str, code: str) -> Script:
    found = _WHERE.fullmatch(words)
    if found is None or (words and kind not in SCRIPTS):
        _refuse(
            name,
            f"`--- {kind} {words}` cannot be read",
            "After setup, check and reset may stand `python`, or `on CONTAINER as USER`.",
        )
    return Script(code, found["on"] or "", found["user"] or "", python=bool(found[1]))


def _filled(script: Script, fill: Callable[[str], str]) -> Script:
    return replace(script, code=fill(script.code))


def _refuse(name: str, what: str, hint: str) -> NoReturn:
    raise UsageError(f"The exercise {name!r} cannot be read: {what}.", hint=hint)
