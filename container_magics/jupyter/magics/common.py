"""What every magic does alike: its help from its parser, its errors short, its engine renewed."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from IPython.core.magic import Magics

from container_magics.core.argparser import FlagParser
from container_magics.errors import ContainerMagicsError, EngineLost
from container_magics.jupyter.stop import CellStopped
from container_magics.jupyter.workbench import Workbench

F = TypeVar("F", bound=Callable[..., Any])


class BenchMagics(Magics):
    """Magics that share a workbench."""

    def __init__(self, bench: Workbench) -> None:
        """Take the shell's workbench."""
        super().__init__(bench.shell)
        self.bench = bench


def told(*parsers: Callable[[], FlagParser]) -> Callable[[F], F]:
    """Make a method a magic's own: its docstring is the help of ``parsers``; a lost engine is
    looked for anew at the next cell; ``--debug`` shows the traceback. Where a notebook is replayed
    the method is not called at all."""

    def decorate(method: F) -> F:
        @functools.wraps(method)
        def wrapped(self: BenchMagics, line: str, *cell: str | None) -> Any:
            try:
                if self.bench.replay is not None:
                    return self.bench.replay.show()
                return method(self, line, *cell)
            except ContainerMagicsError as error:
                if isinstance(error, EngineLost):
                    self.bench.forget_engine()
                if "--debug" in line.split():
                    traceback.print_exc(file=sys.stderr)
                raise
            except KeyboardInterrupt as stop:
                if isinstance(stop, CellStopped):
                    raise
                raise CellStopped("The cell was stopped.") from None

        wrapped.__doc__ = "\n\n".join(parser().help_text() for parser in parsers) or method.__doc__
        wrapped.parsers = parsers  # type: ignore[attr-defined]  # for Tab: jupyter/completion.py
        return wrapped  # type: ignore[return-value]  # the same signature, which mypy cannot see

    return decorate
