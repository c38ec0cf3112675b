"""Lists that show themselves as a table, and give themselves to pandas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython

from container_magics.core.rows import Rows
from container_magics.errors import UsageError
from container_magics.view.bundle import bundle
from container_magics.view.model import View
from container_magics.view.plain import plain

if TYPE_CHECKING:
    from pandas import DataFrame

LONG = 2000
"""Of more rows no list is made: that would take longer than to find them."""


class Shown:
    """What both kinds of list have: a view, and the names of their columns."""

    view: View
    shown_in: int | None = None
    """The number of the cell in which the view was shown already, by its magic."""
    _columns: list[str] | None

    def _take(self, view: View, kind: type[Any] | None) -> None:
        self.view = view
        self._columns = [field.name for field in fields(kind)] if kind else None

    def _frame(self, rows: Iterable[dict[str, Any]]) -> DataFrame:
        try:
            import pandas
        except ImportError:
            raise UsageError(
                ".df needs pandas, which is not installed.", hint="%pip install pandas"
            ) from None
        return pandas.DataFrame(list(rows), columns=self._columns)

    def _ipython_display_(self) -> None:
        shell = get_ipython()
        if shell is None or self.shown_in != shell.execution_count:
            raise NotImplementedError  # IPython's word for: as anything else is shown

    def _repr_mimebundle_(self, **_: Any) -> dict[str, object]:
        return bundle(self.view)


class Listing(Shown, list[dict[str, Any]]):
    """A list of dicts, one for each row; ``df`` is the same as a DataFrame."""

    def __init__(self, facts: Sequence[Any], view: View, kind: type[Any] | None = None) -> None:
        """Take facts, and the view that shows them. They are dataclasses of one ``kind``, which
        names the columns also of an empty list. ``view`` is kept."""
        super().__init__(asdict(fact) for fact in facts)
        self._take(view, kind)

    @property
    def df(self) -> DataFrame:
        """The rows as a pandas DataFrame, which has its columns also when there are no rows;
        UsageError where pandas is not installed."""
        return self._frame(self)

    def __repr__(self) -> str:
        """The table as text."""
        return plain(self.view)


class LongListing(Shown, Rows[Any, dict[str, Any]]):
    """The same of very many rows: a sequence that makes each dict when it is looked at."""

    def __init__(self, facts: Sequence[Any], view: View, kind: type[Any] | None = None) -> None:
        """As for Listing."""
        super().__init__(facts, asdict)
        self._take(view, kind)

    @property
    def df(self) -> DataFrame:
        """The rows as a pandas DataFrame; UsageError where pandas is not installed."""
        return self._frame(self)

    def __repr__(self) -> str:
        """The table as text."""
        return plain(self.view)


def listing(facts: Sequence[Any], view: View, kind: type[Any]) -> Listing | LongListing:
    """A Listing; a LongListing for more than ``LONG`` facts."""
    return (Listing if len(facts) <= LONG else LongListing)(facts, view, kind)
