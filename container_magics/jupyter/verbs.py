"""The lists but for images: words to an engine's verb, and its answer shown."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from container_magics.core.facts import ContainerFacts, NetworkFacts, VolumeFacts
from container_magics.engine import containers as engine_containers
from container_magics.engine import networks as engine_networks
from container_magics.engine import volumes as engine_volumes
from container_magics.jupyter.listing import Listing
from container_magics.jupyter.workbench import Workbench
from container_magics.view.present import lists, places


def containers(bench: Workbench, words: Namespace) -> Any:
    """The list of containers, or its live form."""
    if words.watch:
        from container_magics.jupyter.widgets import dashboard

        return dashboard(bench)
    listed = engine_containers.listed(
        bench.engine, bench.owner, everything=words.all, mine=words.mine
    )
    found = [facts for facts in listed if facts.container_id not in bench.departing]
    return Listing(found, lists.containers(found, stable=bench.stable), ContainerFacts)


def networks(bench: Workbench, words: Namespace) -> Listing:
    """The list of networks."""
    found = engine_networks.listed(
        bench.engine, bench.owner, mine=words.mine, without=bench.departing
    )
    return Listing(found, places.networks(found, stable=bench.stable), NetworkFacts)


def volumes(bench: Workbench, words: Namespace) -> Listing:
    """The list of volumes."""
    found = engine_volumes.listed(
        bench.engine, bench.owner, mine=words.mine, sizes=words.size, without=bench.departing
    )
    view = places.volumes(found, stable=bench.stable, sizes=words.size)
    return Listing(found, view, VolumeFacts)
