"""Docker's records of layers where its folder is not ours to read: through a helper container.

It is made of the image itself, is never started, and is removed at once; folders of the engine's
own are bound into it read-only, and the engine reads them for us (`GET /containers/ID/archive`).
Whoever may use an engine may do that; but since it reaches into the engine's folder, it is done
only where the user has allowed it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from container_magics.core.chainid import chain_ids
from container_magics.core.layergathering import Gathering
from container_magics.core.layers import LayersReading
from container_magics.core.tarheader import MAX_MEMBERS, Collected, Sink, TarScanner
from container_magics.core.tarmember import Member
from container_magics.core.tarsplit import PackedTarSplit
from container_magics.engine import layerrecords, policyfile, run
from container_magics.engine.archive import feed
from container_magics.engine.client import Engine
from container_magics.engine.containerfile import archive_path
from container_magics.engine.layerrecords import DIFF_NAME, MAX_CONFIG_BYTES, RECORDS_NAME
from container_magics.engine.ownership import owner
from container_magics.errors import BadArchive, ContainerMagicsError

PLACE = "container-magics"
"""The folder at the root of the container in which the engine's folders are."""
PURPOSE = "look"
CREATE_S = 60.0
_CONFIG = "config"


def read(engine: Engine, gathering: Gathering) -> Iterator[LayersReading]:
    """Add what the records tell; nothing where there are none, or the engine gives none."""
    folder = layerrecords.store(engine)
    if folder is None or not layerrecords.has_digests(gathering):
        return
    missing = set(gathering.missing())
    wanted = {
        str(number): (diff_id, chain_id)
        for number, (diff_id, chain_id) in enumerate(
            zip(gathering.diff_ids, chain_ids(gathering.diff_ids), strict=True)
        )
        if diff_id in missing
    }
    places = {
        name: layerrecords.records_folder(folder, chain_id)
        for name, (_, chain_id) in wanted.items()
    }
    if gathering.history is None:
        places[_CONFIG] = layerrecords.config_file(folder, gathering.image_id)
    found = _Found({name: diff_id for name, (diff_id, _) in wanted.items()}, gathering)
    with suppress(ContainerMagicsError), helper(engine, gathering.image_id, places) as container:
        for _ in feed(engine, archive_path(container, f"/{PLACE}"), found):
            pass
    yield from ()


@contextmanager
def helper(engine: Engine, image: str, places: Mapping[str, Path]) -> Iterator[str]:
    """The ID of a container of ``image`` that is not started: it has the engine's own files and
    folders ``places`` read-only under /PLACE, and is gone after the block.

    Raises what the engine raises, as where one of them is not there.
    """
    policyfile.refuse_helper()
    mounts = [
        {"Type": "bind", "Source": str(path), "Target": f"/{PLACE}/{name}", "ReadOnly": True}
        for name, path in places.items()
    ]
    asked: dict[str, Any] = {
        "Image": image,
        "Entrypoint": [f"/{PLACE}/none"],  # an image may have none, and it is not started
        "Labels": owner().labels(PURPOSE),
        "NetworkDisabled": True,
        # Mounts, not Binds: those would make a folder that is not there
        "HostConfig": {"Mounts": mounts},
    }
    answer = engine.request("POST", "/containers/create", timeout_s=CREATE_S, json=asked)
    container = str(answer.json()["Id"])
    try:
        yield container
    finally:
        run.remove(engine, container)


class _Found:
    """A sink for the archive of the bound folders; puts what is whole into the gathering."""

    def __init__(self, diff_ids: Mapping[str, str], gathering: Gathering) -> None:
        """``diff_ids`` by the name of the folder under PLACE."""
        self._diff_ids, self._gathering = diff_ids, gathering
        self._told: dict[str, bytes] = {}
        self._members = sum(map(len, gathering.entries.values()))
        self._scanner = TarScanner(self._member)
        self.feed = self._scanner.feed
        self.close = self._scanner.close

    @property
    def ended(self) -> bool:
        """Whether the archive's end mark was seen."""
        return self._scanner.ended

    def _member(self, member: Member) -> Sink | None:
        folder, _, file = member.name.decode("utf-8", "replace").rpartition("/")
        name = posixpath.basename(folder)
        if name == PLACE and file == _CONFIG:
            return Collected(self._config, MAX_CONFIG_BYTES)
        if name in self._diff_ids and file == DIFF_NAME:
            return Collected(partial(self._told.__setitem__, name))
        if name not in self._diff_ids or file != RECORDS_NAME:
            return None
        # the engine sends a folder's files by name, so that its diff ID has come
        told = self._told.get(name, b"").decode("latin-1").strip()
        diff_id = self._diff_ids[name]
        return _Layer(self, diff_id, MAX_MEMBERS - self._members) if told == diff_id else None

    def _config(self, data: bytes) -> None:
        layerrecords.take_config(data, self._gathering)

    def take(self, diff_id: str, records: PackedTarSplit) -> None:
        """A layer's records are whole."""
        entries = records.entries()
        self._members += len(entries)
        self._gathering.entries[diff_id] = entries


class _Layer:
    """A sink for one layer's records. One that cannot be read is left to the next provider."""

    def __init__(self, found: _Found, diff_id: str, max_members: int) -> None:
        self._found, self._diff_id = found, diff_id
        self._records: PackedTarSplit | None = PackedTarSplit(max_members)

    def feed(self, data: memoryview) -> None:
        if self._records is not None:
            try:
                self._records.feed(data)
            except BadArchive:
                self._records = None

    def close(self) -> None:
        if self._records is not None:
            with suppress(BadArchive):
                self._records.close()
                self._found.take(self._diff_id, self._records)
