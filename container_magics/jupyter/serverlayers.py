"""An image's layers for a page: what %layers shows, from the same code, without a kernel."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from container_magics.errors import UsageError
from container_magics.jupyter.serverengine import Entry

if TYPE_CHECKING:
    from container_magics.engine.client import Engine

IMAGE_ID = re.compile(r"sha256:[0-9a-f]{64}")


def checked_id(image_id: str) -> str:
    """The ID of an image; UsageError for anything else, for a name may lead to a registry."""
    if not IMAGE_ID.fullmatch(image_id):
        raise UsageError("This is no ID of an image: sha256 and 64 hexadecimal digits.")
    return image_id


def layers(engine: Engine, image_id: str) -> Entry:
    """The view of its layers, as JSON. Raises what ``session.layers.explore`` raises."""
    from container_magics.engine import images
    from container_magics.engine.layercache import user_cache
    from container_magics.engine.layersources import Sources
    from container_magics.session.layers import LayersRead, explore
    from container_magics.view.bundle import to_json
    from container_magics.view.present import layers as present

    tags = images.inspect(engine, image_id).get("RepoTags") or [image_id]
    *_, last = explore(engine, image_id, sources=Sources(user_cache(os.environ)))
    assert isinstance(last, LayersRead)  # noqa: S101 - what explore() ends with
    return to_json(present.layers(last.tree, ", ".join(tags)))
