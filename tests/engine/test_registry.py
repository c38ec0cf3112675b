"""Pull and push, with a real registry: progress, digests, logins, refusals, and the stop."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import docker
import pytest
from buildbench import Bench
from registry import (
    PASSWORD,
    USER,
    private_registry,
    refusing,
    registry,
    slow_registry,
    tags,
    tiny_image,
)

from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import Pulled, PullProgress, Pushed
from container_magics.engine import images
from container_magics.engine.client import Engine
from container_magics.engine.pull import pull
from container_magics.engine.push import push
from container_magics.errors import (
    ImageNotFound,
    LoginNeeded,
    RateLimited,
    RegistryRefused,
    UsageError,
)

MEGABYTES = 1_000_000
Login = Callable[[str, str], None]


@pytest.fixture
def name(builder: Engine, tmp_path: Path) -> Iterator[str]:
    """An image of some megabytes in an engine, named for a registry that all may use."""
    with registry(tmp_path) as address:
        yield from image_for(builder, address)


@pytest.fixture
def private(docker_builder: Engine, tmp_path: Path) -> Iterator[str]:
    """The same for a registry that wants a login."""
    with private_registry(tmp_path) as address:
        yield from image_for(docker_builder, address)


@pytest.fixture
def log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Login:
    """What `docker login` leaves: a registry and a password, in a configuration of the test's."""
    (tmp_path / "docker").mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))

    def write(address: str, password: str) -> None:
        known = base64.b64encode(f"{USER}:{password}".encode()).decode()
        configure(tmp_path, {"auths": {address: {"auth": known}}})

    return write


def configure(folder: Path, config: dict[str, object]) -> None:
    (folder / "docker" / "config.json").write_text(json.dumps(config))


def image_for(engine: Engine, address: str) -> Iterator[str]:
    name = f"{address}/cm-test/tiny:1"
    tiny_image(engine, name, os.urandom(8 * MEGABYTES), "cm-test=registry")
    yield name
    with suppress(docker.errors.NotFound):
        engine.api.remove_image(name, force=True)


def test_what_was_pushed_is_pulled_by_the_same_digest(builder: Engine, name: str) -> None:
    told = list(push(builder, name))
    moved = [one for one in told if isinstance(one, PullProgress)]
    podman = builder.facts().name == "Podman"  # which says nothing of how far it is
    assert moved or podman
    if not podman and not builder.facts().containerd_store:  # that looks ten times a second
        assert any((one.total_bytes or 0) >= 8 * MEGABYTES for one in moved if one.current_bytes)
    pushed = told[-1]
    assert isinstance(pushed, Pushed)
    assert pushed.image == name
    images.remove(builder, name, force=True)
    told_again = list(pull(builder, name))
    assert told_again[-1] == Pulled(name, pushed.digest)
    come = [one for one in told_again if isinstance(one, PullProgress)]
    assert come or podman
    assert podman or builder.facts().containerd_store or any(one.total_bytes for one in come)
    (facts,) = images.listed(builder, name)
    repository = name.removesuffix(":1")
    assert facts.digests == (f"{repository}@{pushed.digest}",)
    images.remove(builder, name, force=True)
    by_digest = f"{repository}@{pushed.digest}"
    assert list(pull(builder, by_digest))[-1] == Pulled(by_digest, pushed.digest)
    images.remove(builder, by_digest, force=True)


def test_a_login_counts_at_once(docker_builder: Engine, private: str, log_in: Login) -> None:
    """One engine all the time: nothing of an earlier login is kept, and none is asked for."""
    address = private.partition("/")[0]
    for work in (push, pull):
        with pytest.raises(LoginNeeded, match=f"needs a login: docker login {address}$"):
            list(work(docker_builder, private))
    log_in(address, "wrong")
    for work in (push, pull):
        with pytest.raises(LoginNeeded, match=f"'{USER}'.*: docker login {address}$") as caught:
            list(work(docker_builder, private))
        assert "wrong" not in "\n".join(caught.value.told())
    log_in(address, PASSWORD)
    pushed = list(push(docker_builder, private))[-1]
    images.remove(docker_builder, private, force=True)
    assert isinstance(pushed, Pushed)
    assert list(pull(docker_builder, private))[-1] == Pulled(private, pushed.digest)
    log_in(address, "wrong")
    with pytest.raises(LoginNeeded):
        list(pull(docker_builder, private))


def test_an_image_that_is_not_there_is_not_a_matter_of_the_login(
    docker_builder: Engine, private: str, log_in: Login
) -> None:
    address = private.partition("/")[0]
    log_in(address, PASSWORD)
    with pytest.raises(ImageNotFound, match="no-such"):
        list(pull(docker_builder, f"{address}/no-such:1"))


def test_podman_has_the_login_too_and_its_own_words_for_want_of_one(
    podman: Engine, tmp_path: Path, log_in: Login
) -> None:
    """It cannot be asked for the registry's status, so what to do is said with an "if"."""
    with private_registry(tmp_path) as address, closing(image_for(podman, address)) as made:
        name = next(made)
        with pytest.raises(RegistryRefused, match=f"{address} did not take") as caught:
            list(push(podman, name))
        assert f"If it wants a login: `docker login {address}`" in caught.value.hint
        with pytest.raises(ImageNotFound, match="no registry gave it") as missed:
            list(pull(podman, f"{address}/no-such:1"))
        assert "authentication required" in missed.value.facts[0]
        log_in(address, PASSWORD)
        pushed = list(push(podman, name))[-1]
        assert isinstance(pushed, Pushed)
        images.remove(podman, name, force=True)
        assert list(pull(podman, name))[-1] == Pulled(name, pushed.digest)


