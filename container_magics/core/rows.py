"""A sequence whose items are made when somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Generic, TypeVar, overload

F = TypeVar("F")
R = TypeVar("R")


class Rows(Sequence[R], Generic[F, R]):
    """``make`` of each of ``found``, in their order. A table shows 200 of 100,000 rows: the rest
    are not made for it."""

    def __init__(self, found: Sequence[F], make: Callable[[F], R]) -> None:
        """Nothing is copied: ``found`` may not change afterwards."""
        self.found = found
        self._make = make

    def __len__(self) -> int:
        """How many they are."""
        return len(self.found)

    @overload
    def __getitem__(self, at: int) -> R: ...
    @overload
    def __getitem__(self, at: slice) -> Rows[F, R]: ...

    def __getitem__(self, at: int | slice) -> R | Rows[F, R]:
        """One of them, made now; or some of them, made later."""
        if isinstance(at, slice):
            return Rows(self.found[at], self._make)
        return self._make(self.found[at])

    def __iter__(self) -> Iterator[R]:
        """Each of them, made as it comes."""
        return map(self._make, self.found)

    def __eq__(self, other: object) -> bool:
        """Whether the other is a sequence of equal items."""
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment] # as a list has none


class Later(Sequence[F]):
    """What ``find`` finds, when somebody looks at it: few who look at a tree want its rows."""

    def __init__(self, find: Callable[[], Sequence[F]]) -> None:
        """``find`` is called once, or never."""
        self._find = find

    @cached_property
    def _found(self) -> Sequence[F]:
        return self._find()

    def __len__(self) -> int:
        """How many they are."""
        return len(self._found)

    @overload
    def __getitem__(self, at: int) -> F: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[F]: ...

    def __getitem__(self, at: int | slice) -> F | Sequence[F]:
        """One of them, or some."""
        return self._found[at]

    def __iter__(self) -> Iterator[F]:
        """Each of them."""
        return iter(self._found)
