"""What is known so far of one image's layers, while providers are asked for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from container_magics.core.layerindex import VERSION, HistoryLine, ImageIndex
from container_magics.core.layers import Entry, ImageLayers, Layer, Way
from container_magics.core.layerstack import stack
from container_magics.errors import BadArchive


@dataclass(slots=True)
class Gathering:
    """An image's ``diff_ids``, oldest first, and what each of these layers holds, by diff ID.

    ``history`` is None while nobody has told it; ``digests`` are those of the blobs, by diff ID,
    as far as they are known. A layer may be in an image twice; it is asked for once.
    """

    image_id: str
    diff_ids: tuple[str, ...]
    entries: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    history: tuple[HistoryLine, ...] | None = None
    digests: dict[str, str] = field(default_factory=dict)

    def missing(self) -> tuple[str, ...]:
        """The layers that nobody has told yet, oldest first, each once."""
        return tuple(dict.fromkeys(each for each in self.diff_ids if each not in self.entries))

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.history is not None and not self.missing()

    def take_config(self, config: Mapping[str, Any]) -> None:
        """The image's config. Raises BadArchive for one that cannot be read, or of other layers."""
        empty: dict[str, tuple[Entry, ...]] = dict.fromkeys(self.diff_ids, ())
        layers = stack(config, empty)
        if tuple(each.diff_id for each in layers if not each.empty) != self.diff_ids:
            raise BadArchive("The image and its config name different layers.")
        self._take_history(layers)

    def take(self, image: ImageLayers) -> None:
        """The whole image, as another source has it: what is known already is left as it is."""
        self._take_history(image.layers)
        self.diff_ids = tuple(layer.diff_id for layer in image.layers if not layer.empty)
        for layer in image.layers:
            if not layer.empty:
                self.entries.setdefault(layer.diff_id, layer.entries)
                self.digests.setdefault(layer.diff_id, layer.digest)

    def _take_history(self, layers: Sequence[Layer]) -> None:
        self.history = tuple(HistoryLine(e.instruction, e.created_s, e.empty) for e in layers)

    def index(self) -> ImageIndex:
        """The image without its entries, to be kept. Only when nothing is missing."""
        digests = tuple(self.digests.get(diff_id, "") for diff_id in self.diff_ids)
        return ImageIndex(VERSION, self.image_id, self.diff_ids, digests, self.history or ())

    def image(self, ways: tuple[Way, ...] = ()) -> ImageLayers:
        """The whole image. Only when nothing is missing."""
        waiting = iter(self.diff_ids)
        layers = (
            self._layer(line, "" if line.empty else next(waiting)) for line in self.history or ()
        )
        return ImageLayers(self.image_id, tuple(layers), ways)

    def _layer(self, line: HistoryLine, diff_id: str) -> Layer:
        entries = self.entries[diff_id] if diff_id else ()
        return Layer(
            diff_id=diff_id,
            digest=self.digests.get(diff_id, ""),
            instruction=line.instruction,
            created_s=line.created_s,
            size_bytes=sum(entry.size_bytes for entry in entries),
            entries=entries,
            empty=line.empty,
        )
