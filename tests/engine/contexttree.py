"""A nested tree of files, and what docker's own command makes of it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otherengines import newer_docker

from container_magics.engine.client import Engine

FILES = (
    ".dockerignore.bak", ".env", ".git/HEAD", ".git/objects/aa", "Dockerfile", "README.md",
    "README-secret.md", "[a].txt", "a.go", "a/a.go", "a/b/a.go", "a/b/c/a.go", "a/b/c/keep.txt",
    "a/b/c/x.tmp", "a/keep/x.tmp", "a/x.tmp", "b/README.md", "b/README-secret.md", "b/b/b/b",
    "bar", "bin/tool", "dist/js/app.js", "dist/js/app.js.map", "docs/README.md", "docs/guide.md",
    "foo", "foobar/foo", "node_modules/p/index.js", "node_modules/p/node_modules/q/index.js",
    "sp ace/f.txt", "src/foo/bar/deep/foo", "src/foo/foo", "src/xfoo", "star*name", "temp", "temp1",
    "tempest/temp9", "uml/ä/ö.txt", "x.tmp", "z1", "z2", "z9",
)  # fmt: skip


def make_tree(folder: Path) -> None:
    """FILES, each with its own path in it, two links, and an empty folder."""
    for path in FILES:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("a/b")
    (folder / "a/up").symlink_to("../src")


@dataclass(frozen=True)
class Oracle:
    """A docker command's own build, on an engine; ``program`` with the words before its flags."""

    engine: Engine
    program: tuple[str, ...]

    @classmethod
    def debian(cls, engine: Engine) -> Oracle:
        """Debian's command, 20.10, which brings the client of BuildKit with it."""
        program = shutil.which("docker", path="/usr/bin")
        assert program, "apt install docker.io"
        return cls(engine, (program, "build"))

    @classmethod
    def newer(cls, engine: Engine, state: Path) -> Oracle:
        """buildx, as newer docker commands have it."""
        return cls(engine, (str(newer_docker(state) / "docker-buildx"), "build"))

    def build(self, *flags: Any, home: Path) -> subprocess.CompletedProcess[bytes]:
        """Run it, with settings of its own in ``home``."""
        where = {
            **os.environ, "DOCKER_HOST": self.engine.endpoint.url, "DOCKER_BUILDKIT": "1",
            "DOCKER_CONFIG": str(home), "BUILDX_CONFIG": str(home / "buildx"),
        }  # fmt: skip
        return subprocess.run([*self.program, *flags], env=where, capture_output=True)

    def copied(self, dockerfile: Path, folder: Path) -> list[str]:
        """What of the folder it copies to /c."""
        tag = f"cm-test-oracle-{uuid.uuid4().hex}"
        home = dockerfile.parent / "home"
        done = self.build("-q", "-t", tag, "-f", dockerfile, folder, home=home)
        assert done.returncode == 0, done.stderr.decode()
        try:
            return in_image(self.engine, tag)
        finally:
            self.engine.api.remove_image(tag, force=True)


def in_image(engine: Engine, tag: str, folder: str = "c/") -> list[str]:
    """The paths under a folder of the image, sorted; folders end in "/", links say where to."""
    return sorted(one for one, _ in members(engine, tag, folder))


def members(engine: Engine, tag: str, folder: str = "c/") -> Iterator[tuple[str, tarfile.TarInfo]]:
    """(path under the folder, what it is) of all in it."""
    made = engine.api.create_container(tag, ["none"])["Id"]
    try:
        data = b"".join(engine.api.export(made))
    finally:
        engine.api.remove_container(made)
    with closing(tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape")) as tar:
        for one in tar:
            if one.name.startswith(folder):
                end = "/" if one.isdir() else f" -> {one.linkname}" if one.issym() else ""
                yield one.name.removeprefix(folder) + end, one
