"""The proof that a test run leaves nothing: that it sees an image which stays."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress

import pytest
from docker.errors import ImageNotFound
from leftovers import OURS, image_names, left_over, take_inventory
from registry import tiny_image

from container_magics.engine.client import Engine
from container_magics.practice import boxspec


@pytest.fixture
def name(engine: Engine) -> Iterator[str]:
    """A name for an image, which is removed."""
    chosen = f"cm-test-left:{uuid.uuid4().hex[:8]}"
    yield chosen
    with suppress(ImageNotFound):
        engine.api.remove_image(chosen, force=True)


def seen(engine: Engine, name: str, label: str, *, whole_machine: bool) -> list[str]:
    """What an inventory tells of an image that was made meanwhile."""
    before = take_inventory(engine.api, whole_machine=whole_machine)
    tiny_image(engine, name, uuid.uuid4().bytes, label)
    after = take_inventory(engine.api, whole_machine=whole_machine)
    return [line for line in left_over(before, after) if line.startswith("images: ")]


def test_an_image_with_a_name_is_left_on_the_tests_own_engine(engine: Engine, name: str) -> None:
    assert f"images: {name}" in seen(engine, name, "a=b", whole_machine=True)


def test_on_the_user_s_engine_only_ours_counts(engine: Engine, name: str) -> None:
    assert seen(engine, name, "a=b", whole_machine=False) == []
    assert f"images: {name}" in seen(engine, name, f"{OURS}purpose=image", whole_machine=False)


def test_an_image_that_lost_its_name_is_left_if_it_is_ours(engine: Engine, name: str) -> None:
    tiny_image(engine, name, b"first", f"{OURS}purpose=image")
    first = engine.api.inspect_image(name)["Id"]
    try:
        assert f"images: {first}" in seen(engine, name, "a=b", whole_machine=True)
    finally:
        engine.api.remove_image(first)


def test_what_each_run_uses_is_not_left(base: str) -> None:
    for tag in (base, boxspec.IMAGE):
        labels = {f"{OURS}purpose": "base"}
        assert not list(image_names({"RepoTags": [tag], "Labels": labels, "Id": "sha256:1"}))
