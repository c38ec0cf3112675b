"""%shell: a terminal in a container, in the output of a cell.

labextension/src/shell.ts shows a button where the notebook is open in JupyterLab, and opens the
terminal when it is pressed: through Jupyter Server, so that it needs no kernel.
"""

from __future__ import annotations

from IPython.core.magic import line_magic, magics_class
from IPython.display import display

from container_magics.core.shellflags import shell_parser
from container_magics.jupyter.magics.common import BenchMagics, told
from container_magics.jupyter.shelloutput import terminal_in


@magics_class
class ShellMagics(BenchMagics):
    """The magic of terminals."""

    # ``shell`` itself is IPython's own; and IPython types this decorator for bare use alone
    @line_magic("shell")  # type: ignore[arg-type]
    @told(shell_parser)
    def terminal(self, line: str) -> None:
        """Show the way into a container that runs."""
        from container_magics.engine.run import running
        from container_magics.view.bundle import bundle
        from container_magics.view.present import life as present

        words = shell_parser().parse(line)
        asked = self.bench.box_containers.get(words.container, words.container)
        _, name = running(self.bench.engine, asked)
        display({**bundle(present.terminal(name)), **terminal_in(name)}, raw=True)
