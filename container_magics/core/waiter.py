"""What a spare's shell is told: to wait, to prove that it can, and to become the cell's program.

The waiting shell uses nothing but what is built into it, so that the cell's processes get the
numbers that they always get. It reads a number of lines, then those lines, and evaluates them
(POSIX, "Shell Command Language": read, eval, exec). ``read`` takes byte after byte from a pipe,
so what follows the lines is left to the cell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LOOP = (
    'while IFS= read -r n; do s=; while [ "$n" -gt 0 ]; do IFS= read -r l || exit; s="$s$l\n"; '
    'n=$((n-1)); done; eval "$s"; done'
)
WAITING = ("sh", "-c", LOOP)
"""The argument vector of a spare's first process. It ends when its input ends."""

EVERY_BYTE = bytes(range(1, 256))
LONGEST_SCRIPT_BYTES = 100_000
"""A longer one is not handed over: the shell reads it byte by byte."""

# Known to the shell and in no list of the engine's.
GIVEN = ("PATH", "HOSTNAME", "HOME", "TERM", "container")
MARKS = len(GIVEN) + 2
"""How many marks are in a whole answer to ``probe``."""
ENTRY = re.compile(rb"[A-Za-z_][^=]*=", re.DOTALL)


def message(script: bytes) -> bytes:
    """``script`` as the waiting shell reads it."""
    return b"%d\n%s\n" % (script.count(b"\n") + 1, script)


def quoted(word: bytes) -> bytes:
    """One word for a POSIX shell, whatever bytes it holds."""
    return b"'" + word.replace(b"'", b"'\\''") + b"'"


def probe(mark: bytes) -> bytes:
    """The script that proves that a shell can be a spare's: its environment without the NULs
    between the entries, what it was given in entries of their own, and every byte but NUL;
    ``mark`` is between all of them."""
    between = b"; printf '%s' " + quoted(mark) + b"; "
    environment = (
        b"while IFS= read -r l; do printf '%s\\n' \"$l\"; done < /proc/$$/environ; "
        b"printf '%s' \"$l\""
    )
    given = [b"printf '%%s' \"${%b+%b=$%b}\"" % ((name.encode(),) * 3) for name in GIVEN]
    whole = b"command -v env > /dev/null && printf '%s' " + quoted(EVERY_BYTE)
    return between.join([environment, *given, whole]) + between.removesuffix(b"; ")


def environment(answer: bytes, mark: bytes, known: Sequence[str]) -> tuple[bytes, ...] | None:
    """The first process's environment, entry by entry and in its order; None when the answer
    to ``probe`` shows that this shell cannot be a spare's.

    ``known`` are the entries that the engine says it has set.
    """
    parts = answer.split(mark)
    if len(parts) != MARKS + 1 or parts[-2] != EVERY_BYTE or parts[-1]:
        return None
    left, entries = parts[0], list[bytes]()
    # the engine's come last: a shell may have changed what it was given
    possible = {e.partition(b"=")[0]: e for e in parts[1:-2] if e}
    possible |= {e.partition("=")[0].encode(): e.encode() for e in known}
    while left:
        entry = next((e for e in possible.values() if left.startswith(e)), None)
        if entry is None or not ENTRY.match(entry):
            return None
        entries.append(entry)
        left = left.removeprefix(entry)
        del possible[entry.partition(b"=")[0]]
    return tuple(entries)


def handover(entries: Sequence[bytes], command: Sequence[str], *, stdin: bool) -> bytes | None:
    """What makes the waiting shell the program ``command``, with exactly that environment.

    Without ``stdin`` its input is /dev/null, open as an engine opens it. None when a waiting
    shell cannot become that program: the words are too long, or ``env`` would misread the first.
    """
    if not command or "=" in command[0] or command[0].startswith("-"):
        return None
    words = [*entries, *(word.encode("utf-8", "surrogateescape") for word in command)]
    source = b"" if stdin else b" 0<> /dev/null"
    script = b"exec env -i " + b" ".join(map(quoted, words)) + source
    return message(script) if len(script) <= LONGEST_SCRIPT_BYTES else None
