"""%vm: a real virtual machine beside a practice box, measured."""

from __future__ import annotations

from IPython.core.magic import line_magic, magics_class

from container_magics.core.vm import parse_vm, vm_parser
from container_magics.jupyter.magics.common import BenchMagics, told


@magics_class
class VmMagics(BenchMagics):
    """The magic of the virtual machine."""

    @line_magic
    @told(vm_parser)
    def vm(self, line: str) -> None:
        """Do one thing with virtual machines."""
        from container_magics.jupyter.vm import VERBS

        request = parse_vm(line)
        VERBS[request.verb](self.bench, request)
