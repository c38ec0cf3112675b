"""An image with one of everything that a layer may hold, on the base image, so that it can run."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from container_magics.engine.client import Engine

FILE, DIR, HARD, SOFT, FIFO, CHAR, BLOCK = (
    tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE,
    tarfile.CHRTYPE, tarfile.BLKTYPE,
)  # fmt: skip
SPARSE_BYTES = 3 << 20

# (name, type, content or link, what else)
Odd = tuple[str, bytes, bytes | str, dict[str, Any]]
OWNED = {"mode": 0o4755, "uid": 1000, "gid": 2000}
GROUND: tuple[Odd, ...] = (
    ("odd", DIR, b"", {}),
    ("odd/first", FILE, b"h" * 1234, OWNED),
    ("odd/second", HARD, "odd/first", OWNED),
    ("odd/third", HARD, "odd/first", OWNED),
    ("odd/soft", SOFT, "../etc/passwd", {}),
    ("odd/dangling", SOFT, "/nowhere/\u00e9", {}),
    ("odd/pipe", FIFO, b"", {"mode": 0o600}),
    ("odd/null", CHAR, b"", {"devmajor": 1, "devminor": 3, "mode": 0o666}),
    ("odd/disk", BLOCK, b"", {"devmajor": 7, "devminor": 0, "mode": 0o660}),
    ("odd/capable", FILE, b"c" * 700, {
        "pax_headers": {"SCHILY.xattr.user.note": "a note", "mtime": "1700000000.25"},
    }),
    ("odd/empty", FILE, b"", {}),
    ("odd/block", FILE, b"b" * 512, {}),
    ("odd/" + "n" * 120 + "/" + "m" * 200, FILE, b"long", {}),
    ("odd/long-link", SOFT, "x" * 150 + "/" + "y" * 150, {}),
    (b"odd/latin\xe9".decode("utf-8", "surrogateescape"), FILE, b"bytes", {}),
    ("odd/\u00fcber", FILE, b"utf-8", {}),
    ("odd/line\nbreak<b>\t", FILE, b"odd", {}),
    ("odd/sticky", DIR, b"", {"mode": 0o1777}),
    ("gone/one", FILE, b"1" * 700, {}),
    ("gone/deep/two", FILE, b"2" * 900, {}),
    ("whole/inner/file", FILE, b"w" * 4096, {}),
    ("todir", FILE, b"t" * 50, {}),
    ("tofile/inner", FILE, b"i" * 60, {}),
    ("same", FILE, b"s" * 5000, {}),
    ("kept", FILE, b"k" * 10, {}),
)  # fmt: skip
TOP: tuple[Odd, ...] = (
    ("gone", DIR, b"", {"mode": 0o700}),
    ("gone/.wh..wh..opq", FILE, b"", {}),
    ("gone/fresh", FILE, b"f" * 30, {}),
    ("odd", DIR, b"", {"mode": 0o711}),
    ("odd/.wh.first", FILE, b"", {}),
    ("odd/.wh.null", FILE, b"", {}),
    (".wh.whole", FILE, b"", {}),
    ("todir", DIR, b"", {}),
    ("todir/in", FILE, b"n" * 5, {}),
    ("tofile", FILE, b"flat", {}),
    ("same", FILE, b"s" * 5000, {"mode": 0o600}),
    ("odd/pipe", SOFT, "kept", {}),
)


def layer_of(members: tuple[Odd, ...], form: int) -> bytes:
    """A layer's archive."""
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=form, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for name, kind, content, more in members:
            info = tarfile.TarInfo(name)
            info.type, info.mtime, info.mode = kind, 1_700_000_000, 0o755
            for key, value in more.items():
                setattr(info, key, value)
            if isinstance(content, str):
                info.linkname = content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content if isinstance(content, bytes) else b""))
    return out.getvalue()


def sparse_layer(folder: Path) -> bytes:
    """What GNU tar makes of a file with holes, in its pax form: Docker takes no other."""
    path = folder / "sparse"
    with path.open("wb") as file:
        file.write(b"begin")
        file.seek(SPARSE_BYTES - 3)
        file.write(b"end")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    command = ["tar", "-S", "--format=posix", "-C", str(folder), "-cf", "-", path.name]
    return subprocess.run(command, check=True, capture_output=True).stdout


def layers_of(engine: Engine, image: str) -> list[bytes]:
    """The layers' archives, oldest first, by tarfile out of what the engine saves."""
    data = io.BytesIO(b"".join(engine.api.get_image(image)))
    with tarfile.open(fileobj=data) as outer:
        manifest = json.loads(taken(outer, "manifest.json"))
        return [taken(outer, name) for name in manifest[0]["Layers"]]


def taken(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()


def saved(config: dict[str, Any], tag: str, *layers: bytes) -> bytes:
    """An archive for `docker load`."""
    out = io.BytesIO()
    names = [f"{n}/layer.tar" for n in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": [f"{tag}:latest"], "Layers": names}]
    members = [*zip(names, layers, strict=True)]
    members += [("config.json", json.dumps(config).encode())]
    members += [("manifest.json", json.dumps(manifest).encode())]
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, body in members:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


@contextmanager
def loaded(engine: Engine, *layers: bytes, ground: str = "") -> Iterator[str]:
    """An image of these layers, on those of the image ``ground``; removed in the end."""
    tag = f"cm-test-odd-{uuid.uuid4().hex[:12]}"
    below = layers_of(engine, ground) if ground else []
    everything = [*below, *layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["sleep", "600"], "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {
            "type": "layers",
            "diff_ids": ["sha256:" + hashlib.sha256(each).hexdigest() for each in everything],
        },
        "history": [
            {"created": "2024-05-01T10:00:00.5Z", "created_by": f"/bin/sh -c layer {n}"}
            for n, _ in enumerate(everything)
        ],
    }
    for line in engine.api.load_image(saved(config, tag, *everything)):
        assert "error" not in line, line
    try:
        yield tag
    finally:
        engine.api.remove_image(tag, force=True)
