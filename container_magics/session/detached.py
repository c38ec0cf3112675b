"""The story of a container that is left running: start it, say where it is, and go on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from functools import partial

from container_magics.core.events import Created, RunEvent
from container_magics.core.fingerprint import fingerprint
from container_magics.core.snapshot import Snapshot
from container_magics.core.spec import ContainerSpec
from container_magics.core.transfer import NOTHING, Transfer
from container_magics.engine import images, limits
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import PREFIX, SESSION, Owner, is_inherited
from container_magics.errors import NotFound
from container_magics.session.carry import bring
from container_magics.session.container import snapshot_of
from container_magics.session.making import (
    created_from,
    removal_unless_done,
    replace_ours,
    with_name,
)
from container_magics.session.run import started
from container_magics.session.stopper import Stopper

AT_ONCE_S = 0.25
"""A program left running that ends within this time is said to have ended."""
SPEC = PREFIX + "spec"
"""The label with the words by which a container was asked for (``fingerprint``)."""


def run_detached(
    engine: Engine,
    spec: ContainerSpec,
    owner: Owner,
    *,
    purpose: str = "box",
    auto_remove: bool = False,
    stopper: Stopper | None = None,
    transfer: Transfer = NOTHING,
    at_once_s: float = AT_ONCE_S,
    replacing: bool = True,
    image_id: str = "",
    usual_limits: bool = False,
) -> Generator[RunEvent, None, None]:
    """Start a container and leave it running; it is removed when it cannot start.

    Ends with Exited when the program has ended within ``at_once_s``. With ``auto_remove`` the
    engine removes the container when it ends. Without ``replacing`` nothing is looked for that
    would have to make room: the caller has done so. ``image_id`` is the image's, where the caller
    has asked for it. NotSupported for a limit that the engine does not set; but ``usual_limits``
    are nobody's wish, and hold where they can.
    """
    if not usual_limits:
        limits.expect(engine, spec.limits)
    stopper = stopper or Stopper()
    if replacing:
        yield from replace_ours(engine, spec, owner, stopper)
    named = with_name(spec)

    def make() -> Created:
        words = words_of(engine, spec, transfer, image_id, auto_remove=auto_remove)
        labels = owner.labels(purpose) | {SPEC: words}
        return verbs.create(engine, named, labels, auto_remove=auto_remove, logs=True)

    with removal_unless_done(engine, named.name, owner, stopper) as done:
        created = yield from created_from(engine, spec, partial(make), stopper)
        yield from bring(engine, created.container_id, spec, transfer)
        with stopper.shield():
            stopper.check()
            yield from started(engine, spec, created)
            done.append(created.container_id)
    if not at_once_s:
        return
    with suppress(NotFound):
        ended = verbs.ended_within(engine, created.container_id, at_once_s)
        if ended:
            yield ended


def running_already(
    engine: Engine,
    spec: ContainerSpec,
    owner: Owner,
    *,
    auto_remove: bool = False,
    transfer: Transfer = NOTHING,
) -> Snapshot | None:
    """The running container that this session made by the same words, of the same image; None
    when there is none. Where the spec has a name, it is the one of that name or none."""
    try:
        words = words_of(engine, spec, transfer, auto_remove=auto_remove)
    except NotFound:  # the image is not here, so nothing runs from it
        return None
    for found in verbs.containers(engine, f"{SPEC}={words}", everything=False):
        if (
            found["State"] == "running"
            and found["Labels"].get(SESSION) == owner.session  # a dead one's will be swept
            and not is_inherited(engine, found["Labels"], found["ImageID"])
        ):
            with suppress(NotFound):
                return snapshot_of(engine, verbs.inspect(engine, found["Id"]))
    return None


def words_of(
    engine: Engine,
    spec: ContainerSpec,
    transfer: Transfer,
    image_id: str = "",
    *,
    auto_remove: bool,
) -> str:
    """What SPEC says of a container that is made now; NotFound when the image is not here."""
    image_id = image_id or images.inspect(engine, spec.image)["Id"]
    binds = [verbs.bind(mount) for mount in spec.mounts]
    return fingerprint(spec, image_id, binds, auto_remove=auto_remove, put=transfer.put)
