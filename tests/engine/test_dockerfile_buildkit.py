"""Our reader and BuildKit's on the same Dockerfiles: both accept, or both refuse at one line.

Nothing is run: what runs stands in a stage that the target does not need, and what is refused
is refused before the first step. A Dockerfile of ARGs alone is not in the corpus: Docker Engine
26 ends with a panic when it is sent one, which is why ours is never sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import docker
import pytest
from dockerfilecorpus import Sample, accepted, rejected

from container_magics.core.buildspec import BuildSpec
from container_magics.core.dockerfile import parse
from container_magics.core.dockerfilestages import refuse_unbuildable
from container_magics.core.events import BuildRefused, Built
from container_magics.engine.build import build, reads_heredocs
from container_magics.engine.client import Engine
from container_magics.errors import DockerfileError

LINE = re.compile(r"parse error (?:on )?line (\d+)")
CONTEXT = (("a", b"one\n"), ("b", b"two\n"))

NEEDS_A_REGISTRY = {"directive-syntax"}
# BuildKit takes it; the container that is made of such an image does not start.
REFUSED_BY_US_ALONE = {"nul"}
# Forms that are younger than the BuildKit of an engine without heredocs.
YOUNGER = {
    "add-checksum",
    "copy-link",
    "healthcheck-start-interval",
    "run-network",
    "substitution-patterns",
}


def younger(sample: Sample) -> bool:
    with suppress(DockerfileError):
        if any(one.heredocs for one in parse(sample.text).instructions):
            return True
    return sample.name in YOUNGER or "heredoc" in sample.name


def ours(sample: Sample) -> int | None:
    """The line at which we refuse it."""
    try:
        refuse_unbuildable(parse(sample.text), sample.target)
    except DockerfileError as error:
        return error.line
    return None


@pytest.fixture
def samples(docker_builder: Engine) -> list[Sample]:
    """All that this engine's BuildKit is new enough for."""
    new = reads_heredocs(docker_builder)
    found = [one for one in accepted() + rejected() if one.name not in NEEDS_A_REGISTRY]
    return [one for one in found if new or not younger(one)]


@pytest.fixture
def made(docker_builder: Engine) -> Iterator[set[str]]:
    """IDs of images to remove in the end; containerd's store keeps none without a name."""
    found: set[str] = set()
    yield found
    for one in found:
        with suppress(docker.errors.ImageNotFound):
            docker_builder.api.remove_image(one, force=True)


def test_buildkit_accepts_and_refuses_what_we_do(
    docker_builder: Engine, samples: list[Sample], made: set[str]
):
    differ = []
    for sample in samples:
        spec = BuildSpec(sample.text, "", added=CONTEXT, target=sample.target)
        *_, last = build(docker_builder, spec)
        if isinstance(last, Built):
            made.add(last.image_id)
        told = last.message if isinstance(last, BuildRefused) else None
        named = LINE.search(told or "")
        agreed = (told is None) == (ours(sample) is None) or sample.name in REFUSED_BY_US_ALONE
        if not agreed or (named and int(named[1]) != ours(sample)):
            differ.append(f"{sample.name}: ours {ours(sample)}, theirs {told}")
    assert not differ, "\n".join(differ)
    assert len(samples) >= (150 if reads_heredocs(docker_builder) else 60)
