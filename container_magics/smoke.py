"""A smoke of the main job, on a real engine: build, run, layers, ssh login; a line each."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from functools import partial

from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import Output
from container_magics.core.spec import ContainerSpec
from container_magics.core.units import duration
from container_magics.engine import images
from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from container_magics.engine.ownership import owner
from container_magics.errors import Conflict, ContainerMagicsError, EngineError, WorkFailed
from container_magics.practice import boxspec, sshbox
from container_magics.practice.logins import run_on
from container_magics.session.build import build
from container_magics.session.layers import LayersRead, explore
from container_magics.session.run import run

Report = Callable[[str], None]

REMOVE_S = 5.0
REPOSITORY = "container-magics/smoke"
WORDS = "built, run and seen"
DOCKERFILE = f"FROM {BASE}\nRUN echo '{WORDS}' > /smoke.txt\n"


def smoke(engine: Engine, report: Report) -> bool:
    """Do each part, and report it with its seconds. False when a part failed.

    Parts after a failed one are still tried: each failure is news. Nothing is left behind. Its
    names are its own, so that several may run on one engine at once.
    """
    own = uuid.uuid4().hex[:12]
    image = f"{REPOSITORY}:{own}"
    parts: tuple[tuple[str, Callable[[], None]], ...] = (
        ("build", partial(_build, engine, image)),
        ("run", partial(_run, engine, image)),
        ("layers", partial(_layers, engine, image)),
        ("ssh login", partial(_ssh_login, engine, f"smoke-{own}", report)),
    )
    try:
        worked = [_part(name, work, report) for name, work in parts]
    finally:
        _remove(engine, image)
    return all(worked)


def _remove(engine: Engine, image: str) -> None:
    """Remove the smoke's image. Its last container may still be on its way out."""
    limit_s = time.monotonic() + REMOVE_S
    while True:
        try:
            return images.remove(engine, image)
        except Conflict:
            if time.monotonic() > limit_s:
                raise
            time.sleep(0.05)
        except EngineError:  # never built, or the connection broke: that is told already
            return None


def _part(name: str, work: Callable[[], None], report: Report) -> bool:
    started = time.monotonic()
    try:
        work()
    except ContainerMagicsError as error:
        report(f"  {name:<10} failed after {duration(time.monotonic() - started)}")
        report("\n".join(f"    {line}" for line in error.told()))
        return False
    report(f"  {name:<10} ok, {duration(time.monotonic() - started)}")
    return True


def _build(engine: Engine, image: str) -> None:
    _finish(build(engine, BuildSpec(DOCKERFILE, image)))


def _run(engine: Engine, image: str) -> None:
    spec = ContainerSpec(image, command=("cat", "/smoke.txt"))
    _expect(WORDS, _output(run(engine, spec, owner())), "A container of the image")


def _layers(engine: Engine, image: str) -> None:
    *_reading, last = explore(engine, image)
    touches = last.tree.owner(b"smoke.txt").touches if isinstance(last, LayersRead) else ()
    if len(touches) != 1:
        raise WorkFailed("The image's layers do not say which of them owns /smoke.txt.")


def _ssh_login(engine: Engine, name: str, report: Report) -> None:
    """The first time this builds the box's image, which stays: the course needs it."""
    if not boxspec.image_is_here(engine):
        report(f"  {boxspec.IMAGE} is built, once: it takes half a minute")
        _finish(build(engine, boxspec.recipe()[0]))
    try:
        _log_in(engine, name)
    finally:
        boxspec.keys().remove(name)


def _log_in(engine: Engine, name: str) -> None:
    _finish(sshbox.start(engine, owner(), name))
    try:
        box = sshbox.ready(engine, owner(), name)
        _expect(name, _output(run_on(box, "hostname")), "The SSH box")
    finally:
        sshbox.remove(engine, owner(), name)


def _finish(events: Iterable[object]) -> None:
    for _event in events:
        pass


def _output(events: Iterable[object]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Output))


def _expect(words: str, said: bytes, who: str) -> None:
    if said.decode(errors="replace").strip() != words:
        raise WorkFailed(f"{who} said {said!r}, and not {words!r}.")
