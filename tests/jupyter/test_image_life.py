"""The life of images, as a reader of the notebook sees it: pull, push, save, load, rm, prune."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest
from conftest import Notebook
from registry import private_registry, refusing, registry, slow_registry, tiny_image

from container_magics.engine.client import Engine

BASE = "container-magics/base:bookworm"
REPOSITORY = "cm-test/life"


@pytest.fixture
def made(engine: Engine) -> Iterator[Callable[[str], str]]:
    """A function that makes an image of some megabytes, with a name at a registry's address."""
    names: list[str] = []

    def make(address: str = "") -> str:
        names.append(f"{address}/{REPOSITORY}:1".lstrip("/"))
        tiny_image(engine, names[-1], os.urandom(8_000_000), "cm-test=life")
        return names[-1]

    yield make
    for name in names:
        with suppress(docker.errors.ImageNotFound):
            engine.api.remove_image(name, force=True)


def test_push_and_pull_with_their_progress_and_their_digest(
    notebook: Notebook, made: Callable[[str], str], tmp_path: Path
) -> None:
    with registry(tmp_path) as address:
        name = made(address)
        pushed = notebook.run(f"%image push {name}")
        assert not pushed.error, pushed.told
        assert any(frame.startswith("Pushing") for frame in pushed.frames), pushed.frames
        assert f"Pushed {name}." in pushed.text
        digest = pushed.text.split("@")[1].strip()
        assert digest.startswith("sha256:")
        assert not notebook.run(f"%image rm {name}").error
        pulled = notebook.run(f"%image pull {name}")
        assert len(pulled.displays) == 1
        assert any("Pulling" in frame for frame in pulled.frames)
        assert f"Pulled {name}." in pulled.text
        assert digest in pulled.text
        assert digest in notebook.run(f"%image inspect {name}").text
        assert digest in notebook.run(f"%images --digests {name}").html
        assert digest not in notebook.run(f"%images {name}").html
        kept = notebook.run(f"found = %images {name}\nprint(found[0]['digests'][0])")
        assert kept.stdout.strip() == f"{name.removesuffix(':1')}@{digest}"


def test_the_stable_mode_shows_no_digest_and_no_meter(
    new_notebook: Callable[..., Notebook], made: Callable[[str], str], tmp_path: Path
) -> None:
    notebook = new_notebook(CONTAINER_MAGICS_STABLE="1")
    with registry(tmp_path) as address:
        name = made(address)
        cells = (f"%image push {name}", f"%image pull {name}", f"%images --digests {name}")
        seen = [notebook.run(cell) for cell in cells]
        assert [len(one.displays) for one in seen] == [1, 1, 1]
        assert not any(one.updates for one in seen)
        assert all("DIGEST" in one.text and "sha256:" not in one.text for one in seen)
        failed = notebook.run("%image pull 127.0.0.1:1/cm-test:1")
        assert failed.error == "ImageNotFound"
        assert not failed.displays


def test_a_missing_login_and_a_rate_limit_are_one_sentence(
    notebook: Notebook, made: Callable[[str], str], tmp_path: Path
) -> None:
    with private_registry(tmp_path) as address:
        name = made(address)
        for cell in (f"%image push {name}", f"%image pull {name}", f"%%container {name}x\ntrue"):
            seen = notebook.run(cell)
            assert seen.error == "LoginNeeded", seen.told
            assert seen.sentence == (
                f"The registry {address} needs a login: docker login {address}"
            )
            assert not seen.text.strip(), "no meter is left"
        seen = notebook.run(f"%%image cm-test/private\nFROM {address}/cm-test/other:1")
        assert seen.error == "BuildFailed"
        assert f"docker login {address}" in seen.told
    with refusing(429, "TOOMANYREQUESTS", "enough") as address:
        seen = notebook.run(f"%image pull {address}/cm-test/other:1")
        assert seen.error == "RateLimited"
        assert "asked too often" in seen.sentence
        assert "Traceback" not in seen.told


