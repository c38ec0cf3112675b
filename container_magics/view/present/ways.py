"""By which ways layers were read, in words."""

from __future__ import annotations

from collections.abc import Sequence

from container_magics.core import units
from container_magics.core.layers import Way


def read_by(ways: Sequence[Way]) -> str:
    """ "; 11 layers from cache (0.05 s), 1 layer from an archive (9.61 s, digests verified)";
    "" for no way that gave any."""
    parts = (
        f"{units.count(way.layers, 'layer')} from {way.name} ({way.seconds:.2f} s"
        f"{', digests verified' if way.verified else ''})"
        for way in ways
        if way.layers
    )
    said = ", ".join(parts)
    return f"; {said}" if said else ""
