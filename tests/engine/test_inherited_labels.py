"""A container inherits its image's labels: a stranger's must not be swept for that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import Created
from container_magics.core.spec import ContainerSpec
from container_magics.engine import containers, images
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import Owner, owner
from container_magics.errors import NameTaken, NotFound
from container_magics.session.build import build
from container_magics.session.detached import run_detached
from container_magics.session.run import run
from container_magics.session.sweep import end_session

IMAGE = "container-magics/test-inherited:latest"
STRANGER = "test-inherited-stranger"


@pytest.fixture
def mine() -> Owner:
    """A session of its own, so that no other test's containers end with it."""
    real = owner()
    return Owner(f"{real.session}-inherited", real.notebook, real.user)


@pytest.fixture(params=["%%image", "%container commit", "docker commit"])
def image(request: pytest.FixtureRequest, engine: Engine, base: str, mine: Owner) -> Iterator[str]:
    """An image as each of the two magics makes it, and as ``docker commit`` does."""
    try:
        if request.param == "%%image":
            spec = BuildSpec(f"FROM {base}\n", IMAGE, labels=tuple(mine.image_labels().items()))
            for _ in build(engine, spec):
                pass
        else:
            made = left_running(engine, ContainerSpec(base, command=("sleep", "60")), mine)
            if request.param == "%container commit":
                containers.commit(engine, made, *IMAGE.split(":"))
            else:
                engine.api.commit(made, *IMAGE.split(":"))
        yield IMAGE
    finally:
        end_session(engine, mine)
        images.remove(engine, IMAGE)


def test_a_strangers_container_outlives_the_session_that_made_its_image(
    engine: Engine, base: str, image: str, mine: Owner
) -> None:
    stranger = engine.api.create_container(image, ["sleep", "60"], name=STRANGER)
    try:
        end_session(engine, mine)
        assert verbs.inspect(engine, STRANGER)["Id"] == stranger["Id"]
        again = ContainerSpec(base, command=("true",), name=STRANGER)
        with pytest.raises(NameTaken):
            list(run(engine, again, mine))
    finally:
        verbs.remove(engine, stranger["Id"])


def test_a_container_of_ours_from_that_image_ends_with_its_session(
    engine: Engine, image: str, mine: Owner
) -> None:
    spec = ContainerSpec(image, command=("sleep", "60"))
    made = left_running(engine, spec, mine)
    end_session(engine, mine)
    with pytest.raises(NotFound):
        verbs.inspect(engine, made)


def left_running(engine: Engine, spec: ContainerSpec, owner: Owner) -> str:
    """The ID of a container that was started and goes on."""
    events = list(run_detached(engine, spec, owner))
    return next(event.container_id for event in events if isinstance(event, Created))
