"""Python values as a file's bytes, and a file's bytes as a table."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from container_magics.errors import UsageError
from container_magics.session.values import bytes_of_value, data_frame

TABLE = pd.DataFrame({"city": ["Bergen", "Kyoto"], "rain_mm": [2250, 1523]})


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("å", "å".encode()),
        (b"\0\xff", b"\0\xff"),
        (bytearray(b"ab"), b"ab"),
        (io.StringIO("of a file"), b"of a file"),
        (io.BytesIO(b"of a file"), b"of a file"),
        (TABLE, b"city,rain_mm\nBergen,2250\nKyoto,1523\n"),
    ],
)
def test_what_can_be_written(value: object, content: bytes) -> None:
    assert bytes_of_value(value) == content


@pytest.mark.parametrize("value", [3, None, {"a": 1}, ["a line"]])
def test_what_cannot_be_written_is_named(value: object) -> None:
    with pytest.raises(UsageError, match=type(value).__name__):
        bytes_of_value(value)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/data/rain.csv", TABLE.to_csv(index=False)),
        ("/data/rain.TSV", TABLE.to_csv(index=False, sep="\t")),
        ("/data/rain.json", TABLE.to_json()),
        ("/data/rain.jsonl", TABLE.to_json(orient="records", lines=True)),
    ],
)
def test_a_file_s_ending_says_how_it_is_read(path: str, content: str) -> None:
    assert data_frame(path, content.encode(), {}).equals(TABLE)


def test_an_ending_that_says_nothing_is_an_error_that_names_those_that_do() -> None:
    with pytest.raises(UsageError) as error:
        data_frame("/data/rain.xyz", b"", {})
    assert ".csv" in error.value.hint


def test_without_pandas_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(UsageError, match="pandas") as error:
        data_frame("/data/rain.csv", b"", {})
    assert "%pip install pandas" in error.value.hint
    assert bytes_of_value("text") == b"text", "and all else goes on without it"
