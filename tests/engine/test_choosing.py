"""What a word after %engine use means, with no engine asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_endpoint import write_context

from container_magics.engine.choosing import places
from container_magics.engine.sshtarget import parse_target
from container_magics.errors import UsageError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_context(tmp_path, "podman", "tcp://127.0.0.1:1", current=False)
    write_context(tmp_path, "lab", "ssh://ada@lab.example.org", current=True)
    return tmp_path


def test_a_context_is_its_address_and_wins_over_a_word_of_ours(home: Path) -> None:
    (lab,) = places("lab", {}, home)
    assert (lab.url, lab.binding) == ("ssh://ada@lab.example.org", True)
    (podman,) = places("podman", {}, home)
    assert podman.url == "tcp://127.0.0.1:1"


def test_default_looks_as_at_the_start(home: Path) -> None:
    assert places("default", {"DOCKER_HOST": "unix:///a"}, home)[0].url == "unix:///a"
    assert places("default", {}, home)[0].found_by == "Docker context 'lab'"


def test_podman_is_its_own_sockets_or_what_its_variable_names(tmp_path: Path) -> None:
    found = [each.url for each in places("podman", {"XDG_RUNTIME_DIR": "/run/user/7"}, tmp_path)]
    assert found == ["unix:///run/user/7/podman/podman.sock", "unix:///run/podman/podman.sock"]
    (named,) = places("podman", {"CONTAINER_HOST": "ssh://a/run/podman.sock"}, tmp_path)
    assert named.url == "ssh://a/run/podman.sock"


def test_tls_goes_with_tcp_alone(home: Path) -> None:
    (home / "ca.pem").touch()
    named = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(home)}
    (tcp,) = places("tcp://127.0.0.1:2376", named, home)
    assert tcp.tls is not None
    (unix,) = places("unix:///a", named, home)
    assert unix.tls is None


@pytest.mark.parametrize("word", ["lap", "ftp://a", "ssh://", "ssh://-x", "tcp://", "://a"])
def test_a_word_that_means_nothing_is_refused(home: Path, word: str) -> None:
    with pytest.raises(UsageError) as caught:
        places(word, {}, home)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "words", "socket"),
    [
        ("ssh://Lab", ["--", "Lab"], ""),
        ("ssh://ada@lab:2222", ["-l", "ada", "-p", "2222", "--", "lab"], ""),
        ("ssh://[::1]:22/run/x.sock", ["-p", "22", "--", "::1"], "/run/x.sock"),
        ("ssh://a%40b@lab/", ["-l", "a@b", "--", "lab"], ""),
    ],
)
def test_an_address_is_words_for_ssh(url: str, words: list[str], socket: str) -> None:
    target = parse_target(url)
    assert target.words == words
    assert target.socket == socket
