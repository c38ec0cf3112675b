"""%engine: which one answers, and another in its place. %doctor: what is wrong, and its mending."""

from __future__ import annotations

import os
from pathlib import Path

from IPython.core.magic import line_magic, magics_class

from container_magics.core.argparser import FlagParser
from container_magics.core.engineflags import CAN, USE, engine_parser, engine_words
from container_magics.jupyter.magics.common import BenchMagics, told


def doctor_parser() -> FlagParser:
    """%doctor."""
    parser = FlagParser(
        "%doctor", description="What is in order, what is wrong, and the line that mends it."
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


@magics_class
class EngineMagics(BenchMagics):
    """The magics of the engine itself."""

    @line_magic
    @told(engine_parser)
    def engine(self, line: str) -> None:
        """Show the engine, go to another, or show what it can do."""
        from container_magics.jupyter.engineuse import use
        from container_magics.jupyter.publish import show
        from container_magics.view.present import engine as present

        words = engine_words(line)
        if words.verb == USE:
            show(use(self.bench, words.place))
            return
        if words.verb == CAN:
            show(present.capabilities(self.bench.engine.capabilities(), stable=self.bench.stable))
            return
        show(present.engine(self.bench.engine.facts(), stable=self.bench.stable))

    @line_magic
    @told(doctor_parser)
    def doctor(self, line: str) -> None:
        """Show every check."""
        from container_magics.jupyter.publish import show
        from container_magics.session.doctor import examine
        from container_magics.view.present import engine as present

        doctor_parser().parse(line)
        checks, _ = examine(os.environ, Path.home())
        show(present.doctor(checks))
