"""The verbs of %sshbox, as a cell shows them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from container_magics.core.sshflags import SNAPSHOT, BoxRequest
from container_magics.engine import run as verbs
from container_magics.errors import ContainerMagicsError, NoEngine, UsageError
from container_magics.jupyter.boxshow import shown, shown_together
from container_magics.jupyter.publish import show
from container_magics.jupyter.stop import stop_button
from container_magics.practice import boxcopies, boxfind, boxlab, boxspec, sshbox
from container_magics.session.stopper import Stopper
from container_magics.view.model import Note
from container_magics.view.present import sshbox as present

if TYPE_CHECKING:
    from container_magics.core.boxes import BoxSettings
    from container_magics.core.facts import ContainerFacts
    from container_magics.jupyter.listing import Listing
    from container_magics.jupyter.workbench import Workbench
    from container_magics.practice.box import Box

CROWD = 3
"""From so many boxes on, those that a cell starts are shown in one table."""


def start(bench: Workbench, request: BoxRequest) -> None:
    """Start boxes, or find those that run; each is shown once one can log in. A box that was asked
    for otherwise is made anew."""
    free = boxfind.free_names(bench.engine, bench.owner, request.names)
    looked = {
        name: sshbox.find(bench.engine, bench.owner, name)
        for name in request.names
        if name not in free
    }
    missing = [name for name in request.names if not looked.get(name)]
    for box in filter(None, looked.values()):
        if _fits(box.settings, request):
            sshbox.wait_until_ready(bench.engine, box)
            shown(bench, box)
        else:  # what was not said stays as it was
            asked = {one: getattr(request.settings, one) for one in request.asked}
            _start(bench, [box.name], replace(box.settings, **asked), replacing=True)
    if missing:
        replacing = not free.issuperset(missing)  # a dead session's, or another user's, is there
        _start(bench, missing, request.settings, replacing=replacing, free=free)


def _start(
    bench: Workbench,
    names: Sequence[str],
    settings: BoxSettings,
    *,
    replacing: bool,
    free: frozenset[str] = frozenset(),
) -> None:
    ensure_image(bench, settings)
    _forget(bench, names)
    stopper = Stopper()
    made = boxlab.starting(
        bench.engine, bench.owner, dict.fromkeys(names, settings), stopper,
        replacing=replacing, free=free,
    )  # fmt: skip
    with stop_button(stopper), closing(made) as boxes:
        if len(names) < CROWD:
            for box in boxes:
                shown(bench, box)
        else:
            shown_together(bench, list(boxes))


def lab(bench: Workbench, request: BoxRequest) -> None:
    """Start a private network of boxes, or what is missing of one that is as it is asked for."""
    there = boxlab.find_lab(bench.engine, bench.owner, request.names)
    if not all(_fits(box.settings, request) for box in there.values()):
        there = {}
    missing = [name for name in request.names if name not in there]
    for box in there.values():
        sshbox.wait_until_ready(bench.engine, box)
    if missing:
        there |= {box.name: box for box in _started(bench, request, missing)}
    for name in request.names:
        shown(bench, there[name])


def _started(bench: Workbench, request: BoxRequest, names: Sequence[str]) -> list[Box]:
    """A lab made anew where all are named, and else those behind its gate that are."""
    ensure_image(bench, request.settings)
    _forget(bench, names)
    stopper = Stopper()
    engine, owner, gate, settings = bench.engine, bench.owner, request.names[0], request.settings
    with stop_button(stopper):
        if gate in names:
            return boxlab.start_lab(engine, owner, names, settings, stopper)
        return boxlab.start_missing(engine, owner, gate, names, settings, stopper)


def reset(bench: Workbench, request: BoxRequest) -> None:
    """Fresh boxes of the same names."""
    for name in request.names:
        old = boxspec.keys().known_hosts(name)
        if request.new_host_key:
            sshbox.facts_of(bench.engine, bench.owner, name)  # NameTaken before the key goes
            boxspec.keys().remove(name)
        _forget(bench, [name])
        stopper = Stopper()
        prepare = partial(ensure_image, bench)
        with stop_button(stopper):
            box, left = sshbox.reset(bench.engine, bench.owner, name, prepare, stopper)
        shown(bench, box)
        if left:
            _remove_later(bench, left)
        if request.new_host_key and old:
            _lesson(bench, name, old)


def _lesson(bench: Workbench, name: str, old: bytes) -> None:
    from container_magics.engine.sshprogram import said_to_another_key

    box = sshbox.existing(bench.engine, bench.owner, name)
    lines = said_to_another_key(box.address, old)
    show(present.changed_key(name, lines, stable=bench.stable))


def stop(bench: Workbench, request: BoxRequest) -> None:
    """Stop boxes; their files stay."""
    for name in request.names:
        _forget(bench, [name])
        sshbox.stop(bench.engine, bench.owner, name)
        show(Note(f"{name} is stopped; its files are kept.", "ok", hint=f"%sshbox {name}"))


def rm(bench: Workbench, request: BoxRequest) -> None:
    """Remove boxes with their files."""
    for name in request.names:
        _forget(bench, [name])
        sshbox.remove(bench.engine, bench.owner, name)
        bench.box_containers.pop(name, None)
        show(Note(f"{name} is gone; its keys are kept.", "ok"))


def snapshot(bench: Workbench, request: BoxRequest) -> None:
    """Keep a box's files."""
    label = _label(request)
    boxcopies.snapshot(bench.engine, bench.owner, request.name, label)
    hint = f"%sshbox restore {request.name} {label}"
    show(Note(f"The files of {request.name} are kept as {label}.", "ok", hint=hint))


