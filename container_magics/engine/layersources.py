"""The layers of an engine's image, from whoever tells them soonest.

A chain of providers is asked in turn, each only for what no earlier one knew: the cache, the
engine's own records, a helper container where that is allowed, and in the end the archive that
`docker save` writes. A provider that cannot tell adds nothing, and the next one is asked. Where the
engine cannot save the image either, it is exported, as one layer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from container_magics.core.knownlayers import KnownLayers
from container_magics.core.layergathering import Gathering
from container_magics.core.layers import Entry, ImageLayers, LayersReading, Way
from container_magics.engine import layerrecords
from container_magics.engine.client import Engine, told
from container_magics.engine.layercache import LayerCache
from container_magics.errors import EngineRefused

MEMORY, CACHE = "this kernel's memory", "cache"
RECORDS = "the engine's own records"
HELPER = "a helper container"
SAVE = "docker save"
EXPORT = "an export, flattened"

Provider = Callable[[Engine, Gathering], Iterator[LayersReading]]


@dataclass(frozen=True, slots=True)
class Sources:
    """Who may be asked besides the engine's archive.

    ``cache`` None: nothing is kept. ``records``: the engine's folder, where we may read it.
    ``helper``: the same through a container that is made for it (``layerhelper``). ``held``: what
    the caller has in memory, by diff ID.
    """

    cache: LayerCache | None = None
    records: bool = True
    helper: bool = False
    held: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)


ENGINE_ALONE = Sources()


def read_image(
    engine: Engine, image: str, sources: Sources = ENGINE_ALONE
) -> Iterator[LayersReading | ImageLayers]:
    """The image's layers, oldest first; reports on the way, and the ImageLayers last.

    ``image`` is a name with or without tag, or an ID. Raises NotFound, and what ``archive``
    raises.
    """
    with told():
        facts = engine.api.inspect_image(image)
    diff_ids = tuple((facts.get("RootFS") or {}).get("Layers") or ())
    gathering = Gathering(facts["Id"], diff_ids)
    yield from _asked(engine, gathering, sources)


def _asked(
    engine: Engine, gathering: Gathering, sources: Sources
) -> Iterator[LayersReading | ImageLayers]:
    ways, fresh, told = list[Way](), set[str](), False
    for name, provider in _providers(sources):
        begin_s, known = time.perf_counter(), set(gathering.entries)
        try:
            yield from provider(engine, gathering)
        except EngineRefused:
            yield from _flattened(engine, gathering.image_id)
            return
        found = set(gathering.entries) - known
        is_new = name not in (MEMORY, CACHE)
        if found or (gathering.complete and is_new):
            ways.append(Way(name, len(found), time.perf_counter() - begin_s))
            told = told or is_new
        fresh |= found if is_new else set()
        if gathering.complete:
            break
    if sources.cache is not None and told:
        kept = {diff_id: gathering.entries[diff_id] for diff_id in fresh}
        sources.cache.keep(gathering.index(), kept)
    yield gathering.image(tuple(ways))


def _flattened(engine: Engine, image_id: str) -> Iterator[LayersReading | ImageLayers]:
    """Where the engine says that it cannot save the image."""
    from container_magics.engine import flattened

    begin_s = time.perf_counter()
    for event in flattened.read(engine, image_id):
        if isinstance(event, ImageLayers):
            way = Way(EXPORT, 1, time.perf_counter() - begin_s)
            yield replace(event, ways=(way,))
        else:
            yield event


def _providers(sources: Sources) -> Iterator[tuple[str, Provider]]:
    if sources.held:
        yield MEMORY, partial(_held, sources.held)
    if sources.cache is not None:
        yield CACHE, partial(_cached, sources.cache)
    if sources.records:
        yield RECORDS, layerrecords.read
    if sources.helper:
        from container_magics.engine import layerhelper

        yield HELPER, layerhelper.read
    yield SAVE, _saved


def _held(
    held: Mapping[str, tuple[Entry, ...]], _: Engine, gathering: Gathering
) -> Iterator[LayersReading]:
    gathering.entries.update((d, held[d]) for d in gathering.missing() if d in held)
    yield from ()


def _cached(cache: LayerCache, _: Engine, gathering: Gathering) -> Iterator[LayersReading]:
    image = cache.image(gathering.image_id, gathering.diff_ids)
    if image is not None:
        gathering.history, gathering.digests = image.history, image.digests_by_diff_id()
    for diff_id in gathering.missing():
        entries = cache.layer(diff_id)
        if entries is not None:
            gathering.entries[diff_id] = entries
    yield from ()


def _saved(engine: Engine, gathering: Gathering) -> Iterator[LayersReading]:
    from container_magics.engine import archive

    known = KnownLayers(gathering.diff_ids, gathering.entries)
    for event in archive.read_image(engine, gathering.image_id, known):
        if isinstance(event, ImageLayers):
            gathering.take(event)
        else:
            yield event
