"""No search for cyclic garbage while something large is built."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def uncollected(function: Callable[P, R]) -> Callable[P, R]:
    """The function, without the collector while it runs: for one that makes a hundred thousand
    objects, all of them to stay. The collector looks at them again and again as they come, which
    is a third of the time of ``%layers``; and at all of them once more when it is let in again,
    unless it finds them among what is old."""

    @wraps(function)
    def quiet(*arguments: P.args, **more: P.kwargs) -> R:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return function(*arguments, **more)
        finally:
            if was_enabled:
                _let_age()
                gc.enable()

    return quiet


def _let_age() -> None:
    """Put all that is there among what is old, without looking at it; nothing where somebody has
    frozen objects himself, for they would thaw."""
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()
