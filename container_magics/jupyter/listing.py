"""Rows that show themselves as a table, and give themselves to pandas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from container_magics.core.rows import Rows
from container_magics.errors import UsageError
from container_magics.view.bundle import bundle
from container_magics.view.model import View
from container_magics.view.plain import plain

if TYPE_CHECKING:
    from pandas import DataFrame


class Listing(Rows[Any, dict[str, Any]]):
    """A sequence of dicts, one for each row; ``df`` is the same as a DataFrame."""

    def __init__(self, facts: Sequence[Any], view: View, kind: type[Any] | None = None) -> None:
        """Take facts, and the view that shows them. They are dataclasses of one ``kind``, which
        names the columns also of an empty list. ``view`` is kept."""
        super().__init__(facts, asdict)
        self.view = view
        self._columns = [field.name for field in fields(kind)] if kind else None

    @property
    def df(self) -> DataFrame:
        """The rows as a pandas DataFrame, which has its columns also when there are no rows;
        UsageError where pandas is not installed."""
        try:
            import pandas
        except ImportError:
            raise UsageError(
                ".df needs pandas, which is not installed.", hint="%pip install pandas"
            ) from None
        return pandas.DataFrame(list(self), columns=self._columns)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, object]:
        return bundle(self.view)

    def __repr__(self) -> str:
        """The table as text."""
        return plain(self.view)
