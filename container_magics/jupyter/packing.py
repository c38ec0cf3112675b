"""A teacher's notebook, or file of exercises, as students get it: with the answers packed."""

from __future__ import annotations

import nbformat

from container_magics.core.exercise import parse_exercise
from container_magics.core.exerciseflags import parse_file
from container_magics.core.exercisepack import packed as packed_body
from container_magics.core.exercisepack import packed_file
from container_magics.errors import UsageError

MAGIC = "%%exercise"


def packed(name: str, data: bytes) -> tuple[bytes, int]:
    """The students' form of a file of that name, and how many exercises are in it. Outputs of
    a notebook go, for they may show answers. UsageError for what has no exercise."""
    try:
        text = data.decode()
        if not name.endswith(".ipynb"):
            return packed_file(text).encode(), len(parse_file(text, name))
        notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    except (UnicodeDecodeError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise UsageError(f"{name} is neither a notebook nor a file of exercises.") from error
    count = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            source = cell.source.lstrip()
            if source.split()[:1] == [MAGIC]:
                head, _, body = source.partition("\n")
                parse_exercise(head.split()[1], body)  # a mistake is found here, not in class
                cell.source = f"{head}\n{packed_body(body)}".rstrip("\n")
                count += 1
    if not count:
        raise UsageError(f"{name} has no cell that begins with {MAGIC}.")
    return nbformat.writes(notebook).encode() + b"\n", count  # type: ignore[no-untyped-call]
