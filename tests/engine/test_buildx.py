"""Several platforms, and caches outside of the engine: by docker buildx, or refused with a reason.

buildx is the one that otherengines.py unpacks, found as docker finds its plugins.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from buildbench import Bench
from conftest import STATE
from otherengines import give_image, newer_docker, newer_engine
from registry import push, registry
from test_build import becomes, in_use

from container_magics.core.buildflags import build_parser
from container_magics.core.buildflagslacking import LACKING
from container_magics.core.buildplan import FailedBuild
from container_magics.core.buildspec import BuildSpec, SecretRef
from container_magics.core.events import BuildOutput, BuildStarted, BuildWarning, Built, ContextSent
from container_magics.engine import buildx, plugins
from container_magics.engine.build import build as send
from container_magics.engine.client import Engine
from container_magics.engine.machine import engine_platform
from container_magics.engine.ownership import owner
from container_magics.errors import NotSupported, UsageError
from container_magics.session.build import build
from container_magics.session.debugging import by_the_engine, go_in
from container_magics.session.sweep import end_session

BOTH = ("linux/amd64", "linux/arm64")


@pytest.fixture
def buildx_there(
    as_root: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """buildx among the user's plugins, and nowhere else."""
    folder = tmp_path / "docker/cli-plugins"
    folder.mkdir(parents=True)
    (folder / "docker-buildx").symlink_to(newer_docker(STATE) / "docker-buildx")
    monkeypatch.setattr(plugins, "PLUGIN_FOLDERS", ())
    monkeypatch.setenv("DOCKER_CONFIG", str(folder.parent))
    return monkeypatch


@pytest.fixture
def able(buildx_there: None, newer_containerd: Engine, base: str) -> Iterator[Bench]:
    """Builds on the engine that can do all of it."""
    made = Bench(newer_containerd, base)
    yield made
    made.remove()


@pytest.fixture
def another_containerd(as_root: None) -> Iterator[Engine]:
    """One more engine with containerd's store, and nothing in it."""
    with newer_engine(STATE, "containerd") as found:
        yield found


def from_scratch(bench: Bench, *lines: str, **asked: object) -> BuildSpec:
    """Such as needs neither a base image nor another processor."""
    text = "\n".join(("FROM scratch", f"LABEL cm-test-build={bench.nonce}", *lines, ""))
    added = (("data", bench.nonce.encode()),)
    return BuildSpec(text, bench.tag, added=added, **asked)  # type: ignore[arg-type]


def platforms(bench: Bench) -> set[str]:
    """Those of the image, by the index in its archive."""
    data = b"".join(bench.engine.api.get_image(bench.tag))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:

        def read(path: str) -> dict[str, list[dict[str, object]]]:
            member = archive.extractfile(path)
            assert member is not None
            found: dict[str, list[dict[str, object]]] = json.load(member)
            return found

        digest = str(read("index.json")["manifests"][0]["digest"]).replace(":", "/")
        index = read(f"blobs/{digest}")
        return {
            f"{one['platform']['os']}/{one['platform']['architecture']}"  # type: ignore[index]
            for one in index["manifests"]
        }


def test_one_image_holds_several_platforms(able: Bench) -> None:
    result = able.run(from_scratch(able, "COPY data /d", platforms=BOTH))
    assert result.error is None
    assert platforms(able) == set(BOTH)
    assert result.state.built is not None
    assert result.state.built.image_id == able.image()["Id"]
    assert result.state.built.size_bytes == able.image()["Size"]
    assert result.steps() == {"COPY data /d": "done"}


def test_a_large_context_shows_how_far_it_is(able: Bench, tmp_path: Path) -> None:
    with (tmp_path / "a.bin").open("wb") as file:
        file.truncate(300 << 20)
    os.mkfifo(tmp_path / "pipe")
    spec = from_scratch(able, "COPY a.bin /", context_dir=str(tmp_path), cache_to=("type=inline",))
    result = able.run(spec)
    assert result.error is None
    assert result.events[0] == BuildStarted("buildkit")
    sent = [one for one in result.events if isinstance(one, ContextSent)]
    assert 0 < sent[0].sent_bytes < sent[0].total_bytes
    assert (sent[-1].over, sent[-1].left_out) == (True, ("pipe",))
    assert sent[-1].sent_bytes == sent[-1].total_bytes


