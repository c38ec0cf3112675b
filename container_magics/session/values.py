"""Python values as bytes of a file, and back: str, bytes, tables."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from container_magics.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


def bytes_of_value(value: object) -> bytes:
    """A str as UTF-8, bytes as they are, a DataFrame as CSV without its index, an open file
    from where it stands. Raises UsageError for anything else.

    A DataFrame is known by what it can do, so pandas is not needed for the rest.
    """
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if callable(table := getattr(value, "to_csv", None)):
        return str(table(index=False)).encode()
    if callable(read := getattr(value, "read", None)):
        return bytes_of_value(read())
    raise UsageError(
        f"A {type(value).__name__} cannot be written to a file.",
        hint="Give a str, bytes, an open file or a DataFrame.",
    )


def data_frame(path: str, content: bytes, options: Mapping[str, Any]) -> pd.DataFrame:
    """A file's content as a DataFrame, by what its name ends in. Raises UsageError without
    pandas, and for an ending that says nothing."""
    try:
        import pandas
    except ImportError:
        raise UsageError(
            "A DataFrame needs pandas, which is not installed here.",
            hint="`%pip install pandas`, or read_text() for the file as it is.",
        ) from None
    readers: dict[str, Callable[..., Any]] = {
        ".csv": pandas.read_csv,
        ".tsv": partial(pandas.read_csv, sep="\t"),
        ".json": pandas.read_json,
        ".jsonl": partial(pandas.read_json, lines=True),
        ".parquet": pandas.read_parquet,
    }
    read = readers.get(posixpath.splitext(path)[1].lower())
    if read is None:
        raise UsageError(
            f"{path}: its ending does not say how to read it.",
            hint=f"Known are {', '.join(readers)}. Otherwise read_bytes().",
        )
    frame: pd.DataFrame = read(io.BytesIO(content), **options)
    return frame