@pytest.mark.filterwarnings("ignore:docker-credential-cm-test-missing")
def test_a_store_of_logins_is_asked(
    docker_builder: Engine, tmp_path: Path, log_in: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-cm-test"
    helper.write_text(f'#!/bin/sh\necho \'{{"Username": "{USER}", "Secret": "{PASSWORD}"}}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with private_registry(tmp_path) as address, closing(image_for(docker_builder, address)) as made:
        name = next(made)
        configure(tmp_path, {"credsStore": "cm-test"})
        assert isinstance(list(push(docker_builder, name))[-1], Pushed)
        configure(tmp_path, {"credsStore": "cm-test-missing"})
        with pytest.raises(LoginNeeded) as caught:
            list(push(docker_builder, name))
        images.remove(docker_builder, name)
    assert "cm-test-missing" in "\n".join(caught.value.facts), "why the login was not found"


def test_a_registry_that_was_asked_too_often_is_told(docker_builder: Engine) -> None:
    with refusing(429, "TOOMANYREQUESTS", "you have reached your limit") as address:
        made = image_for(docker_builder, address)
        name = next(made)
        for work in (pull, push):
            with pytest.raises(RateLimited, match=f"{address} was asked too often") as caught:
                list(work(docker_builder, name))
            assert f"docker login {address}" in caught.value.hint
            assert caught.value.facts, "what the engine has said of it"
        list(made)


def test_a_registry_that_refuses_a_push_otherwise_is_told(docker_builder: Engine) -> None:
    with refusing(404, "NAME_UNKNOWN", "not a repository of ours") as address:
        made = image_for(docker_builder, address)
        name = next(made)
        with pytest.raises(RegistryRefused, match=f"{address} did not take") as caught:
            list(push(docker_builder, name))
        assert type(caught.value) is RegistryRefused
        # containerd gives the registry's status, and not its words
        store = docker_builder.facts().containerd_store
        assert ("404 Not Found" if store else "not a repository of ours") in caught.value.facts[0]
        list(made)


def test_a_registry_that_is_not_there_is_no_matter_of_a_login(docker_builder: Engine) -> None:
    with pytest.raises(ImageNotFound, match="no registry gave it"):
        list(pull(docker_builder, "127.0.0.1:1/cm-test:1"))


def test_a_push_names_a_tag(docker_builder: Engine, base: str) -> None:
    with pytest.raises(UsageError, match="goes to a tag"):
        list(push(docker_builder, f"127.0.0.1:1/cm-test@sha256:{'0' * 64}"))
    with pytest.raises(ImageNotFound):
        list(push(docker_builder, "127.0.0.1:1/cm-test-nowhere:1"))


def test_a_pull_that_is_stopped_leaves_nothing(
    as_root: None, engine: Engine, tmp_path: Path
) -> None:
    with slow_registry(tmp_path, 0.2) as address, closing(image_for(engine, address)) as made:
        name = next(made)
        list(push(engine, name))
        images.remove(engine, name)
        story = pull(engine, name)
        next(one for one in story if isinstance(one, PullProgress) and one.current_bytes)
        began_s = time.monotonic()
        story.close()
        assert time.monotonic() - began_s < 1
        assert nothing_half(engine)
        assert not images.listed(engine, name)


def test_a_push_that_is_stopped_leaves_no_tag(engine: Engine, tmp_path: Path) -> None:
    with slow_registry(tmp_path, 1.0) as address, closing(image_for(engine, address)) as made:
        name = next(made)
        story = push(engine, name)
        next(one for one in story if isinstance(one, PullProgress))
        began_s = time.monotonic()
        story.close()
        assert time.monotonic() - began_s < 1
        time.sleep(4)  # a push that went on would be done by then
        assert tags(address, "cm-test/tiny") == []
        assert isinstance(list(push(engine, name))[-1], Pushed), "it can be tried again"
        assert tags(address, "cm-test/tiny") == ["1"]
        images.remove(engine, name)


def nothing_half(engine: Engine) -> bool:
    """Whether the engine has thrown away, in some seconds, what it had of a pull."""
    folder = Path(engine.api.info()["DockerRootDir"]) / "tmp"
    limit_s = time.monotonic() + 20
    while any(folder.glob("GetImageBlob*")):
        if time.monotonic() > limit_s:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture
def docker_bench(docker_builder: Engine, base: str) -> Iterator[Bench]:
    made = Bench(docker_builder, base)
    yield made
    made.remove()


def test_a_build_from_a_private_base(docker_bench: Bench, private: str, log_in: Login) -> None:
    bench = docker_bench
    address = private.partition("/")[0]
    log_in(address, PASSWORD)
    list(push(bench.engine, private))
    images.remove(bench.engine, private, force=True)
    text = f"FROM {private}\nLABEL cm-test-build={bench.nonce}\n"
    result = bench.run(BuildSpec(text, bench.tag))
    assert result.error is None, result.error.told()
    assert bench.exists()
    log_in("127.0.0.1:1", PASSWORD)
    bench.remove()
    refused = bench.run(BuildSpec(text + "LABEL a=b\n", bench.tag, pull=True))
    assert refused.error
    assert f"docker login {address}" in refused.error.hint
