"""%images, and %image VERB: words to an engine's verb, and its answer shown."""

from __future__ import annotations

import io
import sys
from argparse import Namespace
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

from container_magics.core.facts import ImageFacts
from container_magics.core.imageflags import gathered
from container_magics.core.names import ImageRef
from container_magics.core.states import ArchiveState, PullState
from container_magics.core.template import filled
from container_magics.core.units import size
from container_magics.engine import images as engine_images
from container_magics.engine.base import BASE
from container_magics.engine.imagefiles import load, load_file, save
from container_magics.engine.push import push
from container_magics.errors import Conflict, ContainerMagicsError, UsageError
from container_magics.jupyter.listing import Listing
from container_magics.jupyter.named import exactly
from container_magics.jupyter.patience import unhindered
from container_magics.jupyter.publish import CellPublisher, cleared, play, show
from container_magics.jupyter.workbench import Workbench
from container_magics.session import prune as session_prune
from container_magics.session.making import pulled
from container_magics.session.values import bytes_of_value
from container_magics.view.model import Note
from container_magics.view.present import lists, transfer


def images(bench: Workbench, words: Namespace) -> Listing:
    """The list of images."""
    found = engine_images.listed(
        bench.engine, words.name, everything=words.all, filters=gathered(words.filter)
    )
    view = lists.images(found, stable=bench.stable, digests=words.digests)
    return Listing(found, view, ImageFacts)


def image(bench: Workbench, words: Namespace) -> None:
    """Do one verb of %image."""
    VERBS[words.verb](bench, words)


def history(bench: Workbench, words: Namespace) -> None:
    """The instructions that made it."""
    (name,) = exactly(1, words, "%image")
    lines = engine_images.history(bench.engine, name)
    on_base = engine_images.shared_layers(bench.engine, name, BASE)
    ground = engine_images.history(bench.engine, BASE) if on_base else ()
    show(lists.history(lines, base=ground, stable=bench.stable))


def inspect(bench: Workbench, words: Namespace) -> None:
    """What the engine knows of it, or one fact of that."""
    (name,) = exactly(1, words, "%image")
    facts = engine_images.inspect(bench.engine, name)
    if words.format:
        sys.stdout.write(filled(words.format, facts) + "\n")
        return
    show(lists.image(facts, stable=bench.stable, base_layers=base_layers(bench, name)))


def base_layers(bench: Workbench, name: str) -> int:
    """In stable mode the number of layers that come from the base image; else 0."""
    return engine_images.shared_layers(bench.engine, name, BASE) if bench.stable else 0


def tag(bench: Workbench, words: Namespace) -> None:
    """A second name."""
    name, new = exactly(2, words, "%image")
    engine_images.tag(bench.engine, name, new)
    show(Note(f"{new} now names the same image as {name}.", "ok"))


def pull(bench: Workbench, words: Namespace) -> None:
    """From a registry, with its progress."""
    name = str(ImageRef.parse(exactly(1, words, "%image")[0]))
    follow(bench, pulled(bench.engine, name, platform=words.platform or ""), transfer.pull)


def push_image(bench: Workbench, words: Namespace) -> None:
    """To a registry, with its progress."""
    follow(bench, push(bench.engine, exactly(1, words, "%image")[0]), transfer.push)


def follow(
    bench: Workbench, story: Generator[Any, None, None], present: Callable[..., Any]
) -> None:
    """Tell of a pull or a push. One that fails leaves no meter: its error says more."""
    publisher = CellPublisher(stable=bench.stable)
    with cleared(publisher):
        play(story, PullState(), partial(present, stable=bench.stable), publisher)


def save_images(bench: Workbench, words: Namespace) -> None:
    """To a file, with its progress."""
    names, file = saved_where(words)
    publisher = CellPublisher(stable=bench.stable)
    with cleared(publisher):
        story = save(bench.engine, names, Path(file).expanduser())
        shown = partial(transfer.save, stable=bench.stable)
        state = play(story, ArchiveState(), shown, publisher)
    much = size(state.done_bytes)
    if all(base_layers(bench, name) for name in names):
        much = "SIZE"
    publisher.settle(Note(f"Wrote {', '.join(names)} to {file}: {much}.", "ok"))


