"""An engine behind TLS on TCP: who it is, and who we are, is proved before anything is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tlsproxy import Authority, tls_proxy

from container_magics.core.events import Exited, Output
from container_magics.core.spec import ContainerSpec
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine, connect
from container_magics.engine.ownership import owner
from container_magics.errors import NoEngine
from container_magics.session.run import run


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("cm test CA")


@pytest.fixture
def address(engine: Engine, authority: Authority, tmp_path: Path) -> Iterator[str]:
    assert engine.endpoint.socket
    files = authority.write(tmp_path / "server", "engine", server=True)
    with tls_proxy(engine.endpoint.socket, files) as found:
        yield found


def environment(address: str, files: Path) -> dict[str, str]:
    return {"DOCKER_HOST": address, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(files)}


def web_ca(folder: Path) -> Path:
    """The CA that a company has for the web, and not for its engine."""
    return Authority("the web").write(folder / "web", "web", server=True) / "ca.pem"


def test_with_both_certificates_it_is_an_engine_like_any(
    authority: Authority,
    address: str,
    base: str,
    tmp_path: Path,
    nothing_left: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = authority.write(tmp_path / "user", "ada", server=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(web_ca(tmp_path)))  # it is for the web
    with closing(connect(environment(address, files))) as far:
        assert far.facts().url == address
        spec = ContainerSpec(base, ("sh", "-c", "echo one; echo two >&2; exit 4"))
        events = list(run(far, spec, owner()))
        verbs.containers(far)
    out = dict.fromkeys(("stdout", "stderr"), b"")
    for event in events:
        if isinstance(event, Output):
            out[event.stream] += event.data
    assert out == {"stdout": b"one\n", "stderr": b"two\n"}
    assert [event.exit_status for event in events if isinstance(event, Exited)] == [4]


def test_a_stranger_with_a_certificate_of_another_ca_is_not_spoken_to(
    authority: Authority, address: str, tmp_path: Path
) -> None:
    files = authority.write(tmp_path / "user", "ada", server=False)
    other = Authority("another CA").write(tmp_path / "other", "ada", server=False)
    (files / "ca.pem").write_bytes((other / "ca.pem").read_bytes())
    with pytest.raises(NoEngine, match="certificate that is not vouched for") as caught:
        connect(environment(address, files))
    assert "ca.pem" in caught.value.hint
    assert "its certificate is not vouched for" in caught.value.facts[0]


@pytest.mark.parametrize("whose", ["none", "another's"])
def test_who_is_not_known_there_is_told_what_is_missing(
    authority: Authority, address: str, tmp_path: Path, whose: str
) -> None:
    files = authority.write(tmp_path / "user", "ada", server=False)
    other = Authority("another CA").write(tmp_path / "other", "eve", server=False)
    for name in ("cert.pem", "key.pem"):
        if whose == "none":
            (files / name).unlink()
        else:
            (files / name).write_bytes((other / name).read_bytes())
    with pytest.raises(NoEngine, match="no TLS connection with you") as caught:
        connect(environment(address, files))
    assert "cert.pem" in caught.value.hint


def test_without_tls_it_is_no_engine(address: str) -> None:
    with pytest.raises(NoEngine, match="No engine answers at tcp://"):
        connect({"DOCKER_HOST": address})
