"""Registries of the test's own on loopback ports: Debian's docker-registry, in a folder; and a
server that refuses everything, in the form that registries agreed on."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import tarfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError

from faultproxy import Fault, FaultProxy

from container_magics.engine import command
from container_magics.engine.client import Engine

READY_S = 60.0
CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{net: {net}, addr: "{where}"}}
"""
USER, PASSWORD = "student", "right"
# bcrypt of PASSWORD, the one form that docker-registry reads
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuu8xaCxxL82bnl.UY74PMksDxIJShppPC\n"
LOGIN = """\
auth: {{htpasswd: {{realm: "a test", path: "{folder}/htpasswd"}}}}
"""


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Its address, "127.0.0.1:PORT", which the engine takes without TLS; it ends with the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with served(folder, "tcp", address) as process:
        wait_for(lambda: answers(address), process)
        yield address


@contextmanager
def private_registry(folder: Path) -> Iterator[str]:
    """The same, for USER with PASSWORD alone."""
    (folder / "data").mkdir()
    (folder / "data" / "htpasswd").write_text(HTPASSWD)  # where none is, it makes one up
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with served(folder, "tcp", address, CONFIG + LOGIN) as process:
        wait_for(lambda: answers(address), process)
        yield address


@contextmanager
def refusing(status: int, code: str, message: str) -> Iterator[str]:
    """The address of a server that is there, and refuses all that is asked of it by an error
    as the OCI distribution specification has it ("Error Codes")."""
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()

    class Refusing(BaseHTTPRequestHandler):
        protocol_version = default_request_version = "HTTP/1.1"  # an engine tries TLS first

        def do_GET(self) -> None:
            here, answer = (200, b"{}") if self.path == "/v2/" else (status, body)
            self.send_response(here)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        do_HEAD = do_POST = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextmanager
def slow_registry(folder: Path, pause_s: float) -> Iterator[str]:
    """The same at the end of a slow line: a pause before each 64 kB of a layer that it sends."""
    behind = folder / "registry.sock"
    slow = Fault("delay", path="/blobs/sha256:", pause_s=pause_s)
    with served(folder, "unix", str(behind)) as process:
        wait_for(behind.is_socket, process)
        with closing(FaultProxy(f"unix://{behind}", slow, tcp=True)) as line:
            address = line.url.removeprefix("tcp://")
            wait_for(lambda: answers(address), process)
            yield address


@contextmanager
def served(
    folder: Path, net: str, where: str, text: str = CONFIG, before: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Debian's docker-registry, which soon listens at ``where``; it ends with the block. The words
    ``before`` the program's own may put it into another network."""
    program = command.find("docker-registry")
    assert program, "install Debian's docker-registry (as root, `make test` does so)"
    config = folder / "registry.yml"
    config.write_text(text.format(folder=folder / "data", net=net, where=where))
    with (folder / "registry.log").open("wb") as log:
        words = [*before, program, "serve", str(config)]
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def answers(address: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://{address}/v2/", timeout=5):
            return True
    except HTTPError as error:
        return error.code == 401
    except OSError:
        return False


def tags(address: str, repository: str) -> list[str]:
    """The tags that a registry has of a repository; none when it has not heard of it."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(HTTPError), direct.open(f"http://{address}/v2/{repository}/tags/list") as answer:
        return list(json.load(answer)["tags"] or ())
    return []


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end_s = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < end_s:
        if ready():
            return
        time.sleep(0.05)
    raise AssertionError("the registry does not answer")


def tiny_image(engine: Engine, name: str, content: bytes, label: str) -> None:
    """Make an image with one layer, one file, and one label, out of nothing."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("data")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    repository, _, tag = name.rpartition(":")
    engine.api.import_image_from_data(
        archive.getvalue(), repository=repository, tag=tag, changes=[f"LABEL {label}"]
    )
    if not engine.api.images(name):  # Podman 4.3 calls it "latest", whatever it is asked for
        engine.api.tag(f"{repository}:latest", repository, tag)
        engine.api.remove_image(f"{repository}:latest")


def push(engine: Engine, name: str) -> None:
    """Push an image to the registry that its name says; AssertionError when that fails."""
    lines = list(engine.api.push(name, stream=True, decode=True))
    assert not [line for line in lines if "error" in line], lines
