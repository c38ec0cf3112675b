"""Layers of an image in a registry, that no engine has pulled."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from oddimage import GROUND, TOP, layer_of, loaded
from registry import PASSWORD, USER, private_registry, refusing, registry

from container_magics.engine.client import Engine
from container_magics.engine.layercache import LayerCache
from container_magics.engine.layersources import Sources
from container_magics.errors import (
    BadArchive,
    ContainerMagicsError,
    ImageNotFound,
    LoginNeeded,
    RateLimited,
    RegistryRefused,
)
from container_magics.session.layers import LayersRead, contents, explore
from tests.engine.test_layer_archives import MANY_BYTES, image_in, saved

LAYERS = [layer_of(GROUND, 2), layer_of(TOP, 1)]


def explored(name: str, cache: LayerCache | None = None) -> LayersRead:
    *_, last = explore(None, name, sources=Sources(cache))
    assert isinstance(last, LayersRead)
    return last


def pushed(engine: Engine, image: str, name: str, login: dict[str, str] | None = None) -> None:
    engine.api.tag(image, name)
    try:
        for line in engine.api.push(name, stream=True, decode=True, auth_config=login):
            assert "error" not in line, line
    finally:
        engine.api.remove_image(name)


def test_what_was_pushed_is_read_without_a_pull(
    as_root: None, engine: Engine, tmp_path: Path, nothing_left: object
) -> None:
    cache = LayerCache(tmp_path / "cache")
    with registry(tmp_path) as address, loaded(engine, *LAYERS) as image:
        name = f"{address}/some/where:1"
        pushed(engine, image, name)
        by_file = image_in(saved(engine, tmp_path, f"{image}:latest"))
        tree = explored(f"docker://{name}", cache).tree
        assert [(way.name, way.layers) for way in tree.ways] == [("a registry", 2)]
        assert tree.image_id == by_file.image_id
        assert [e.entries for e in tree.layers] == [e.entries for e in by_file.layers]
        assert all(each.digest not in ("", each.diff_id) for each in tree.layers)
        again = explored(f"docker://{name}", cache).tree
        assert [(way.name, way.layers) for way in again.ways] == [("cache", 2)]
        reader = contents(None, f"docker://{name}", tree.image_id, tree.layers)
        wanted = (0, b"whole/inner/file")
        assert dict(reader.read([wanted], MANY_BYTES)) == {wanted: b"w" * 4096}
        with pytest.raises(ImageNotFound):
            explored(f"docker://{address}/some/where:2")


def test_a_login_of_docker_counts(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "docker").mkdir()
    config = tmp_path / "docker" / "config.json"
    with private_registry(tmp_path) as address, loaded(engine, LAYERS[0]) as image:
        name = f"{address}/private"
        pushed(engine, image, name, {"username": USER, "password": PASSWORD})
        config.write_text("{}")
        with pytest.raises(LoginNeeded, match="needs a login"):
            explored(f"docker://{name}")
        for password, good in ((PASSWORD, True), ("wrong", False)):
            auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
            config.write_text(json.dumps({"auths": {address: {"auth": auth}}}))
            if good:
                assert len(explored(f"docker://{name}").tree.layers) == 1
            else:
                with pytest.raises(LoginNeeded, match="does not accept") as told:
                    explored(f"docker://{name}")
                assert "wrong" not in "\n".join(told.value.told())


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, ImageNotFound), (429, RateLimited), (403, LoginNeeded), (500, RegistryRefused)],
)
def test_what_a_registry_refuses(status: int, kind: type[ContainerMagicsError]) -> None:
    with refusing(status, "X", "no") as address, pytest.raises(kind):
        explored(f"docker://{address}/x")


def test_nobody_listens() -> None:
    with refusing(404, "X", "no") as address:
        pass
    with pytest.raises(RegistryRefused, match="does not answer"):
        explored(f"docker://{address}/x")


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Hosted:
    """An image as a registry has it, by path; what is changed there makes it lie."""

    def __init__(self) -> None:
        layer = layer_of(TOP, 1)
        self.packed = gzip.compress(layer)
        self.config = json.dumps({"rootfs": {"diff_ids": [digest(layer)]}, "history": []}).encode()
        self.manifest = json.dumps(
            {"config": {"digest": digest(self.config)},
             "layers": [{"digest": digest(self.packed), "size": len(self.packed)}]}
        ).encode()  # fmt: skip
        others = {
            "platform": {"os": "plan9", "architecture": "mips"},
            "digest": "sha256:" + "0" * 64,
        }
        note = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"},
                "digest": "sha256:" + "1" * 64}  # fmt: skip
        ours = [{"platform": {"os": "linux", "architecture": name}, "digest": digest(self.manifest)}
                for name in ("amd64", "arm64")]  # fmt: skip
        self.index = json.dumps({"manifests": [note, others, *ours]}).encode()
        self.answers = {
            "/v2/x/manifests/latest": self.index,
            f"/v2/x/manifests/{digest(self.manifest)}": self.manifest,
            f"/v2/x/blobs/{digest(self.config)}": self.config,
            f"/v2/x/blobs/{digest(self.packed)}": self.packed,
        }


@contextmanager
def hosting(hosted: Hosted, *, token: str = "", cut: bool = False) -> Iterator[str]:
    """A registry on loopback, which asks for a token of its own server where one is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here = f"http://127.0.0.1:{self.server.server_address[1]}"  # type: ignore[str-bytes-safe]
            if self.path.startswith("/token?"):
                self.answer(200, json.dumps({"token": token}).encode())
            elif token and self.headers.get("Authorization") != f"Bearer {token}":
                self.answer(401, b"", f'Bearer realm="{here}/token",service="s"')
            else:
                body = hosted.answers.get(self.path)
                self.answer(404 if body is None else 200, body or b"")

        def answer(self, status: int, body: bytes, challenge: str = "") -> None:
            self.send_response(status)
            if challenge:
                self.send_header("WWW-Authenticate", challenge)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut and body == hosted.packed else body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"docker://127.0.0.1:{server.server_address[1]}/x"
        finally:
            server.shutdown()


