"""Several practice boxes at once: counted before they start, stopped together, removed whole."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from leftovers import Inventory

from container_magics.core.boxes import USUAL, BoxSettings
from container_magics.core.buildspec import BuildSpec
from container_magics.core.spec import ContainerSpec
from container_magics.engine import images, networks, policyfile
from container_magics.engine import run as verbs
from container_magics.engine.base import ensure_base
from container_magics.engine.client import Engine
from container_magics.engine.ownership import owner
from container_magics.errors import NameTaken, NotFound, PolicyDenied, SshFailed
from container_magics.practice import boxlab, boxspec, sshbox
from container_magics.session.build import build
from container_magics.session.stopper import Stopper


@pytest.fixture
def names(engine: Engine, nothing_left: Inventory) -> Iterator[list[str]]:
    """Names that nobody has, of boxes that are gone in the end."""
    ensure_base(engine, print)
    if not boxspec.image_is_here(engine):
        for _ in build(engine, boxspec.recipe()[0]):
            pass
    made = [f"cm-test-{uuid.uuid4().hex[:8]}" for _ in range(4)]
    yield made
    for name in made:
        with suppress(SshFailed, NotFound):
            sshbox.remove(engine, owner(), name)
        boxspec.keys().remove(name)


def there(engine: Engine, names: list[str]) -> list[str]:
    """Those of the names that a container has, running or not."""
    return [name for name in names if verbs.named(engine, name)]


def test_several_at_once_are_counted_together(
    engine: Engine, names: list[str], as_root: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each alone would see none of the others run yet."""
    folder = Path("/run") / f"cm-policy-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o755)
    path = folder / "policy.toml"
    monkeypatch.setattr(policyfile, "POLICY", path)
    others = policyfile.running(engine)
    try:
        path.write_text(f"[limits]\ncontainers = {others + 3}\n")
        with pytest.raises(PolicyDenied, match="4 containers are too many") as denied:
            boxlab.start_all(engine, owner(), names, USUAL, Stopper())
        assert denied.value.rule == "limits.containers"
        assert there(engine, names) == []
        three = names[:3]
        boxlab.start_all(engine, owner(), three, USUAL, Stopper())
        boxlab.start_all(engine, owner(), three, USUAL, Stopper())  # the same ones, made anew
        assert there(engine, names) == three
    finally:
        path.unlink(missing_ok=True)
        folder.rmdir()


def test_a_lab_goes_whole_though_its_gate_was_just_reset(engine: Engine, names: list[str]) -> None:
    """The old gate, which goes beside the cells, is on the network still."""
    gate, inner = names[:2]
    boxlab.start_lab(engine, owner(), [gate, inner], BoxSettings(), Stopper())
    _, old = sshbox.reset(engine, owner(), gate, lambda _: None)
    assert verbs.inspect(engine, old)["State"]["Running"]
    sshbox.remove(engine, owner(), gate)
    assert not engine.api.networks(names=[f"{gate}-lab"])
    assert there(engine, [gate, inner]) == []
    with pytest.raises(NotFound):
        verbs.inspect(engine, old)


def test_nothing_is_left_behind_a_gate_that_does_not_come(
    engine: Engine, names: list[str], base: str
) -> None:
    """Its name is a stranger's."""
    gate, inner = names[:2]
    verbs.create(engine, ContainerSpec(base, ("sleep", "60"), name=gate), {}, auto_remove=False)
    try:
        with pytest.raises(NameTaken):
            boxlab.start_lab(engine, owner(), [gate, inner], BoxSettings(), Stopper())
        assert there(engine, [gate, inner]) == [gate]
    finally:
        verbs.remove(engine, gate)
        networks.remove(engine, f"{gate}-lab")


@pytest.fixture
def deaf(engine: Engine, names: list[str]) -> Iterator[str]:
    """An image of a box that runs, and has no sshd that answers."""
    tag = f"{names[0]}-deaf:1"
    for _ in build(engine, BuildSpec(f'FROM {boxspec.IMAGE}\nCMD ["sleep", "600"]\n', tag)):
        pass
    yield tag
    for name in names:
        with suppress(SshFailed, NotFound):
            sshbox.remove(engine, owner(), name)
    images.remove(engine, tag)


def test_a_press_ends_the_wait_for_logins(engine: Engine, names: list[str], deaf: str) -> None:
    """The stop button is not made to wait until nobody has answered for long."""
    two, stopper = names[:2], Stopper()
    timer = threading.Timer(3.0, stopper.press)
    timer.start()
    began_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        boxlab.start_all(engine, owner(), two, BoxSettings(image=deaf), stopper)
    timer.cancel()
    assert 2.5 < time.monotonic() - began_s < 8