def saved_where(words: Namespace) -> tuple[list[str], str]:
    """(the images, the file) of IMAGE FILE, or of -o FILE IMAGE IMAGE."""
    if not words.output:
        name, file = exactly(2, words, "%image")
        return [name], file
    return some(words), words.output


def load_images(bench: Workbench, words: Namespace) -> None:
    """From a file or a variable, with its progress."""
    publisher = CellPublisher(stable=bench.stable)
    with cleared(publisher):
        shown = partial(transfer.load, stable=bench.stable)
        state = play(loading(bench, words), ArchiveState(), shown, publisher)
    publisher.settle(Note(state.loaded[0], "ok"))
    for sentence in state.loaded[1:]:
        show(Note(sentence, "ok"))


def loading(bench: Workbench, words: Namespace) -> Generator[Any, None, None]:
    """The story of a load; UsageError unless there is one source."""
    files = [*words.names, *([words.input] if words.input else ())]
    if len(files) + bool(words.stdin) != 1:
        raise UsageError(
            "load takes one file, or one variable.",
            hint="`%image load FILE`, or `%image load --stdin VAR`.",
        )
    if files:
        return load_file(bench.engine, Path(files[0]).expanduser())
    value = bench.variable(words.stdin)
    content = bytes_of_value(value)
    source = f"the variable {words.stdin}"
    return load(bench.engine, io.BytesIO(content), len(content), source)


def remove(bench: Workbench, words: Namespace) -> None:
    """One or several; those that can go go, as with docker."""
    failed: list[ContainerMagicsError] = []
    for name in some(words):
        one = partial(engine_images.remove, bench.engine, name, force=words.force)
        try:
            unhindered(bench, one)
        except ContainerMagicsError as error:
            failed.append(error)
        else:
            show(Note(f"{name} is removed.", "ok"))
    if failed:
        failed[0].facts += tuple(str(error) for error in failed[1:])
        raise failed[0]


def prune(bench: Workbench, words: Namespace) -> None:
    """What %%image left without a name; with -a the named, too, once they were seen."""
    exactly(0, words, "%image")
    bench.drop_spares(wait=True)
    found = session_prune.prunable(
        bench.engine, named=words.all, filters=words.filter, departing=bench.departing
    )
    if words.all and found and not words.force:
        show(transfer.would_prune(lists.images(found, stable=bench.stable)))
        return
    gone = [facts for facts in found if removed(bench, facts)]
    others = 0 if bench.stable else session_prune.strangers(bench.engine)
    show(transfer.pruned(gone, others, stable=bench.stable))


def removed(bench: Workbench, facts: ImageFacts) -> bool:
    """Whether one that nobody needed could be removed."""
    try:
        unhindered(bench, partial(session_prune.remove, bench.engine, facts))
    except Conflict:
        return False
    return True


def some(words: Namespace) -> list[str]:
    """The names; UsageError when there are none."""
    names: list[str] = words.names or exactly(1, words, "%image")
    return names


def debug(bench: Workbench, words: Namespace) -> None:
    """Go into the build that failed last, or the last one of this tag."""
    from container_magics.jupyter.build import debug_build

    if len(words.names) > 1:
        raise UsageError("debug takes one tag, or none for the build that failed last.")
    debug_build(bench, str(ImageRef.parse(words.names[0])) if words.names else "")


VERBS: dict[str, Callable[[Workbench, Namespace], None]] = {
    "history": history,
    "inspect": inspect,
    "tag": tag,
    "pull": pull,
    "push": push_image,
    "save": save_images,
    "load": load_images,
    "rm": remove,
    "prune": prune,
    "debug": debug,
}
