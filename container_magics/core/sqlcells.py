"""PostgreSQL's psql (13 or later) as the program of a container kernel.

psql reads each cell from its file by ``\\i``. It says that a cell has ended by its prompt: that is
written whenever psql waits for the next line, also after an error and after an interrupt, which
both throw away the rest of a line (PostgreSQL's documentation, "psql", "Prompting").
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from container_magics.core.dialects import Completions, Place
from container_magics.core.shelldialect import halves
from container_magics.core.shelltexts import filled

PROMPT = (
    r'%`[ "$CM_CELL" ] || exit; '
    r"printf '\035%se%s\035\035%sz' $CM_CELL $CM_STATUS $CM_CELL; printf '\035%sb' $CM_CELL >&2`"
)
"""The mark of a cell's end, and the one on stderr; psql runs what stands between backticks."""
START = (
    "stty -echo -opost 2>/dev/null; psql -Xqc '' || exit; "
    r"printf '\035%s%sb' @HALVES@; "
    'exec psql -Xqn -P pager=off -v PROMPT1="$1" -v PROMPT2= -v PROMPT3= 2>"$2"'
)
"""A first psql says why there is no connection; nobody else would hear it."""
WORD = re.compile(r"[\w.]*\Z")
NAME = re.compile(r"[A-Za-z_][\w.]*")
STATEMENTS = (
    "ALTER", "ANALYZE", "BEGIN", "CALL", "COMMIT", "COPY", "CREATE", "DELETE", "DROP", "EXPLAIN",
    "GRANT", "INSERT", "MERGE", "REVOKE", "ROLLBACK", "SELECT", "SET", "TRUNCATE", "UPDATE",
    "VACUUM", "VALUES", "WITH",
)  # fmt: skip
"""What ``\\h`` is asked about; any other word is asked of ``\\d``."""
NAMES = r"""
COPY (SELECT name FROM (
    SELECT word FROM pg_get_keywords()
    UNION SELECT relname FROM pg_class WHERE pg_table_is_visible(oid) AND relkind IN @KINDS@
    UNION SELECT attname FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
        WHERE attnum > 0 AND NOT attisdropped AND pg_table_is_visible(c.oid)
        AND relkind IN @KINDS@
    UNION SELECT proname FROM pg_proc WHERE pg_function_is_visible(oid)
) AS known (name) WHERE starts_with(lower(name), lower(@START@)) ORDER BY name) TO STDOUT;
""".replace("@KINDS@", "('r', 'v', 'm', 'p')")
"""Tables, views, their columns, functions; PostgreSQL's documentation, "System Catalogs"."""
QUOTES = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Psql:
    """psql, as the kernel's environment (PGHOST, PGUSER, ...) connects it."""

    name: str = "psql"
    loses_interrupts: bool = False
    info: dict[str, str] = field(
        hash=False,
        default_factory=lambda: {
            "name": "sql",
            "version": "",
            "mimetype": "text/x-sql",
            "file_extension": ".sql",
            "codemirror_mode": "sql",
            "pygments_lexer": "postgresql",
        },
    )

    def start(self, place: Place, number: str) -> tuple[str, ...]:
        """psql on its terminal, its stderr on the kernel's way."""
        return ("sh", "-c", filled(START, halves=halves(number)), "sh", PROMPT, place.stderr)

    def prelude(self, place: Place) -> str:  # noqa: ARG002 - a shell's needs it
        """It writes its process number: of a shell's, the parent's."""
        return r"\! echo $PPID"

    def line(self, place: Place, number: str) -> bytes:
        """The first error ends the cell, and the rest of this line is not done then."""
        return (
            rf"\set ON_ERROR_STOP on \setenv CM_CELL {number} \setenv CM_STATUS 1 "
            rf"\echo -n '\035' \echo -n {number}b \i {place.cell} \setenv CM_STATUS 0" + "\n"
        ).encode()

    def recover(self, place: Place, number: str) -> bytes:  # noqa: ARG002 - as above
        """The prompt comes after an interrupt, too."""
        return b""

    def completing(self, place: Place, code: str, cursor: int) -> str:  # noqa: ARG002
        """Words of SQL, and the names of tables, columns and functions, from the catalogue."""
        found = WORD.search(code[:cursor])
        word = found[0].rpartition(".")[2] if found else ""
        return filled(NAMES, start=f"'{word}'") if word else ""

    def completed(self, code: str, cursor: int, answer: str) -> Completions:
        """As the catalogue has them; words of SQL in capitals where they were begun so."""
        found = WORD.search(code[:cursor])
        word = found[0].rpartition(".")[2] if found else ""
        lines = [line.upper() if word.isupper() else line for line in answer.splitlines()]
        return Completions(cursor - len(word), tuple(lines))

    def completeness(self, place: Place, code: str) -> str:  # noqa: ARG002 - as above
        """Complete with a semicolon at the end, or a command of psql's own on the last line."""
        bare = QUOTES.sub(" ", code).strip()
        last = bare.rpartition("\n")[2]
        ends = bare.endswith(";") and not set(bare) & set("'\"")  # a quote that is still open
        whole = not bare or ends or last.lstrip().startswith("\\")
        return rf"\echo {'complete' if whole else 'incomplete'}"

    def inspecting(self, code: str, cursor: int) -> str:
        """What ``\\d`` or ``\\h`` says of the word."""
        words = [found[0] for found in NAME.finditer(code) if found.start() <= cursor]
        if not words:
            return ""
        return rf"\{'h' if words[-1].upper() in STATEMENTS else 'd'} {words[-1]}"
