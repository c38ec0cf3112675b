"""Practice boxes on an engine that several people use, and of an image of the teacher's own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from leftovers import Inventory

from container_magics.core.boxes import BoxSettings
from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import Output
from container_magics.core.exercise import Settings, parse_exercise
from container_magics.engine import images
from container_magics.engine import run as verbs
from container_magics.engine.base import ensure_base
from container_magics.engine.client import Engine
from container_magics.engine.ownership import SESSION, USER, Owner, owner
from container_magics.errors import NotFound, SshFailed
from container_magics.practice import boxfind, boxspec, sshbox
from container_magics.practice.exercises import check, container_of
from container_magics.practice.logins import run_on
from container_magics.session.build import build
from container_magics.session.sweep import end_session


@pytest.fixture
def name(engine: Engine, nothing_left: Inventory) -> Iterator[str]:
    ensure_base(engine, print)
    if not boxspec.image_is_here(engine):
        for _ in build(engine, boxspec.recipe()[0]):
            pass
    made = f"cm-test-{uuid.uuid4().hex[:8]}"
    yield made
    boxspec.keys().remove(made)


def student(who: str) -> Owner:
    """Somebody else at the same engine, in a session that lives."""
    return replace(owner(), user=who, session=f"{owner().session} {who}")


def said(engine: Engine, me: Owner, name: str, script: str) -> str:
    events = run_on(sshbox.existing(engine, me, name), script)
    return b"".join(event.data for event in events if isinstance(event, Output)).decode()


def test_each_student_of_a_shared_engine_has_a_box_of_the_same_name(
    engine: Engine, name: str
) -> None:
    ada, grace = student("ada"), student("grace")
    try:
        for one in (ada, grace):
            sshbox.start(engine, one, name)
            sshbox.ready(engine, one, name)
        assert said(engine, ada, name, "echo ada > mine; hostname") == f"{name}\n"
        assert said(engine, grace, name, "test -e mine || echo nothing; hostname") == (
            f"nothing\n{name}\n"
        )
        looks = parse_exercise("mine", "x\n--- check\ntest -e mine\n--- solution\ny",
                               Settings(box=name))  # fmt: skip
        assert check(engine, ada, looks, looks.check).passed
        assert not check(engine, grace, looks, looks.check).passed
        assert container_of(engine, ada, looks) == name
        assert container_of(engine, grace, looks) == f"{name}-grace"
        labels = engine.api.inspect_container(f"{name}-grace")["Config"]["Labels"]
        assert (labels[USER], labels[SESSION]) == ("grace", grace.session)
        sshbox.remove(engine, grace, name)
        assert said(engine, ada, name, "cat mine") == "ada\n"
    finally:
        for one in (ada, grace):
            end_session(engine, one)
            assert verbs.containers(engine, f"{SESSION}={one.session}") == []


def test_a_name_that_another_student_takes_at_this_moment(engine: Engine, name: str) -> None:
    """Both have looked, and seen that it is free."""
    ada, grace = student("ada"), student("grace")
    free = boxfind.free_names(engine, grace, [name])
    assert free == {name}
    try:
        sshbox.start(engine, ada, name)
        looked = sshbox.Looked(free)
        sshbox.start(engine, grace, name, replacing=False, looked=looked)
        sshbox.ready(engine, grace, name)
        assert said(engine, grace, name, "hostname") == f"{name}\n"
        assert verbs.inspect(engine, f"{name}-grace")["Config"]["Labels"][USER] == "grace"
        assert boxfind.free_names(engine, grace, [name]) == frozenset()
    finally:
        for one in (ada, grace):
            end_session(engine, one)


def test_a_box_of_the_teacher_s_own_image(engine: Engine, name: str) -> None:
    text = f"FROM {boxspec.IMAGE}\nRUN echo lesson > /etc/lesson\n"
    for _ in build(engine, BuildSpec(text, f"{name}-image:1")):
        pass
    settings = BoxSettings(image=f"{name}-image:1")
    try:
        sshbox.start(engine, owner(), name, settings)
        sshbox.ready(engine, owner(), name)
        assert said(engine, owner(), name, "cat /etc/lesson") == "lesson\n"
        box, old = sshbox.reset(engine, owner(), name, lambda _: None)
        verbs.remove(engine, old)
        assert box.settings.image == settings.image
        assert said(engine, owner(), name, "cat /etc/lesson") == "lesson\n"
    finally:
        with suppress(SshFailed, NotFound):
            sshbox.remove(engine, owner(), name)
        images.remove(engine, f"{name}-image:1")


def test_a_reset_that_cannot_be_done_leaves_the_old_box(engine: Engine, name: str) -> None:
    """The image is gone meanwhile, and no registry has it."""
    text = f"FROM {boxspec.IMAGE}\nRUN echo {name} > /etc/lesson\n"
    tag = f"127.0.0.1:1/{name}:1"
    for _ in build(engine, BuildSpec(text, tag)):
        pass
    try:
        sshbox.start(engine, owner(), name, BoxSettings(image=tag))
        sshbox.ready(engine, owner(), name)
        said(engine, owner(), name, "echo mine > kept")
        engine.api.tag(tag, f"{name}-kept", "1")
        engine.api.remove_image(tag)
        with pytest.raises(NotFound):
            sshbox.reset(engine, owner(), name, lambda _: None)
        assert said(engine, owner(), name, "cat kept") == "mine\n"
    finally:
        sshbox.remove(engine, owner(), name)
        images.remove(engine, f"{name}-kept:1")
