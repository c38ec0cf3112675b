"""Small images in every form of archive, as bytes; and edits that keep a tar header's checksum."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable

import pytest

from container_magics.core.layers import EntryScanner
from container_magics.core.layerunpack import zstd

BLOCK = 512


def tar(*members: tuple[str, bytes], links: tuple[tuple[str, str], ...] = ()) -> bytes:
    """An archive of files and symbolic links."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, body in members:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return out.getvalue()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob(data: bytes) -> tuple[str, bytes]:
    return "blobs/" + digest(data).replace(":", "/"), data


def config_of(*layers: bytes) -> bytes:
    history = [{"created_by": f"RUN {n}"} for n, _ in enumerate(layers)]
    rootfs = {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}
    return json.dumps({"rootfs": rootfs, "history": history}).encode()


def docker(*layers: bytes, config: bytes | None = None, manifest: bytes | None = None) -> bytes:
    """As `docker save` up to Engine 24."""
    config = config_of(*layers) if config is None else config
    names = [f"{n}/layer.tar" for n, _ in enumerate(layers)]
    name = digest(config)[7:] + ".json"
    told = json.dumps([{"Config": name, "RepoTags": ["x:latest"], "Layers": names}]).encode()
    manifest = told if manifest is None else manifest
    return tar(*zip(names, layers, strict=True), (name, config), ("manifest.json", manifest))


def oci(
    *layers: bytes,
    pack: Callable[[bytes], bytes] = bytes,
    config: bytes | None = None,
    index: bytes | None = None,
) -> bytes:
    """An OCI layout as an archive."""
    config = config_of(*layers) if config is None else config
    packed = [pack(layer) for layer in layers]
    listed = [{"digest": digest(each), "size": len(each)} for each in packed]
    manifest = json.dumps({"config": {"digest": digest(config)}, "layers": listed}).encode()
    named = json.dumps({"manifests": [{"digest": digest(manifest)}]}).encode()
    return tar(
        *map(blob, (*packed, config, manifest)),
        ("index.json", named if index is None else index), ("oci-layout", b"{}"),
    )  # fmt: skip


def sealed(block: bytes) -> bytes:
    """A tar header with the checksum that its bytes have."""
    block = block[:148] + b" " * 8 + block[156:512]
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


ONE = tar(("etc/a", b"a" * 3000), ("etc/b", b"b"))
TWO = tar(("etc/.wh.a", b""), ("etc/.wh..wh..opq", b""))
FORMS = {
    "docker": docker(ONE, TWO),
    "oci": oci(ONE, TWO),
    "oci-gzip": oci(ONE, TWO, pack=gzip.compress),
    "oci-zstd": oci(ONE, TWO, pack=zstd.compress),
}


def scanners_begun(monkeypatch: pytest.MonkeyPatch) -> list[EntryScanner]:
    """The scanners that begin from now on, each as soon as it does: what is read is counted."""
    scanners = list[EntryScanner]()
    begin = EntryScanner.__init__

    def counted(self: EntryScanner, *arguments: int, **more: bool) -> None:
        scanners.append(self)
        begin(self, *arguments, **more)

    monkeypatch.setattr(EntryScanner, "__init__", counted)
    return scanners
