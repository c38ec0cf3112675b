"""%class: a practice box for each student of a class, on a swarm."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import line_magic, magics_class

from container_magics.core.classflags import class_parser, parse_class
from container_magics.jupyter.magics.common import BenchMagics, told


@magics_class
class ClassMagics(BenchMagics):
    """The magic of the class."""

    @line_magic("class")  # type: ignore[arg-type]  # IPython's own annotation is of the bare form
    @told(class_parser)
    def class_(self, line: str) -> Any:
        """Do one thing with a class."""
        from container_magics.jupyter.classes import do

        return do(self.bench, parse_class(line))
