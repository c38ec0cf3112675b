"""The base image: what is in it, how it is made where no registry answers, and what is told."""

from __future__ import annotations

import http.server
import json
import os
import socket
import socketserver
import threading
import time
from contextlib import suppress
from pathlib import Path

import docker
import pytest
from registry import push, registry, tiny_image

from container_magics.core.buildspec import BuildSpec
from container_magics.engine import base as base_module
from container_magics.engine.aptsources import Source, debian_sources, read_sources
from container_magics.engine.base import (
    BASE,
    bootstrap_command,
    ensure_base,
    has_base,
    import_base,
    make_base,
    pull_base,
    registry_answers,
)
from container_magics.engine.build import build
from container_magics.engine.client import Engine
from container_magics.engine.command import follow
from container_magics.engine.endpoint import Endpoint
from container_magics.errors import BuildFailed, EngineError, ImageNotFound


def output_of(engine: Engine, command: str, image: str = BASE) -> str:
    """What a shell command prints in a container of the image; fails when it fails."""
    container = engine.api.create_container(image, ["sh", "-c", command])["Id"]
    try:
        engine.api.start(container)
        status = engine.api.wait(container)["StatusCode"]
        said = engine.api.logs(container).decode()
    finally:
        engine.api.remove_container(container, force=True)
    assert status == 0, said
    return str(said)


def test_a_base_that_is_there_is_found_without_a_word(engine: Engine, base: str) -> None:
    lines: list[str] = []
    assert ensure_base(engine, lines.append) == base == "container-magics/base:bookworm"
    assert lines == []


def test_it_is_debian_bookworm_with_bash_and_our_label(engine: Engine, base: str) -> None:
    config = engine.api.inspect_image(base)["Config"]
    assert config["Cmd"] == ["bash"]
    assert config["Labels"]["container-magics.purpose"] == "base"
    assert any(value.startswith("PATH=/usr/local/sbin:") for value in config["Env"])
    assert "VERSION_CODENAME=bookworm" in output_of(engine, "cat /etc/os-release")


@pytest.mark.parametrize("program", ["ps", "ip", "less", "perl", "apt-get", "bash"])
def test_what_a_first_course_needs_is_in_it(engine: Engine, base: str, program: str) -> None:
    assert program in output_of(engine, f"command -v {program}")


def test_apt_installs_a_package_in_a_container(engine: Engine, base: str) -> None:
    install = "apt-get update -q && apt-get install -y -q --no-install-recommends file"
    no_package_is_kept = 'test -z "$(ls /var/cache/apt/archives/*.deb 2>/dev/null)"'
    said = output_of(engine, f"{install} && file /etc/hostname && {no_package_is_kept}")
    assert "/etc/hostname: ASCII text" in said


