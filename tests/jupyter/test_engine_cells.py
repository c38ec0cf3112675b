"""What is seen of the engine itself: %engine, %doctor, a pull that a cell needs, an old builder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from conftest import Notebook
from docker.errors import ImageNotFound
from faultproxy import FaultProxy
from registry import push, slow_registry

from container_magics.core.buildspec import BuildSpec
from container_magics.engine.build import CLASSIC, build
from container_magics.engine.client import Engine
from container_magics.engine.statedir import Places

BASE = "container-magics/base:bookworm"
LAYER_BYTES = 10_000_000


@pytest.fixture
def searching(engine: Engine, tmp_path: Path) -> Iterator[tuple[dict[str, str], list[str]]]:
    """An environment whose Docker context leads nowhere, and where the engine is found in the
    place of our own; and the lines that say what was tried."""
    places = Places(tmp_path)
    places.run.mkdir(mode=0o700, parents=True)
    places.socket.symlink_to(engine.endpoint.url.removeprefix("unix://"))
    name = hashlib.sha256(b"gone").hexdigest()
    meta = tmp_path / ".docker" / "contexts" / "meta" / name / "meta.json"
    meta.parent.mkdir(parents=True)
    nowhere = f"unix://{tmp_path}/gone.sock"
    meta.write_text(json.dumps({"Name": "gone", "Endpoints": {"docker": {"Host": nowhere}}}))
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "gone"}')
    yield (
        {"DOCKER_HOST": "", "DOCKER_CONTEXT": "", "DOCKER_CONFIG": "",
         "CONTAINER_MAGICS_STATE": str(tmp_path), "HOME": str(tmp_path)},
        [f"Docker context 'gone', {nowhere}: no socket there",
         f"our own engine, {places.url}: answers"],
    )  # fmt: skip
    shutil.rmtree(places.run)  # outside of tmp_path, where that has a long name


def test_engine_and_doctor_say_which_engine_and_what_was_tried(
    new_notebook: Callable[..., Notebook],
    engine: Engine,
    searching: tuple[dict[str, str], list[str]],
) -> None:
    environment, tried = searching
    notebook = new_notebook(**environment)
    version = engine.api.version()["Version"]
    storage = engine.api.info()["Driver"]
    said = {line.strip() for line in notebook.run("%engine").text.splitlines()}
    rows = {name: value for name, _, value in (line.partition("  ") for line in said)}
    assert rows["engine"].split() == [engine.facts().name, version]
    assert rows["API version"].strip() == engine.api.api_version
    assert rows["storage"].strip().startswith(storage)
    assert rows["found by"].strip() == "our own engine"
    assert rows["address"].strip() == Places(Path(environment["HOME"])).url
    assert set(tried) <= said
    told = notebook.run("%doctor").text
    (line,) = [line for line in told.splitlines() if line.split()[1:2] == ["engine"]]
    assert line.startswith("ok")
    for word in (version, f"API {engine.api.api_version}", storage, "by our own engine"):
        assert word in line
    assert set(tried) <= {line.strip() for line in told.splitlines()}


@pytest.fixture
def far_image(engine: Engine, base: str, tmp_path: Path) -> Iterator[str]:
    """An image that only a registry on loopback has; its last layer is no other image's."""
    with slow_registry(tmp_path, 0.02) as address:
        name = f"{address}/cm-test/far:{uuid.uuid4().hex[:8]}"
        spec = BuildSpec(
            f"FROM {base}\nCOPY data /data\n", name, added=(("data", os.urandom(LAYER_BYTES)),)
        )
        list(build(engine, spec, version=CLASSIC))  # BuildKit keeps the layer in its cache
        push(engine, name)
        engine.api.remove_image(name)
        yield name
        with suppress(ImageNotFound):
            engine.api.remove_image(name, force=True)


def test_a_cell_pulls_the_image_that_it_misses_and_shows_how_far_it_is(
    new_notebook: Callable[..., Notebook], far_image: str
) -> None:
    notebook = new_notebook()
    seen = notebook.run(f"%%container {far_image}\nwc -c < /data")
    assert not seen.error, seen.told
    assert seen.stdout == f"{LAYER_BYTES}\n"
    bars = [frame for frame in seen.frames if " MB of 10 MB, " in frame]
    assert len(set(bars)) > 2, seen.frames
    assert all(bar.startswith("Pulling") for bar in bars)
    (shown,) = [one["text/plain"] for one in seen.displays]
    assert shown.startswith(f"✓ Pulled {far_image}.\n")
    assert "@sha256:" in shown
    again = notebook.run(f"%%container {far_image}\necho at once")
    assert (again.stdout, again.displays) == ("at once\n", [])


def test_an_engine_without_buildkit_is_said_aloud(
    new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    """One that takes no notice of version=2, as engines before BuildKit do."""

    def ignored(sent: bytes) -> bytes:
        # nor does it know sessions
        sent = sent.replace(b"/session HTTP/1.1", b"/nothing HTTP/1.1")
        return sent.replace(b"/build?version=2", b"/build?version=1")

    said = "This engine has no BuildKit: its classic builder took the work"
    with closing(FaultProxy(engine.endpoint.url, garble=ignored)) as way:
        notebook = new_notebook(DOCKER_HOST=way.url)
        try:
            seen = notebook.run(f"%%image cm-test/classic\nFROM {BASE}\nRUN echo made > /made")
            assert not seen.error, seen.told
            assert f"Warning: {said}" in seen.text
            assert "Built cm-test/classic" in seen.text
            assert said in seen.html
            run = notebook.run("%%container cm-test/classic\ncat /made")
            assert run.stdout == "made\n"
        finally:
            engine.api.remove_image("cm-test/classic", force=True)
        refused = notebook.run(
            f"%%image cm-test/classic\nFROM {BASE}\nRUN --mount=type=cache,target=/c touch /c/x"
        )
    assert refused.error == "DockerfileError"
    assert "needs BuildKit" in refused.sentence
    assert not engine.api.images("cm-test/classic")
