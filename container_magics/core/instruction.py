"""One instruction of a Dockerfile, and the forms that its arguments can have."""

from __future__ import annotations

from dataclasses import dataclass, replace

from container_magics.core.dockerfilelines import Heredoc
from container_magics.core.dockerfilewords import (
    BLANK,
    Flag,
    json_list,
    pair_words,
    split_flags,
    split_keyword,
)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    ``keyword`` is in capitals, ``written`` as the file has it; ``args`` is the rest of it as one
    line, without comments. ``lines`` are its first and last line, from 1, heredocs included.
    ``stage`` counts from 0; None is an ARG before the first FROM. ``blank_lines`` are the empty
    lines inside it, ``escape`` is the file's escape character.
    """

    keyword: str
    args: str
    lines: tuple[int, int]
    stage: int | None
    heredocs: tuple[Heredoc, ...] = ()
    written: str = ""
    blank_lines: tuple[int, ...] = ()
    escape: str = "\\"

    @property
    def text(self) -> str:
        """The instruction on one line, blanks closed up."""
        return " ".join(f"{self.keyword} {self.args}".split())

    @property
    def flag_list(self) -> tuple[Flag, ...]:
        """The leading ``--name=value`` words, unquoted, in order."""
        return split_flags(self.args)[0]

    @property
    def flags(self) -> tuple[tuple[str, str], ...]:
        """(name, value) of the leading ``--name=value`` words; value "" for none."""
        return tuple((one.name, one.value or "") for one in self.flag_list)

    @property
    def body(self) -> str:
        """What follows the flags."""
        return split_flags(self.args)[1]

    @property
    def json(self) -> tuple[str, ...] | None:
        """The strings of the JSON form, None for the shell form."""
        return json_list(self.body)

    @property
    def words(self) -> tuple[str, ...]:
        """The words after the flags, as written."""
        return tuple(BLANK.split(self.body)) if self.body else ()

    @property
    def items(self) -> tuple[str, ...]:
        """The strings of the JSON form, else the words: what COPY, ADD and VOLUME take."""
        found = self.json
        return self.words if found is None else found

    @property
    def pairs(self) -> tuple[tuple[str, str | None], ...]:
        """(key, value) of ENV, LABEL and ARG, quotes kept; value None is an ARG without one."""
        words = pair_words(self.body, self.escape)
        if self.is_legacy_pair:
            key, _, value = self.body.partition(BLANK.search(self.body)[0])  # type: ignore[index]
            return ((key, value.strip()),)
        split = (word.partition("=") for word in words)
        return tuple((key, value if equals else None) for key, equals, value in split)

    @property
    def is_legacy_pair(self) -> bool:
        """Whether ENV or LABEL has its old form, ``KEY the whole rest``."""
        words = pair_words(self.body, self.escape)
        old = self.keyword in ("ENV", "LABEL") and bool(words) and "=" not in words[0]
        return old and BLANK.search(self.body) is not None


def nested(instruction: Instruction) -> Instruction:
    """The instruction that an ONBUILD keeps for later; any other is itself."""
    if instruction.keyword != "ONBUILD":
        return instruction
    written, args = split_keyword(instruction.body)
    return replace(instruction, keyword=written.upper(), args=args, written=written)