@pytest.mark.parametrize("user", ["engine", "newer"])
def test_a_cache_that_one_engine_leaves_in_a_folder_serves_another(
    able: Bench, user: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place = tmp_path / "cache"
    kept = from_scratch(able, "COPY data /d", cache_to=(f"type=local,dest={place}",))
    assert able.run(kept).steps()["COPY data /d"] == "done"
    assert (place / "index.json").exists()
    other = Bench(request.getfixturevalue(user), able.base)
    other.nonce = able.nonce
    try:
        asked = from_scratch(other, "COPY data /d", cache_from=(f"type=local,src={place}",))
        assert other.run(asked).steps()["COPY data /d"] == "cached"
        assert other.exists()
    finally:
        other.remove()


@pytest.mark.parametrize(
    ("maker", "user", "how"),
    [
        ("engine", "newer", "cached"),
        ("newer", "engine", "cached"),
        # with containerd's store BuildKit asks a registry, and looks at no image that is here
        ("engine", "newer_containerd", "done"),
    ],
)
def test_an_image_with_its_cache_serves_another_engine(
    maker: str, user: str, how: str, request: pytest.FixtureRequest, base: str
) -> None:
    """--cache-from IMAGE is a parameter of the API: it needs no buildx."""
    first, second = (Bench(request.getfixturevalue(one), base) for one in (maker, user))
    second.nonce, second.tag = first.nonce, first.tag
    try:
        inline = (("BUILDKIT_INLINE_CACHE", "1"),)
        one = first.run(from_scratch(first, "COPY data /d", build_args=inline))
        give_image(first.engine, second.engine, first.tag)
        two = second.run(from_scratch(second, "COPY data /d", cache_from=(first.tag,)))
    finally:
        first.remove()
        second.remove()
    assert one.steps() == {"COPY data /d": "done"}
    assert two.steps() == {"COPY data /d": how}


@pytest.mark.parametrize(
    ("maker", "user", "how"),
    [
        ("engine", "newer", "cached"),
        ("newer", "engine", "cached"),
        # Docker 26 with containerd's store asks the registry, and makes no use of it; so by buildx
        ("newer_containerd", "another_containerd", "done"),
    ],
)
def test_a_cache_in_a_registry_serves_another_engine(
    maker: str, user: str, how: str, request: pytest.FixtureRequest, base: str, tmp_path: Path
) -> None:
    """The image is pushed by the one; the other has it not, and asks for its layers alone."""
    first, second = (Bench(request.getfixturevalue(one), base) for one in (maker, user))
    second.nonce = first.nonce
    with registry(tmp_path) as address:
        first.tag = f"{address}/cached:1"
        try:
            inline = (("BUILDKIT_INLINE_CACHE", "1"),)
            one = first.run(from_scratch(first, "COPY data /d", build_args=inline))
            push(first.engine, first.tag)
            two = second.run(from_scratch(second, "COPY data /d", cache_from=(first.tag,)))
        finally:
            first.remove()
            second.remove()
    assert one.steps() == {"COPY data /d": "done"}
    assert two.steps() == {"COPY data /d": how}


def test_what_fails_is_told_as_ever(
    able: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CM_TEST_SECRET", "s3cret-word")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "kept").write_text("another-word")
    result = able.run_lines(
        "RUN true", "RUN --mount=type=secret,id=pw --mount=type=secret,id=kept "
        "cat /run/secrets/pw /run/secrets/kept; echo NONCE; exit 7",
        platforms=("linux/amd64",), cache_to=("type=inline",),
        secrets=(SecretRef("pw", "env", "CM_TEST_SECRET"), SecretRef("kept", "file", "~/kept")),
    )  # fmt: skip
    assert result.error is not None
    assert result.error.line == 4
    assert "exit code 7" in str(result.error)
    assert result.printed == f"******{able.nonce}\n"
    assert not able.exists()


def test_the_builders_warning_comes_with_its_line_and_its_details(able: Bench) -> None:
    text = f"FROM scratch\nLABEL cm-test-build={able.nonce} \\\n\n  b=2\n"
    events = list(send(able.engine, BuildSpec(text, able.tag, cache_to=("type=inline",))))
    assert isinstance(events[-1], Built)
    (warning,) = (one for one in events if isinstance(one, BuildWarning))
    assert warning.line == 4
    assert any("Empty continuation lines" in detail for detail in warning.detail)


def test_what_buildx_failed_at_can_be_gone_into(able: Bench, tmp_path: Path) -> None:
    place = tmp_path / "cache"
    text = (
        f"FROM {able.base}\nLABEL cm-test-build={able.nonce}\nRUN echo {able.nonce} > /before\n"
        "RUN exit 7\n"
    )
    spec = BuildSpec(
        text, able.tag, platforms=("linux/amd64",), cache_to=(f"type=local,dest={place}",),
        cache_from=(f"type=local,src={place}",),
    )  # fmt: skip
    failed = able.run(spec)
    assert failed.error is not None
    shutil.rmtree(place, ignore_errors=True)
    me = replace(owner(), session=f"{owner().session} {able.nonce}")
    try:
        found = go_in(able.engine, FailedBuild(spec, failed.state), me)
        made = able.engine.api.exec_create(found.name, ["cat", "/before"])
        assert able.engine.api.exec_start(made["Id"]).decode() == f"{able.nonce}\n"
    finally:
        end_session(able.engine, me)
    assert not place.exists(), "and no cache is left anew"


def test_of_several_platforms_the_engines_own_is_gone_into(able: Bench) -> None:
    asked = from_scratch(able, platforms=(*BOTH[::-1], "linux/s390x"))
    assert by_the_engine(able.engine, asked).platforms == (engine_platform(able.engine),)
    elsewhere = by_the_engine(able.engine, replace(asked, platforms=("linux/a", "linux/b")))
    assert (elsewhere.platforms, elsewhere.buildx_flag) == (("linux/a",), "")


def test_closing_the_story_ends_buildx_and_the_build(able: Bench) -> None:
    spec = able.spec("RUN echo NONCE; sleep 30", cache_to=("type=inline",))
    with closing(build(able.engine, spec)) as events:
        next(event for event in events if isinstance(event, BuildOutput))
        assert in_use(able.engine, able.nonce)
    assert becomes(False, lambda: in_use(able.engine, able.nonce), 4)


@pytest.mark.parametrize("name", ["engine", "newer", "newer_containerd"])
def test_an_inline_cache_is_left_in_the_image(
    buildx_there: None, name: str, request: pytest.FixtureRequest, base: str
) -> None:
    bench = Bench(request.getfixturevalue(name), base)
    try:
        asked = from_scratch(bench, "COPY data /d", cache_to=("type=inline",))
        assert bench.run(asked).error is None
        data = b"".join(bench.engine.api.get_image(bench.tag))
    finally:
        bench.remove()
    assert b"moby.buildkit.cache.v0" in data


REFUSALS: tuple[dict[str, tuple[str, ...]], ...] = (
    {"platforms": BOTH}, {"cache_to": ("type=local,dest=/nowhere",)},
    {"cache_to": ("type=inline",)}, {"cache_from": ("type=local,src=/nowhere",)},
    {"cache_from": ("a",)},
)  # fmt: skip


@pytest.mark.parametrize("name", ["engine", "newer", "podman"])
def test_what_is_not_for_this_engine_is_refused(
    buildx_there: None, name: str, request: pytest.FixtureRequest, base: str
) -> None:
    bench = Bench(request.getfixturevalue(name), base)
    why = "Podman" if bench.podman else r"image store \(overlay2\) cannot"
    for asked in REFUSALS if bench.podman else REFUSALS[:2]:
        with pytest.raises(NotSupported, match=why) as caught:
            bench.run(from_scratch(bench, **asked))
        assert caught.value.hint


def test_without_buildx_the_reader_is_told_what_to_install(
    able: Bench, buildx_there: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    buildx_there.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(UsageError, match=r"need docker buildx 0\.13") as caught:
        able.run(from_scratch(able, platforms=BOTH))
    assert "Install it" in caught.value.hint


def test_a_buildx_that_is_too_old_is_named(
    able: Bench, tmp_path: Path, buildx_there: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "cli-plugins/docker-buildx"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho github.com/docker/buildx v0.12.1 3057\n")
    program.chmod(0o755)
    buildx_there.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(UsageError) as caught:
        buildx.program()
    assert caught.value.facts == (f"{program} is too old, or does not run",)


def test_a_single_platform_needs_no_buildx(bench: Bench) -> None:
    spec = from_scratch(bench, "COPY data /d", platforms=("linux/arm64",))
    assert bench.run(spec).error is None
    assert bench.image()["Architecture"] == "arm64"


def test_each_flag_of_docker_build_is_taken_or_refused_with_a_reason(as_root: None) -> None:
    """That of Docker 20.10, with its old builder, and that of buildx 0.13."""
    builders = (
        ["docker", "build", "--help"],
        [newer_docker(STATE) / "docker-buildx", "build", "-h"],
    )
    flags = set[str]()
    for words in builders:
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        flags.update(re.findall(r"^ +(?:-., )?(--[a-z-]+)", said, re.MULTILINE))
    assert {"--cpu-quota", "--sbom", "--tag"} <= flags
    assert flags - {"--help"} <= {*build_parser().options, *LACKING}
    assert not {*build_parser().options} & {*LACKING}
