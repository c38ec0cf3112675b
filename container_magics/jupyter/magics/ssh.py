"""%sshbox: a box to practise SSH on. %%ssh: the cell runs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import cell_magic, line_magic, magics_class

from container_magics.core.sshflags import BOX, parse_box, parse_ssh, ssh_parser, sshbox_parser
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
        """Start, reset, stop or list practice boxes."""
        from container_magics.jupyter.publish import show
        from container_magics.practice import sshbox
        from container_magics.view.model import Note

        request, bench = parse_box(line), self.bench
        if request.verb == "list":
            return self.boxes()
        if request.verb == "stop":
            sshbox.remove(bench.engine, bench.owner, request.name)
            show(Note(f"{request.name} is gone; its keys are kept.", "ok"))
            return None
        self.up(request.name, fresh=request.verb == "reset")
        return None

    def boxes(self) -> Any:
        """The boxes of this session as a list."""
        from container_magics.core.facts import ContainerFacts
        from container_magics.jupyter.listing import Listing
        from container_magics.practice import sshbox
        from container_magics.view.present import lists

        found = sshbox.listed(self.bench.engine, self.bench.owner)
        return Listing(found, lists.containers(found, stable=self.bench.stable), ContainerFacts)

    def up(self, name: str, *, fresh: bool) -> None:
        """Start a box, or find the running one, and show it once one can log in."""
        from container_magics.jupyter.stop import stop_button
        from container_magics.practice import sshbox
        from container_magics.session.stopper import Stopper

        bench = self.bench
        found = sshbox.find(bench.engine, bench.owner, name)
        if found is None or fresh:
            self.ensure_image()
            stopper = Stopper()
            with stop_button(stopper):
                for _ in sshbox.start(bench.engine, bench.owner, name, stopper):
                    pass
            found = sshbox.ready(bench.engine, bench.owner, name)
        else:
            sshbox.wait_until_ready(found)
        bench.keep(BOX, found)
        self.show(found)

    def ensure_image(self) -> None:
        """Build the box's image, live, when it is not there."""
        from container_magics.engine.base import ensure_base
        from container_magics.jupyter.build import play_build
        from container_magics.practice import sshbox

        if sshbox.image_is_here(self.bench.engine):
            return
        ensure_base(self.bench.engine, print)
        play_build(self.bench, sshbox.recipe()[0])

    def show(self, box: Box) -> None:
        """Where the box is, and how to log in."""
        from container_magics.jupyter.publish import show
        from container_magics.view.present import sshbox as present

        show(
            present.box(
                box.name,
                address=f"{box.address.host}:{box.address.port}",
                user=box.address.user,
                fingerprint=box.fingerprint,
                line=box.line,
                stable=self.bench.stable,
            )
        )

    @cell_magic
    @told(ssh_parser)
    def ssh(self, line: str, cell: str) -> None:
        """Run the cell on a box."""
        from container_magics.jupyter.data import fed
        from container_magics.jupyter.runcell import run_cell
        from container_magics.practice import sshbox

        name, options = parse_ssh(line)
        if not cell.strip():
            raise UsageError("The cell is empty: there is nothing to run.")
        text = self.bench.expanded(cell) if options.expand else cell
        box = sshbox.existing(self.bench.engine, self.bench.owner, name)
        stdin = fed(self.bench, options)
        run_cell(
            self.bench,
            options,
            lambda stopper: sshbox.run_on(box, text, stdin=stdin, stopper=stopper),
            name,
        )