def test_the_stop_button_ends_a_pull(
    notebook: Notebook, made: Callable[[str], str], tmp_path: Path
) -> None:
    with slow_registry(tmp_path, 0.2) as address:
        name = made(address)
        assert not notebook.run(f"%image push {name}").error
        assert not notebook.run(f"%image rm {name}").error
        begun = notebook.begin(f"%image pull {name}")
        time.sleep(2)
        notebook.stop_button()
        pressed_s = time.monotonic()
        seen = notebook.wait(begun)
        assert time.monotonic() - pressed_s < 3
        assert seen.error == "CellStopped"
        assert "no images" in notebook.run(f"%images {name}").text


def test_save_tells_how_far_it_is_and_load_takes_a_variable(
    notebook: Notebook, made: Callable[[], str], tmp_path: Path
) -> None:
    name, file = made(), tmp_path / "both.tar"
    seen = notebook.run(f"%image save -o {file} {name} {BASE}")
    assert not seen.error, seen.told
    assert len(seen.displays) == 1
    assert any("of about" in frame for frame in seen.frames)
    assert f"Wrote {name}, {BASE} to {file}" in " ".join(seen.text.split())
    assert not notebook.run(f"%image rm {name}").error
    notebook.run(f"archive = open({str(file)!r}, 'rb').read()")
    loaded = notebook.run("%image load --stdin archive")
    assert f"Loaded image: {name}" in loaded.text
    assert f"Loaded image: {BASE}" in loaded.text
    assert notebook.run("%image load").error == "UsageError"
    assert notebook.run(f"%image load {file} --stdin archive").error == "UsageError"


def test_rm_takes_what_it_can_and_names_what_needs_the_rest(
    notebook: Notebook, made: Callable[[], str], engine: Engine
) -> None:
    name = made()
    assert not notebook.run(f"%image tag {name} cm-test/life:2").error
    assert not notebook.run(f"%image tag {name} cm-test/life:3").error
    engine.api.create_container(name, ["true"], name="cm-test-life-user")
    try:
        seen = notebook.run("%image rm cm-test/life:2 cm-test/nowhere cm-test/life:3")
        assert seen.error == "ImageNotFound"
        assert seen.text.count("is removed") == 2
        used = notebook.run(f"%image rm {name}")
        assert used.error == "Conflict"
        assert "cm-test-life-user (created) needs it" in used.sentence
        assert "is removed" in notebook.run(f"%image rm -f {name}").text
    finally:
        engine.api.remove_container("cm-test-life-user", force=True)
        for image in engine.api.images(filters={"label": "cm-test=life"}):
            engine.api.remove_image(image["Id"], force=True)


def test_a_prune_takes_what_another_notebook_has_left_without_a_name(
    notebook: Notebook, new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    tag = "cm-test/pruned:1"
    cell = f"%%image {tag}\nFROM {BASE}\nLABEL cm-test-pruned="
    try:
        assert not notebook.run(cell + "1").error
        old = engine.api.inspect_image(tag)["Id"]
        assert not new_notebook().run(cell + "2").error
        new = engine.api.inspect_image(tag)["Id"]
        seen = notebook.run("%image prune --filter label=cm-test-pruned")
        assert "Removed 1 image" in seen.text
        assert old.removeprefix("sha256:")[:12] in seen.text
        again = notebook.run("%image prune --filter label=cm-test-pruned")
        assert "No image that was built here" in again.text
        asked = notebook.run("%image prune -a --filter label=cm-test-pruned")
        assert tag in asked.text
        assert "-f" in asked.text
        assert engine.api.inspect_image(tag)["Id"] == new
        done = notebook.run("%image prune -a -f --filter label=cm-test-pruned")
        assert tag in done.text
        assert "no images" in notebook.run(f"%images {tag}").text
    finally:
        for image in engine.api.images(filters={"label": "cm-test-pruned"}):
            engine.api.remove_image(image["Id"], force=True)


def test_one_fact_and_a_filter(notebook: Notebook, made: Callable[[], str]) -> None:
    name = made()
    assert notebook.run(f"%image inspect {name} --format '{{{{.Os}}}}'").stdout == "linux\n"
    assert name in notebook.run("%images --filter label=cm-test=life").text
    assert "no images" in notebook.run("%images --filter label=cm-test=death").text
    assert notebook.run("%images --filter dangling").error == "UsageError"
    assert notebook.run("%image pull a --format x").error == "UsageError"
