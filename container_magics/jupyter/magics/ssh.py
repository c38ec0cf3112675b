"""%sshbox: a box to practise SSH on. %%ssh: the cell runs on it. %ssh: how to log in elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import line_cell_magic, line_magic, magics_class

from container_magics.core.sshflags import (
    config_parser,
    parse_box,
    parse_ssh,
    ssh_parser,
    sshbox_parser,
)
from container_magics.errors import UsageError
from container_magics.jupyter.magics.common import BenchMagics, told

if TYPE_CHECKING:
    from container_magics.practice.sshbox import Box


@magics_class
class SshMagics(BenchMagics):
    """The magics of the practice box."""

    @line_magic
    @told(sshbox_parser)
    def sshbox(self, line: str) -> Any:
        """Do one thing with practice boxes."""
        from container_magics.jupyter.boxes import do

        request = parse_box(line)
        return do(self.bench, request)

    @line_cell_magic
    @told(ssh_parser, config_parser)
    def ssh(self, line: str, cell: str | None = None) -> None:
        """Run the cell on a box; without a cell, say how to log in from elsewhere."""
        if cell is None:
            self._config(line)
        else:
            self._run(line, cell)

    def _run(self, line: str, cell: str) -> None:
        from container_magics.jupyter.data import fed
        from container_magics.jupyter.runcell import run_cell
        from container_magics.practice import sshbox
        from container_magics.practice.logins import run_on

        name, via, options = parse_ssh(line)
        if not cell.strip():
            raise UsageError("The cell is empty: there is nothing to run.")
        text = self.bench.expanded(cell) if options.expand else cell
        box = self._box(name)
        if name not in self.bench.joined:  # of a class one need not know the gateway
            sshbox.expect_way(box, via)
        stdin, logins = fed(self.bench, options), self.bench.logins
        run_cell(
            self.bench,
            options,
            lambda stopper: run_on(box, text, stdin=stdin, stopper=stopper, logins=logins),
            name,
        )

    def _box(self, name: str) -> Box:
        """The box of that name: one of a class that was joined, or this session's own."""
        from container_magics.practice import sshbox

        if name in self.bench.joined:
            return self.bench.joined[name].box
        return sshbox.existing(self.bench.engine, self.bench.owner, name)

    def _config(self, line: str) -> None:
        from pathlib import Path

        from container_magics.jupyter.publish import show
        from container_magics.practice.boxspec import keys
        from container_magics.view.present import sshbox as present

        words = config_parser().parse(line)
        box = self._box(words.box)
        path = keys().own_config(box.address, Path(words.to).expanduser() if words.to else None)
        show(present.config(box.name, str(path), stable=self.bench.stable))