def test_it_is_made_from_debian_packages_where_no_registry_answers(
    engine: Engine, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under another name, so that the course's own base image stays as it is."""
    monkeypatch.setattr(base_module, "REPOSITORY", "container-magics/base-test")
    lines: list[str] = []
    try:
        make_base(engine, lines.append)
        made = engine.api.inspect_image("container-magics/base-test:bookworm")
        assert made["Config"]["Labels"]["container-magics.purpose"] == "base"
        assert made["Size"] < 200_000_000
    finally:
        engine.api.remove_image("container-magics/base-test:bookworm", force=True)
    assert any(line.startswith("I: ") for line in lines)  # mmdebstrap's own progress


def test_it_is_pulled_where_a_registry_answers(
    engine: Engine, base: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From a registry on loopback, whose image lacks a package that the course needs."""
    made = "container-magics/base-test:pulled"
    with registry(tmp_path) as address:
        upstream = f"{address}/debian:bookworm-slim"
        without = f"FROM {base}\nRUN dpkg --purge less && test ! -e /usr/bin/less\nCMD []\n"
        list(build(engine, BuildSpec(without, upstream)))
        push(engine, upstream)
        engine.api.remove_image(upstream)
        monkeypatch.setattr(base_module, "BASE", made)
        monkeypatch.setattr(base_module, "UPSTREAM_REPOSITORY", f"{address}/debian")
        lines: list[str] = []
        try:
            assert ensure_base(engine, lines.append) == made
            assert engine.api.inspect_image(made)["Config"]["Cmd"] == ["bash"]
            assert "less" in output_of(engine, "less --version", made)
        finally:
            for name in (made, upstream):
                with suppress(docker.errors.ImageNotFound):
                    engine.api.remove_image(name, force=True)
    assert lines[0] == f"{made} is not there yet: asking a registry for {upstream}"
    assert "Pulling from debian" in lines
    assert any(line.startswith("Status: Downloaded newer image") for line in lines)
    assert any(line.startswith("[2/2] RUN apt-get update") for line in lines), "by BuildKit"
    assert any(line.startswith("Setting up less") for line in lines)
    assert not any("mmdebstrap" in line or "Debian packages" in line for line in lines)


def test_a_pull_that_fails_is_told_in_the_registry_s_words(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The registry has lost a layer."""
    with registry(tmp_path) as address:
        upstream = f"{address}/debian:bookworm-slim"
        tiny_image(engine, upstream, os.urandom(100_000), "cm-test-base=1")
        push(engine, upstream)
        engine.api.remove_image(upstream)
        blobs = (tmp_path / "data").glob("docker/registry/v2/blobs/sha256/*/*/data")
        max(blobs, key=lambda path: path.stat().st_size).unlink()
        monkeypatch.setattr(base_module, "UPSTREAM_REPOSITORY", f"{address}/debian")
        assert registry_answers(engine)
        with pytest.raises(BuildFailed) as caught:
            pull_base(engine, print)
    assert "blob" in caught.value.facts[0]


def test_a_package_that_apt_does_not_find_is_told_in_apt_s_words(
    engine: Engine, base: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with registry(tmp_path) as address:
        upstream = f"{address}/debian:bookworm-slim"
        engine.api.tag(base, f"{address}/debian", "bookworm-slim")
        push(engine, upstream)
        monkeypatch.setattr(base_module, "BASE", "container-magics/base-test:odd")
        monkeypatch.setattr(base_module, "UPSTREAM_REPOSITORY", f"{address}/debian")
        monkeypatch.setattr(base_module, "PACKAGES", ("no-such-package",))
        lines: list[str] = []
        try:
            with pytest.raises(BuildFailed, match="could not make container-magics/base-test:odd"):
                pull_base(engine, lines.append)
        finally:
            engine.api.remove_image(upstream)
    assert "E: Unable to locate package no-such-package" in lines
    assert not engine.api.images("container-magics/base-test:odd")


def test_a_registry_that_hangs_is_given_up_within_seconds(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/hangs.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/hangs.sock")
        listener.listen()
        engine = Engine(Endpoint(url, "a test"), docker.APIClient(url, version="1.41"))
        started = time.monotonic()
        assert registry_answers(engine) is False
        assert time.monotonic() - started < 8
        engine.close()


class LateError(http.server.BaseHTTPRequestHandler):
    """Answers as an engine whose disk is full: with status 200, and later with an error."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        lines = [{"status": "Importing"}, {"errorDetail": {}, "error": "no space left on device"}]
        body = "\r\n".join(map(json.dumps, lines)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_an_error_that_comes_after_the_answer_began_is_told(tmp_path: Path) -> None:
    (tmp_path / "base.tar").write_bytes(b"")
    with socketserver.TCPServer(("127.0.0.1", 0), LateError) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"tcp://127.0.0.1:{server.server_address[1]}"
        engine = Engine(Endpoint(url, "a test"), docker.APIClient(url, version="1.41"))
        with pytest.raises(BuildFailed) as caught:
            import_base(engine, tmp_path / "base.tar")
        engine.close()
        server.shutdown()
    assert caught.value.facts == ("no space left on device",)


def test_without_mmdebstrap_and_rights_it_says_what_to_ask_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_module, "find", lambda _program: None)
    monkeypatch.setattr(base_module, "can_install", lambda: False)
    with pytest.raises(ImageNotFound) as caught:
        make_base(engine, print)
    assert "mmdebstrap" in caught.value.hint


def test_a_tool_that_fails_is_told_with_its_last_lines() -> None:
    with pytest.raises(EngineError) as caught:
        follow(lambda _line: None, "sh", "-c", "echo first; echo why >&2; exit 3")
    assert "status 3" in str(caught.value)
    assert caught.value.facts == ("first", "why")


def test_has_base_is_false_on_an_engine_without_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_module, "BASE", "container-magics/none:bookworm")
    assert has_base(engine) is False


ONE_LINE = """\
# deb http://commented.invalid/debian bookworm main
deb [arch=amd64 signed-by=/keys/a.gpg] http://one.invalid/debian bookworm main contrib # why
deb-src http://one.invalid/debian bookworm main
deb http://one.invalid/other trixie main
"""
DEB822 = """\
Types: deb deb-src
URIs: http://two.invalid/debian
# a comment between the fields
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /keys/b.gpg

Enabled: no
Types: deb
URIs: http://off.invalid/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://three.invalid/sec
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
"""


@pytest.fixture
def apt_folder(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(ONE_LINE)
    (tmp_path / "sources.list.d" / "debian.sources").write_text(DEB822)
    (tmp_path / "sources.list.d" / "old.list.disabled").write_text(ONE_LINE)
    return tmp_path


def test_both_forms_of_apt_sources_are_read(apt_folder: Path) -> None:
    assert list(read_sources(apt_folder)) == [
        Source("http://one.invalid/debian", "bookworm", ("main", "contrib"), "/keys/a.gpg"),
        Source("http://one.invalid/other", "trixie", ("main",)),
        Source("http://two.invalid/debian", "bookworm", ("main",), "/keys/b.gpg"),
        Source("http://two.invalid/debian", "bookworm-updates", ("main",), "/keys/b.gpg"),
        Source("http://three.invalid/sec", "bookworm-security", ("main",)),
    ]


def test_only_the_sources_of_the_wanted_release_are_used(apt_folder: Path) -> None:
    lines = bootstrap_command(apt_folder / "base.tar", apt_folder)[-4:]
    assert lines == [
        "deb [signed-by=/keys/a.gpg] http://one.invalid/debian bookworm main",
        "deb [signed-by=/keys/b.gpg] http://two.invalid/debian bookworm main",
        "deb [signed-by=/keys/b.gpg] http://two.invalid/debian bookworm-updates main",
        "deb http://three.invalid/sec bookworm-security main",
    ]


def test_a_machine_without_sources_leaves_the_choice_to_mmdebstrap(tmp_path: Path) -> None:
    assert debian_sources(tmp_path, "bookworm") == ()
    assert bootstrap_command(tmp_path / "base.tar", tmp_path)[-1] == str(tmp_path / "base.tar")
