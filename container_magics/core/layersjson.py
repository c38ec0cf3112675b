"""`container-magics layers --json`: what its documents hold. Described in docs/layers-json.md.

Grows by new keys alone; ``SCHEMA`` rises when a key goes or means something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from container_magics.core.layerrows import iso
from container_magics.core.layerrules import Verdict
from container_magics.core.layersecrets import masked
from container_magics.core.layertree import LayerTree
from container_magics.core.layerwaste import dive
from container_magics.core.merge import Tally

SCHEMA = 1


def document(
    image: str,
    tree: LayerTree,
    verdicts: Sequence[Verdict] = (),
    answers: Mapping[str, Sequence[Any]] | None = None,
) -> dict[str, Any]:
    """The document, of JSON's types alone. ``answers`` has rows (of layerrows) by question."""
    by_dive = dive(tree)
    return {
        "schema": SCHEMA,
        "image": image,
        "image_id": tree.image_id,
        "total_bytes": tree.total_bytes,
        "visible_bytes": tree.visible_bytes,
        "wasted_bytes": tree.hidden_bytes,
        "wasted_percent": 100 * (1 - tree.efficiency),
        "efficiency": tree.efficiency,
        "dive": {
            "score": by_dive.score,
            "wasted_bytes": by_dive.wasted_bytes,
            "user_wasted_percent": by_dive.user_wasted_percent,
        },
        "layers": [_layer(tree, index) for index in range(len(tree.layers))],
        "ways": [way._asdict() for way in tree.ways],
        "assertions": [
            {"rule": v.rule, "name": v.name, "value": v.value, "limit": v.limit, "holds": v.holds}
            for v in verdicts
        ],
        "answers": {name: [asdict(row) for row in rows] for name, rows in (answers or {}).items()},
    }


def _layer(tree: LayerTree, index: int) -> dict[str, Any]:
    layer, change = tree.layers[index], tree.changes[index]
    return {
        "layer": index + 1,
        "diff_id": layer.diff_id,
        "digest": layer.digest,
        "instruction": masked(layer.instruction),
        "created": iso(layer.created_s),
        "size_bytes": layer.size_bytes,
        "empty": layer.empty,
        "writable": layer.writable,
        "added": _tally(change.added),
        "changed": _tally(change.changed),
        "hid": _tally(change.hid),
        "hides_bytes": change.hides_bytes,
    }


def _tally(tally: Tally) -> dict[str, int]:
    return {"count": tally.count, "size_bytes": tally.size_bytes}
