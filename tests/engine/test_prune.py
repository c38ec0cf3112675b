"""A prune: only what carries our label goes, and of that only what nobody needs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress

import docker
import pytest
from registry import tiny_image

from container_magics.engine import images
from container_magics.engine.client import Engine
from container_magics.errors import Conflict
from container_magics.session.prune import prunable, remove, strangers

OURS = "container-magics.purpose=image"
MARK = "cm-test-prune"


class Images:
    """Images of this test, ours or a stranger's, with a name or without."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def made(self, name: str, labels: str = OURS) -> str:
        tiny_image(self.engine, name, uuid.uuid4().bytes, f"{MARK}=1 {labels}")
        return str(images.inspect(self.engine, name)["Id"])

    def nameless(self, labels: str = OURS) -> str:
        """An image whose name has gone to another one, as after a second build."""
        if self.engine.facts().containerd_store:
            pytest.skip("containerd's store keeps no image without a name (Docker 26)")
        image_id = self.made("cm-test/prune:old", labels)
        self.made("cm-test/prune:old", "other=1")
        return image_id

    def there(self) -> set[str]:
        found = self.engine.api.images(all=True, filters={"label": MARK})
        return {one["Id"] for one in found}


@pytest.fixture
def made(docker_builder: Engine) -> Iterator[Images]:
    yield Images(docker_builder)
    for container in docker_builder.api.containers(all=True, filters={"label": MARK}):
        docker_builder.api.remove_container(container["Id"], force=True)
    for image in docker_builder.api.images(all=True, filters={"label": MARK}):
        with suppress(docker.errors.ImageNotFound):
            docker_builder.api.remove_image(image["Id"], force=True)


def ids(engine: Engine, **asked: object) -> set[str]:
    """What would be pruned of this test's."""
    narrowed = [("label", MARK), *asked.pop("filters", ())]  # type: ignore[misc]
    return {one.image_id for one in prunable(engine, filters=narrowed, **asked)}  # type: ignore[arg-type]


def test_only_ours_without_a_name_and_a_use_goes(docker_builder: Engine, made: Images) -> None:
    before = strangers(docker_builder)
    ours, used, theirs = made.nameless(), made.nameless(), made.nameless("other=2")
    named = made.made("cm-test/prune:named")
    docker_builder.api.create_container(used, ["true"], labels={MARK: "1"})
    assert ids(docker_builder) == {ours}
    assert strangers(docker_builder) > before
    for facts in prunable(docker_builder, filters=[("label", MARK)]):
        remove(docker_builder, facts)
    assert ours not in made.there()
    assert {used, theirs, named} <= made.there()


def test_with_a_the_named_go_too_but_not_what_all_notebooks_use(
    docker_builder: Engine, made: Images, base: str
) -> None:
    named, theirs = made.made("cm-test/prune:a"), made.made("cm-test/prune:b", "other=3")
    made.made("cm-test/prune:box", "container-magics.purpose=sshbox")
    assert ids(docker_builder, named=True) == {named}
    assert images.inspect(docker_builder, base)["Id"] not in {
        facts.image_id for facts in prunable(docker_builder, named=True)
    }
    for facts in prunable(docker_builder, named=True, filters=[("label", MARK)]):
        remove(docker_builder, facts)
    assert named not in made.there()
    assert theirs in made.there()


def test_filters_narrow_it(docker_builder: Engine, made: Images) -> None:
    new = made.nameless(f"{OURS} lesson=3")
    imported_s = images.inspect(docker_builder, new)["Created"]
    assert imported_s
    assert ids(docker_builder, filters=[("label", "lesson=3")]) == {new}
    assert ids(docker_builder, filters=[("label", "lesson=4")]) == set()
    assert ids(docker_builder, filters=[("until", "24h")]) == set()
    assert ids(docker_builder, filters=[("until", "0.001s")]) == {new}


def test_what_has_got_a_name_or_lost_it_since_stays(docker_builder: Engine, made: Images) -> None:
    image_id = made.nameless()
    (facts,) = prunable(docker_builder, filters=[("label", MARK)])
    docker_builder.api.tag(image_id, "cm-test/prune", "again")
    remove(docker_builder, facts)
    assert image_id in made.there()
    (named,) = prunable(docker_builder, named=True, filters=[("label", MARK)])
    made.made("cm-test/prune:again", "other=4")
    remove(docker_builder, named)
    assert image_id in made.there()


def test_an_image_in_use_names_its_container(docker_builder: Engine, made: Images) -> None:
    image_id = made.made("cm-test/prune:used")
    docker_builder.api.create_container(image_id, ["true"], name="cm-test-user", labels={MARK: "1"})
    with pytest.raises(Conflict, match=r"cm-test-user \(created\) needs it") as caught:
        images.remove(docker_builder, image_id)
    assert "%container rm cm-test-user" in caught.value.hint


def test_an_id_with_two_names_goes_by_force_alone(docker_builder: Engine, made: Images) -> None:
    image_id = made.made("cm-test/prune:one")
    docker_builder.api.tag(image_id, "cm-test/prune", "two")
    with pytest.raises(Conflict) as caught:
        images.remove(docker_builder, image_id)
    assert "rm -f" in caught.value.hint
    images.remove(docker_builder, image_id, force=True)
    assert image_id not in made.there()
