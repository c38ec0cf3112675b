"""%layers: the stack of read-only layers that an image is, and what each of them did."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from IPython.core.magic import line_magic, magics_class

from container_magics.core.layers import Way
from container_magics.core.layersflags import images, layers_parser
from container_magics.errors import CheckFailed
from container_magics.jupyter.collecting import uncollected
from container_magics.jupyter.magics.common import BenchMagics, told

if TYPE_CHECKING:
    from argparse import Namespace

    from container_magics.core.layertree import LayerTree
    from container_magics.engine.layersources import Sources
    from container_magics.jupyter.listing import Listing, LongListing
    from container_magics.jupyter.workbench import Workbench
    from container_magics.session.layers import LayersEvent


@dataclass(frozen=True, slots=True)
class Exploring:
    """The last event of an exploration; None before the first."""

    last: LayersEvent | None = None

    def apply(self, event: LayersEvent) -> Exploring:
        """The state after one more event."""
        return Exploring(event)


@magics_class
class LayersMagics(BenchMagics):
    """The magic of layers."""

    def __init__(self, bench: Workbench) -> None:
        """Take the shell's workbench."""
        super().__init__(bench)
        self._open: tuple[tuple[str, int], LayerTree] | None = None  # what was shown last

    @line_magic
    @told(layers_parser)
    @uncollected
    def layers(self, line: str) -> Any:
        """Show an image's layers, answer questions about them, or say whether rules hold.

        The stack and the answer to a single question are also lists of dicts, with ``.df`` (of
        more than 2,000 rows a sequence that makes them when asked); -w gives a widget.
        """
        from container_magics.core.layerrows import LayerRow, layer_rows
        from container_magics.core.layerrules import check, check_spelling
        from container_magics.core.layersflags import QUESTIONS
        from container_magics.jupyter.listing import Listing
        from container_magics.jupyter.publish import show
        from container_magics.view.model import Note
        from container_magics.view.present import layers as present

        words = layers_parser().parse(line)
        words.diff = words.diff or words.other
        if words.rules:
            check_spelling(words.rules)
        base_rows = self.base_rows(words.image) if self.bench.stable else 0
        sources = self.bench.layer_sources(helper=words.helper)
        # Files of the base image are read by its own layers, which one row for all cannot name.
        files_asked = words.packages or words.secrets or words.show or words.diff
        tree = self.read(words.image, 0 if files_asked else base_rows, sources)
        given = {name: getattr(words, name) for name in QUESTIONS}
        asked = [name for name, value in given.items() if value is not None and value is not False]
        answered = self.answer(words, tree, sources, base_rows) if asked else []
        if words.rules:
            holds, sentence = check(tree, words.rules)
            if not holds:
                raise CheckFailed(f"{words.image}: {sentence}")
            show(Note(f"{words.image}: {sentence}", "ok"))
        if words.watch and not self.bench.stable:
            from container_magics.jupyter.explorer import explorer

            for one in answered:
                show(one.view)
            return explorer(self.bench, tree, words.image)
        if not asked and not words.rules:
            stable = self.bench.stable
            below = min(1, base_rows) if stable else self.base_rows(words.image)
            view = present.layers(tree, words.image, stable=stable, base_rows=below)
            answered = [Listing(layer_rows(tree), view, LayerRow)]
        only = answered[0] if len(answered) == 1 and not words.rules else None
        if only is not None and asked and asked[0] not in ("show", "tree"):
            return only
        for one in answered:
            show(one.view)
            one.shown_in = self.bench.shell.execution_count
        return only

    def answer(
        self, words: Namespace, tree: LayerTree, sources: Sources, base_rows: int
    ) -> list[Listing | LongListing]:
        """Each question's rows with their view. In stable mode the packages of the base image,
        which are its first ``base_rows`` layers, are left out."""
        from container_magics.core.layerrows import FileRow, tree_rows
        from container_magics.jupyter.listing import Listing, LongListing, listing
        from container_magics.session.layeranswers import answers
        from container_magics.session.layers import engine_for
        from container_magics.view.present.layeranswers import answer_view, tree_view

        other = self.read(words.diff, 0, sources) if words.diff else None
        found = list[Listing | LongListing]()
        if words.tree is not None:
            view = tree_view(tree, words.tree, alone=words.alone)
            files = tree_rows(tree, words.tree, alone=words.alone)
            found.append(LongListing(files, view, FileRow))
        engine = engine_for(images(words), lambda: self.bench.engine)
        for one in answers(engine, tree, words, other, sources):
            rows = one.rows
            facts = one.plain_rows()
            if one.question == "packages":  # the base image's are those of the day
                rows = facts = [row for row in rows if row.layer > base_rows]
            view = answer_view(one.question, rows, tree, words, on_base=bool(base_rows))
            found.append(listing(facts, view, one.kind))
        return found

    def base_rows(self, image: str) -> int:
        """How many rows of the history are the course's base image; 0 without it."""
        from container_magics.engine import images
        from container_magics.engine.base import BASE
        from container_magics.session.layers import image_of, is_elsewhere

        if is_elsewhere(image):
            return 0
        engine = self.bench.engine
        shared = images.shared_layers(engine, image_of(engine, image), BASE)
        return len(images.history(engine, BASE)) if shared else 0

    def read(self, image: str, base_rows: int, sources: Sources) -> LayerTree:
        """An image's layers; those that were asked for last are still here."""
        from container_magics.engine.layersources import MEMORY
        from container_magics.session.layers import identity, is_elsewhere

        begin_s = time.perf_counter()
        nothing = ("", ())
        known, ids = nothing if is_elsewhere(image) else identity(self.bench.engine, image)
        key = (known, base_rows)
        if known and self._open is not None and self._open[0] == key:
            tree = self._open[1]
            count = sum(bool(layer.diff_id) for layer in tree.layers)
            way = Way(MEMORY, count, time.perf_counter() - begin_s)
            return replace(tree, ways=(way,))
        onto = None
        if self._open is not None:
            # the layers that both have are there once; the rest of the old tree makes room
            layers = self._open[1].layers
            held = {layer.diff_id: layer.entries for layer in layers if layer.diff_id}
            sources = replace(sources, held=held)
            onto = self._open[1] if tuple(held) == ids[: len(held)] else None
            self._open = None
        tree = self.read_anew(image, base_rows, sources, onto)
        self._open = (key, tree) if known else None
        return tree

    def read_anew(
        self, image: str, base_rows: int, sources: Sources, onto: LayerTree | None
    ) -> LayerTree:
        """Read an image's layers, with a meter where the mode allows one."""
        from container_magics.jupyter.publish import CellPublisher, play
        from container_magics.session.layers import (
            LayersRead,
            LayersReading,
            engine_for,
            explore,
        )
        from container_magics.view.present import layers as present

        publisher = CellPublisher(stable=self.bench.stable)
        engine = engine_for([image], lambda: self.bench.engine)
        try:
            state = play(
                explore(engine, image, base_rows=base_rows, sources=sources, onto=onto),
                Exploring(),
                lambda state: (
                    present.reading(state.last)
                    if isinstance(state.last, LayersReading) and not self.bench.stable
                    else None
                ),
                publisher,
            )
        finally:
            publisher.clear()
        assert isinstance(state.last, LayersRead)  # noqa: S101 - what explore() ends with
        return state.last.tree
