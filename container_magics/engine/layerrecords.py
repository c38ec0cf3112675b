"""What Docker itself has written down of its layers, read from its own folder on this machine.

With the graph driver overlay2 the engine keeps, for each layer, the headers of the archive that the
layer came as (`core/tarsplit.py`): `image/overlay2/layerdb/sha256/CHAIN ID/tar-split.json.gz`,
with the diff ID in `diff` beside it; and the image's config, `image/overlay2/imagedb/content/
sha256/IMAGE ID`. Source: github.com/moby/moby, `layer/filestore.go` and `image/fs.go`. The names
are digests of what they stand for, and both are compared: records of another engine, where the
socket leads to another machine, are either those of the same layers, or not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from container_magics.core.chainid import chain_ids, digest_of
from container_magics.core.layergathering import Gathering
from container_magics.core.layers import Entry, LayersReading
from container_magics.core.tarheader import MAX_MEMBERS
from container_magics.core.tarsplit import PackedTarSplit
from container_magics.engine.client import Engine
from container_magics.errors import BadArchive

DRIVER = "overlay2"
RECORDS_NAME, DIFF_NAME = "tar-split.json.gz", "diff"
PIECE_BYTES = 1 << 16
MAX_CONFIG_BYTES = 64 << 20
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def local_store(engine: Engine) -> Path | None:
    """The engine's folder of images on this machine; None where it has none of this form, or is
    not asked through a socket of this machine."""
    return store(engine) if engine.endpoint.is_local else None


def store(engine: Engine) -> Path | None:
    """The engine's folder of images, on its own machine; None where it has none of this form."""
    facts = engine.facts()
    if facts.storage != DRIVER or facts.containerd_store or facts.name != "Docker":
        return None
    return Path(facts.data_folder) / "image" / DRIVER if facts.data_folder else None


def read(engine: Engine, gathering: Gathering) -> Iterator[LayersReading]:
    """Add what the records tell; nothing where there are none, or none that may be read."""
    folder = local_store(engine)
    if folder is None or not has_digests(gathering):
        return
    if gathering.history is None:
        read_config(folder, gathering)
    missing = set(gathering.missing())
    members = sum(map(len, gathering.entries.values()))
    for diff_id, chain_id in zip(gathering.diff_ids, chain_ids(gathering.diff_ids), strict=True):
        if diff_id in missing:
            entries = read_layer(folder, diff_id, chain_id, MAX_MEMBERS - members)
            if entries is None:
                return  # whoever is asked next has to read the whole image anyway
            missing.remove(diff_id)
            gathering.entries[diff_id] = entries
            members += len(entries)
        yield from ()


def has_digests(gathering: Gathering) -> bool:
    """Whether image and layers have names that may be looked for in the folder."""
    return all(map(DIGEST.fullmatch, (gathering.image_id, *gathering.diff_ids)))


def read_config(folder: Path, gathering: Gathering) -> None:
    """The image's config, when it is there and its digest is the image's ID."""
    try:
        with config_file(folder, gathering.image_id).open("rb") as file:
            take_config(file.read(MAX_CONFIG_BYTES), gathering)
    except OSError:
        return


def config_file(folder: Path, image_id: str) -> Path:
    """Where an image's config is."""
    return folder / "imagedb/content" / image_id.replace(":", "/")


def take_config(data: bytes, gathering: Gathering) -> None:
    """Add what the image's config tells, when its digest is the image's ID."""
    if digest_of(data) == gathering.image_id:
        with suppress(ValueError, BadArchive):
            gathering.take_config(json.loads(data))


def records_folder(folder: Path, chain_id: str) -> Path:
    """Where the records of a layer would be."""
    return folder / "layerdb" / chain_id.replace(":", "/")


def layer_folder(folder: Path, diff_id: str, chain_id: str) -> Path | None:
    """Where the records of a layer are; None where they are not, or are another layer's."""
    place = records_folder(folder, chain_id)
    try:
        told = (place / DIFF_NAME).read_text("ascii")
    except (OSError, ValueError):
        return None
    return place if told.strip() == diff_id else None


def read_layer(
    folder: Path, diff_id: str, chain_id: str, max_members: int
) -> tuple[Entry, ...] | None:
    """What the layer holds; None where the records do not tell."""
    place = layer_folder(folder, diff_id, chain_id)
    if place is None:
        return None
    try:
        records = PackedTarSplit(max_members)
        with (place / RECORDS_NAME).open("rb") as file:
            while data := file.read(PIECE_BYTES):
                records.feed(data)
        records.close()
        return records.entries()
    except (OSError, BadArchive):
        return None
