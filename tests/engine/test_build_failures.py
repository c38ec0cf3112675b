"""Builds that fail on a real engine: each with what is its usual cause."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from buildbench import Bench

from container_magics.core.buildspec import BuildSpec
from container_magics.engine import machine
from container_magics.engine.client import Engine
from container_magics.errors import BuildFailed


def failed(bench: Bench, *lines: str, **asked: object) -> BuildFailed:
    error = bench.run_lines(*lines, **asked).error
    assert error is not None
    return error


def test_a_mistyped_file_gets_the_names_that_are_like_it(bench: Bench, tmp_path: Path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("")
    (tmp_path / "app.py").write_text("")
    (tmp_path / "secret").write_text("")
    (tmp_path / ".dockerignore").write_text("secret\n")
    folder = {"context_dir": str(tmp_path), "added": (("added.txt", b""),)}
    assert failed(bench, "COPY ap.py /", **folder).hint.endswith("Did you mean app.py?")
    assert "Did you mean src/main.py?" in failed(bench, "COPY main.py /", **folder).hint
    assert "Did you mean added.txt?" in failed(bench, "COPY adde.txt /", **folder).hint
    assert ".dockerignore leaves secret out" in failed(bench, "COPY secret /", **folder).hint


def test_killed_not_executable_and_not_there(bench: Bench):
    assert "memory" in failed(bench, "RUN sh -c 'kill -9 $$'; exit $?").hint
    assert "chmod +x" in failed(bench, "RUN /etc/hostname || /etc/passwd").hint
    assert "no such command" in failed(bench, "RUN nosuch").hint


def test_no_network_is_told_by_the_exit_code(bench: Bench):
    install = "RUN rm -rf /var/lib/apt/lists/*; apt-get install -y --no-install-recommends nosuch"
    assert "apt-get ends with 100" in failed(bench, install).hint
    assert "--network none" in failed(bench, install, network="none").hint


def test_a_server_that_does_not_answer_is_told_by_the_exit_code(bench: Bench):
    update = "apt-get -o Acquire::Retries=0 -o APT::Update::Error-Mode=any update"
    nowhere = (
        "rm -f /etc/apt/sources.list.d/*; echo deb http://127.0.0.1:9/ ./ > /etc/apt/sources.list"
    )
    error = failed(bench, f"RUN {nowhere}; {update}")
    assert "127.0.0.1:9" in "\n".join(error.facts)
    assert "apt-get ends with 100 at any error: often it reaches no server" in error.hint


def test_a_failing_instruction_of_many_lines_is_quoted_as_written(bench: Bench):
    error = failed(bench, "RUN echo NONCE; \\", "  # why", "  exit 7")
    assert error.facts == (
        f"   3 │ RUN echo {bench.nonce}; \\", "   4 │   # why", "   5 │   exit 7", bench.nonce,
    )  # fmt: skip


def foreign_program() -> bytes:
    """The head of a program for 64-bit ARM: ELF, little-endian, machine 183 (elf(5))."""
    head = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    head += struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 120, 120, 0x1000)


def tar_of(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            tar.addfile(member, io.BytesIO(data))
    return archive.getvalue()


@pytest.fixture
def foreign(builder: Engine, bench: Bench) -> Iterator[str]:
    """An image of another platform, whose shell this machine's processor cannot run."""
    name = f"cm-test-build-foreign-{bench.nonce}:1"
    layer = tar_of({"bin/sh": foreign_program()})
    diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": "arm64", "os": "linux", "config": {"Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]}, "history": [],
    }  # fmt: skip
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {
        "config.json": json.dumps(config).encode(),
        "layer.tar": layer,
        "manifest.json": json.dumps(manifest).encode(),
    }
    list(builder.api.load_image(tar_of(files)))
    yield name
    builder.api.remove_image(name, force=True)


def test_an_image_of_another_platform_is_named_as_the_cause(bench: Bench, foreign: str):
    assert machine.image_platform(bench.engine, foreign) == "linux/arm64"
    text = f"FROM --platform=linux/arm64 {foreign}\nRUN true\n"
    error = bench.run(BuildSpec(text, bench.tag)).error
    assert error is not None
    assert error.line == 2
    assert "is for linux/arm64 and the engine runs linux/" in error.hint


def test_a_platform_that_is_not_here_is_told_from_an_image_that_is_not(bench: Bench):
    text = f"FROM --platform=linux/s390x {bench.base}\nRUN true\n"
    error = bench.run(BuildSpec(text, bench.tag)).error
    if bench.engine.facts().containerd_store:
        assert error is None, "it takes the image that it has, and says nothing"
        return
    assert error is not None
    assert "no registry gave one for linux/s390x" in error.hint


def test_the_engines_disk_is_looked_at(engine: Engine):
    room = machine.free_bytes(engine)
    assert room is None or room > 0
    assert machine.engine_platform(engine).startswith("linux/")
    assert machine.image_platform(engine, "no-such-image:1") == ""
