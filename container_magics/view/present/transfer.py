"""What is worth saying of images on their way: from and to registries, from and to files."""

from __future__ import annotations

from collections.abc import Sequence

from container_magics.core.events import PullProgress
from container_magics.core.facts import ImageFacts
from container_magics.core.names import ImageRef
from container_magics.core.states import ArchiveState, PullState
from container_magics.core.units import count, size
from container_magics.view.model import Group, Meter, Note, View

DONE = (
    *("Pull complete", "Already exists", "Download complete"),
    *("Pushed", "Layer already exists"),
)
MOVING = ("Downloading", "Pushing")
"""The engine's words for a layer of which so many bytes have come by; else all have, or none."""
MOST_LAYERS = 6
SHORT_ID = 12


def pull(state: PullState, *, stable: bool = False) -> View | None:
    """How far a pull is, all layers together, and then each that is at work; in stable mode
    only that it is done, as in all that follows."""
    if state.image:
        return whole("Pulled", state, stable=stable)
    return at_work("Pulling", state, stable=stable)


def push(state: PullState, *, stable: bool = False) -> View | None:
    """The same of a push."""
    if state.image:
        return whole("Pushed", state, stable=stable)
    return at_work("Pushing", state, stable=stable)


def at_work(label: str, state: PullState, *, stable: bool) -> View | None:
    """The meters; None before the first layer is named."""
    if stable or not state.layers:
        return None
    return Group((overall(label, state), *layers(state)))


def whole(done: str, state: PullState, *, stable: bool) -> Note:
    """That it is done, and the digest as it is typed; in stable mode not which."""
    name = ImageRef.parse(state.image).name
    digest = f"{name}@{'DIGEST' if stable else state.digest}"
    return Note(f"{done} {state.image}.", "ok", "", (digest,) if state.digest else ())


def overall(label: str, state: PullState) -> Meter:
    """All layers whose size is known."""
    total = sum(layer.total_bytes or 0 for layer in state.layers.values())
    done = sum(map(done_bytes, state.layers.values()))
    complete = sum(is_done(layer) for layer in state.layers.values())
    told = f"{complete} of {count(len(state.layers), 'layer')} complete"
    fraction = min(1.0, done / total) if total else None
    return Meter(label, fraction, f"{size(done)} of {size(total)}, {told}")


def layers(state: PullState) -> tuple[View, ...]:
    """The layers that are at work, at most some; when there are more, how many."""
    busy = [one for one in state.layers.values() if one.total_bytes and not is_done(one)]
    shown = tuple(layer(one) for one in busy[:MOST_LAYERS])
    more = len(busy) - len(shown)
    return (*shown, *([Note(f"{count(more, 'more layer')} at work.")] if more else ()))


def layer(one: PullProgress) -> Meter:
    """One layer: what is done with it, and how far that is."""
    total = one.total_bytes or 0
    now = min(one.current_bytes or 0, total)
    return Meter(f"  {one.layer}", now / total, f"{one.status}: {size(now)} of {size(total)}")


def is_done(one: PullProgress) -> bool:
    """Whether nothing more is done with a layer for now."""
    return one.status in DONE or one.status.startswith("Mounted from")


def done_bytes(one: PullProgress) -> int:
    """How much of a layer has come by. What is unpacked now has come already."""
    total = one.total_bytes or 0
    return min(one.current_bytes or 0, total) if one.status in MOVING else total


def save(state: ArchiveState, *, stable: bool = False) -> View | None:
    """How far an archive is written; its size is known in the end, and guessed before."""
    done, total = state.done_bytes, state.total_bytes
    if stable or not done:
        return None
    if not total:
        return Meter("Saving", None, size(done))
    return Meter("Saving", min(0.99, done / total), f"{size(done)} of about {size(total)}")


def load(state: ArchiveState, *, stable: bool = False) -> View | None:
    """How far an archive is read; nothing once images came out of it, for they say more."""
    done, total = state.done_bytes, state.total_bytes
    if stable or state.loaded or total is None:
        return None
    label = f"Unpacking layer {state.layer}" if state.layer else "Loading"
    return Meter(label, min(1.0, done / total) if total else None, f"{size(done)} of {size(total)}")


def would_prune(found: View) -> View:
    """The images that a prune with -a would take, before it does."""
    return Group(
        (
            found,
            Note("Nothing is removed yet.", hint="`%image prune -a -f` removes all of these."),
        )
    )


def pruned(gone: Sequence[ImageFacts], others: int, *, stable: bool) -> View:
    """What a prune has removed, and how many images without a name are none of ours."""
    hint = f"{count(others, 'other')} without a name came from elsewhere, and stay." * bool(others)
    if not gone:
        return Note("No image that was built here is without a name and a use.", "ok", hint)
    names = [tag for facts in gone for tag in facts.tags or [nameless(facts, stable=stable)]]
    return Note(f"Removed {count(len(gone), 'image')}.", "ok", hint, tuple(names))


def nameless(facts: ImageFacts, *, stable: bool) -> str:
    """An image without a name; in stable mode one as the other."""
    return "ID" if stable else facts.image_id.partition(":")[2][:SHORT_ID]