def restore(bench: Workbench, request: BoxRequest) -> None:
    """A fresh box with the files of a snapshot."""
    name, label = request.name, _label(request)
    _again(bench, name, lambda s: boxcopies.restore(bench.engine, bench.owner, name, label, s))


def fork(bench: Workbench, request: BoxRequest) -> None:
    """Another box with the same files."""
    name, new = request.names
    _again(bench, new, lambda s: boxcopies.fork(bench.engine, bench.owner, name, new, s))


def listed(bench: Workbench, _request: BoxRequest) -> Listing:
    """The boxes of this session."""
    from container_magics.core.boxes import unpacked
    from container_magics.jupyter.listing import Listing

    rows = [
        present.BoxRow(name, "", "of a class", "joined", f"{one.box.address.host}", "")
        for name, one in bench.joined.items()
    ]
    for facts in _own(bench):
        if facts.container_id in bench.departing:
            continue
        name = sshbox.name_of(facts)
        settings = unpacked(facts.labels.get(boxspec.SETTINGS, ""))
        address = dict(facts.ports).get(f"{settings.port}/tcp", "")
        kept = ", ".join(boxcopies.labels_of(bench.engine, bench.owner, name))
        rows.append(present.BoxRow(name, facts.image, settings.kind, facts.state, address, kept))
    return Listing(rows, present.boxes(rows, stable=bench.stable), present.BoxRow)


def _own(bench: Workbench) -> list[ContainerFacts]:
    """The boxes of this session on its engine; none where there is no engine, and none is needed
    for what was joined."""
    try:
        return sshbox.listed(bench.engine, bench.owner)
    except NoEngine:
        if not bench.joined:
            raise
        return []


def join(bench: Workbench, request: BoxRequest) -> None:
    """Take a box of a class, which another engine runs."""
    from pathlib import Path

    from container_magics.practice import joined

    taken = joined.join(Path(request.file), request.name)
    _forget(bench, [request.name])
    bench.joined[request.name] = taken
    shown(bench, taken.box)


def _refuse_joined(bench: Workbench, request: BoxRequest) -> None:
    """UsageError for a verb that needs the box's engine, of a box that was joined."""
    for name in request.names:
        if name in bench.joined:
            raise UsageError(
                f"{name} is a box of your class: its engine is your teacher's.",
                hint=f"Ask your teacher for a {request.verb}. `%sshbox rm {name}` lets it go.",
            )


def _let_go(bench: Workbench, request: BoxRequest) -> BoxRequest:
    """Forget those of the names that were joined; what is left is ours."""
    from container_magics.practice.joined import kept

    for name in [each for each in request.names if each in bench.joined]:
        _forget(bench, [name])
        kept().forget(bench.joined.pop(name).box.address)
        show(Note(f"{name} is let go; the box itself is as it was.", "ok"))
        request = replace(request, names=tuple(one for one in request.names if one != name))
    return request


def do(bench: Workbench, request: BoxRequest) -> Any:
    """Do what a request says."""
    if request.verb == "rm":
        request = _let_go(bench, request)
    elif request.verb == "start" and all(name in bench.joined for name in request.names):
        for name in request.names:
            shown(bench, bench.joined[name].box)
        return None
    elif request.verb not in ("join", "list"):
        _refuse_joined(bench, request)
    return VERBS[request.verb](bench, request)


VERBS: dict[str, Callable[[Workbench, BoxRequest], Any]] = {
    "start": start, "stop": stop, "reset": reset, "rm": rm, "list": listed, "lab": lab,
    "snapshot": snapshot, "restore": restore, "fork": fork,
    "join": join,
}  # fmt: skip


def ensure_image(bench: Workbench, settings: BoxSettings) -> None:
    """Build the box's image, live, when it is needed and not there."""
    from container_magics.engine.base import ensure_base
    from container_magics.jupyter.build import play_build

    if settings.image or boxspec.image_is_here(bench.engine):
        return
    ensure_base(bench.engine, print)
    play_build(bench, boxspec.recipe()[0])


def _fits(settings: BoxSettings, request: BoxRequest) -> bool:
    """Whether a box that runs is as it is asked for: by what was said, and not by what was left
    out."""
    return all(getattr(settings, name) == getattr(request.settings, name) for name in request.asked)


def _again(bench: Workbench, name: str, make: Callable[[Stopper], object]) -> None:
    """Make a box in place of the one of that name, and show it once one can log in."""
    _forget(bench, [name])
    stopper = Stopper()
    with stop_button(stopper):
        make(stopper)
    shown(bench, sshbox.ready(bench.engine, bench.owner, name))


def _remove_later(bench: Workbench, container_id: str) -> None:
    """Remove a container beside the next cells. What is not done when the session ends is done
    then."""

    bench.departing.add(container_id)

    def remove() -> None:
        with suppress(ContainerMagicsError):
            verbs.remove(bench.engine, container_id)

    threading.Thread(target=remove, daemon=True, name="container-magics removal").start()


def _label(request: BoxRequest) -> str:
    return request.names[1] if len(request.names) > 1 else SNAPSHOT


def _forget(bench: Workbench, names: Sequence[str]) -> None:
    for name in names:
        bench.logins.forget(name)
