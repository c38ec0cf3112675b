"""%%compose: the cell is a Compose file. %compose: a project's status, logs and end."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import line_cell_magic, magics_class

from container_magics.core.composeflags import (
    compose_parser,
    parse_compose,
    parse_project,
    project_parser,
)
from container_magics.errors import UsageError
from container_magics.jupyter.magics.common import BenchMagics, told


@magics_class
class ComposeMagics(BenchMagics):
    """The magics of Compose projects."""

    @line_cell_magic
    @told(compose_parser, project_parser)
    def compose(self, line: str, cell: str | None = None) -> Any:
        """Bring a project to what the cell says, or do one verb of a project."""
        if cell is None:
            from container_magics.jupyter.composecell import verb

            return verb(self.bench, parse_project(line))
        from container_magics.jupyter.composecell import play_up

        request = parse_compose(line)
        if not cell.strip():
            raise UsageError("The cell is empty: there is no Compose file.")
        play_up(self.bench, request, self.bench.expanded(cell) if request.expand else cell)
        return None
