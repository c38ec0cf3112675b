"""Secrets and logins of a build: they reach the step that asks, and no output and no layer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from buildbench import Bench

from container_magics.core.buildspec import BuildSpec, SecretRef
from container_magics.core.events import BuildStep
from container_magics.errors import NotSupported, UsageError

SECRET = "s3cret-word with 'quotes'"
SHOW = "RUN --mount=type=secret,id=pw wc -c < /run/secrets/pw; cat /run/secrets/pw; echo NONCE"


@pytest.fixture
def keeper(bench: Bench) -> Bench:
    """A builder that takes secrets. Podman is refused them, as the classic builder is."""
    if bench.podman:
        pytest.skip("Podman is refused secrets")
    return bench


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], SecretRef]:
    """A reference to the secret, kept in the environment or in a file."""

    def made(source: str) -> SecretRef:
        if source == "env":
            monkeypatch.setenv("CM_TEST_SECRET", SECRET)
            return SecretRef("pw", "env", "CM_TEST_SECRET")
        (tmp_path / "secret").write_text(SECRET)
        return SecretRef("pw", "file", str(tmp_path / "secret"))

    return made


@pytest.mark.parametrize("source", ["env", "file"])
def test_a_secret_reaches_its_step_and_nothing_else(
    keeper: Bench,
    asked: Callable[[str], SecretRef],
    source: str,
) -> None:
    data = (("data", b"x" * 200_000),)  # the context goes the same way
    result = keeper.run_lines("COPY data /data", SHOW, secrets=(asked(source),), added=data)
    assert result.error is None
    assert result.printed.splitlines() == [str(len(SECRET)), "***" + keeper.nonce]
    kept = json.dumps([keeper.image(), keeper.engine.api.history(keeper.tag)])
    assert SECRET not in kept
    names = [event.name for event in result.events if isinstance(event, BuildStep)]
    assert not [name for name in names if SECRET in name]


def test_a_secret_in_a_failing_step_is_not_in_the_error(
    keeper: Bench,
    asked: Callable[[str], SecretRef],
) -> None:
    result = keeper.run_lines(
        "RUN --mount=type=secret,id=pw cat /run/secrets/pw >&2; exit 3", secrets=(asked("env"),)
    )
    assert result.error is not None
    assert SECRET not in "\n".join(result.error.told())
    assert "***" in result.error.facts[-1]


def test_a_required_secret_that_was_not_given_fails_the_step(keeper: Bench) -> None:
    line = "RUN --mount=type=secret,id=other,required=true cat /run/secrets/other"
    spare = SecretRef("unused", "env", "PATH")
    result = keeper.run_lines(line, secrets=(spare,))
    assert result.error is not None
    assert result.error.line == 3


def test_a_session_leaves_no_thread(
    keeper: Bench,
    asked: Callable[[str], SecretRef],
) -> None:
    assert keeper.run_lines(SHOW, secrets=(asked("env"),)).error is None
    assert not [one for one in threading.enumerate() if one.name.endswith("build session")]


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (SecretRef("pw", "env", "CM_TEST_NOT_THERE"), "no environment variable CM_TEST_NOT_THERE"),
        (SecretRef("pw", "file", "/nowhere/secret"), "/nowhere/secret cannot be read"),
        (SecretRef("pw", "file", "/dev/zero"), "too many for a secret"),
    ],
)
def test_a_secret_that_cannot_be_read_is_told_before_anything_is_sent(
    keeper: Bench,
    reference: SecretRef,
    words: str,
) -> None:
    with pytest.raises(UsageError, match=words):
        keeper.run_lines(SHOW, secrets=(reference,))


def test_the_classic_builder_refuses_secrets(
    bench: Bench,
    asked: Callable[[str], SecretRef],
) -> None:
    spec: BuildSpec = bench.spec("RUN true", secrets=(asked("env"),))
    why = "only as a file" if bench.podman else "without BuildKit"
    with pytest.raises(NotSupported, match=why):
        bench.run(spec, version=1)


def login(folder: Path, config: dict[str, Any]) -> None:
    (folder / "config.json").write_text(json.dumps(config))


def test_a_login_alone_makes_no_difference_to_a_build(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever is logged in to some registry builds by a session; it is the same build."""
    login(tmp_path, {"auths": {"127.0.0.1:1": {"auth": "bmFtZTp3b3Jk"}}})
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    result = bench.run_lines(
        "COPY data /data", "RUN cat /data; echo NONCE", added=(("data", b"in"),)
    )
    assert result.error is None
    assert result.printed == f"in{bench.nonce}\n"