@pytest.mark.parametrize("token", ["", "t0ken"])
def test_an_index_of_platforms_and_a_server_of_tokens(token: str) -> None:
    with hosting(Hosted(), token=token) as name:
        tree = explored(name).tree
    assert b"gone/fresh" in {entry.path for entry in tree.layers[0].entries}


@pytest.mark.parametrize("part", ["config", "manifest", "packed"])
def test_what_is_not_what_its_digest_says(part: str) -> None:
    hosted = Hosted()
    for path, body in hosted.answers.items():
        if body == getattr(hosted, part):
            hosted.answers[path] = body[:-1] + bytes([body[-1] ^ 1])
    with hosting(hosted) as name, pytest.raises(BadArchive, match="not what its digest says"):
        explored(name)


def test_a_layer_that_does_not_end_and_one_that_ends_early() -> None:
    hosted = Hosted()
    hosted.answers[f"/v2/x/blobs/{digest(hosted.packed)}"] = hosted.packed * 100
    with hosting(hosted) as name, pytest.raises(BadArchive, match="another size"):
        explored(name)
    with hosting(Hosted(), cut=True) as name, pytest.raises((BadArchive, RegistryRefused)):
        explored(name)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"5", b"[" * 100_000, b'{"manifests": 5}', b'{"manifests": [5]}',
             b'{"layers": 5, "config": 7}', b"x" * (9 << 20)]
)  # fmt: skip
def test_manifests_that_are_none(body: bytes) -> None:
    hosted = Hosted()
    hosted.answers["/v2/x/manifests/latest"] = body
    with hosting(hosted) as name, pytest.raises(BadArchive):
        explored(name)
