"""%networks, %volumes: what there is of them. %network, %volume: their life."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import line_magic, magics_class

from container_magics.core.listflags import (
    network_parser,
    networks_parser,
    volume_parser,
    volumes_parser,
)
from container_magics.jupyter.magics.common import BenchMagics, told


@magics_class
class ListMagics(BenchMagics):
    """The magics of networks and volumes."""

    @line_magic
    @told(networks_parser)
    def networks(self, line: str) -> Any:
        """List networks."""
        import container_magics.jupyter.verbs as verbs

        return verbs.networks(self.bench, networks_parser().parse(line))

    @line_magic
    @told(volumes_parser)
    def volumes(self, line: str) -> Any:
        """List volumes."""
        import container_magics.jupyter.verbs as verbs

        return verbs.volumes(self.bench, volumes_parser().parse(line))

    @line_magic
    @told(network_parser)
    def network(self, line: str) -> None:
        """Do one verb of a network's life."""
        import container_magics.jupyter.places as places

        places.network(self.bench, network_parser().parse(line))

    @line_magic
    @told(volume_parser)
    def volume(self, line: str) -> None:
        """Do one verb of a volume's life."""
        import container_magics.jupyter.places as places

        places.volume(self.bench, volume_parser().parse(line))
