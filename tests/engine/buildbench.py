"""Builds for one test: what came out, and an end that removes all of it."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import docker
import pytest

from container_magics.core.buildspec import BuildSpec
from container_magics.core.buildstate import BuildState
from container_magics.core.events import BuildEvent, BuildOutput
from container_magics.engine.client import Engine
from container_magics.errors import BuildFailed
from container_magics.session.build import begin, build
from container_magics.view.present.build import build as present

CLASSIC, BUILDKIT = 1, 2
SETTLE_S = 30.0
both = pytest.mark.parametrize("version", [BUILDKIT, CLASSIC], ids=["buildkit", "classic"])


@dataclass
class Result:
    """What a build told, and the state that its events fold into."""

    state: BuildState
    events: list[BuildEvent] = field(default_factory=list)
    error: BuildFailed | None = None

    @property
    def printed(self) -> str:
        data = b"".join(one.data for one in self.events if isinstance(one, BuildOutput))
        return data.decode()

    def steps(self) -> dict[str, str]:
        shown = present(self.state, stable=False).views
        return {step.name: step.state for view in shown for step in getattr(view, "steps", ())}


class Bench:
    """Builds for one test, each image by a name of its own; the end removes all it made."""

    def __init__(self, engine: Engine, base: str) -> None:
        self.engine, self.base = engine, base
        self.nonce = uuid.uuid4().hex
        self.tag = f"cm-test-build-{self.nonce}:1"

    @property
    def podman(self) -> bool:
        """Whether this is Podman, which has a builder of its own."""
        return self.engine.facts().name == "Podman"

    def spec(self, *lines: str, **asked: Any) -> BuildSpec:
        head = f"FROM {self.base}\nLABEL cm-test-build={self.nonce}\n"
        text = head + "\n".join(line.replace("NONCE", self.nonce) for line in lines) + "\n"
        return BuildSpec(text, self.tag, **asked)

    def run(self, spec: BuildSpec, *, version: Any = BUILDKIT) -> Result:
        result = Result(begin(spec))
        try:
            for event in build(self.engine, spec, version=version):
                result.events.append(event)
                result.state = result.state.apply(event)
        except BuildFailed as error:
            result.error = error
        return result

    def run_lines(self, *lines: str, version: Any = BUILDKIT, **asked: Any) -> Result:
        return self.run(self.spec(*lines, **asked), version=version)

    def image(self) -> dict[str, Any]:
        return self.engine.api.inspect_image(self.tag)

    def exists(self) -> bool:
        return bool(self.engine.api.images(name=self.tag))

    def ours(self) -> list[str]:
        label = {"label": f"cm-test-build={self.nonce}"}
        return [one["Id"] for one in self.engine.api.images(filters=label)]

    def containers(self, *, running: bool = False) -> list[str]:
        label = {"label": f"cm-test-build={self.nonce}"}
        found = self.engine.api.containers(all=not running, filters=label)
        return [one["Id"] for one in found]

    def remove(self) -> None:
        for one in self.containers():
            self.engine.api.remove_container(one, force=True)
        # the classic builder's intermediate images go with the last one that needs them
        limit_s = time.monotonic() + SETTLE_S
        while left := self.ours():
            assert time.monotonic() < limit_s, left
            for one in left:
                with suppress(docker.errors.APIError):
                    self.engine.api.remove_image(one, force=True)
