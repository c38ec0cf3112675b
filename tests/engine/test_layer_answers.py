"""Questions about layers of real images: what a deleted secret was, packages, two images, CI."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import uuid
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from oddimage import saved
from test_layers_real import tar_of, tree_of

from container_magics.core.layersflags import layers_parser
from container_magics.engine.client import Engine
from container_magics.errors import NotFound
from container_magics.session.layeranswers import answers, contents

FILE = b"0"
KEY = b"-----BEGIN OPENSSH " + b"PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n"
LOW = tar_of(
    ("root/key", FILE, KEY), ("big", FILE, b"b" * 90_000), ("same", FILE, b"1234"),
    ("hard", b"1", "big"),
)  # fmt: skip
HIGH = tar_of(("root/.wh.key", FILE, b""), ("big", FILE, b"c" * 10))
OTHER = tar_of(("root/.wh.key", FILE, b""), ("same", FILE, b"4321"))


def load(engine: Engine, *layers: bytes) -> str:
    tag = f"cm-test-answers-{uuid.uuid4().hex[:12]}"
    ids = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]
    config = {
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/none"]},
        "rootfs": {"type": "layers", "diff_ids": ids},
        "history": [{"created_by": f"RUN step {n}"} for n in range(len(layers))],
    }  # fmt: skip
    for line in engine.api.load_image(saved(config, tag, *layers)):
        assert "error" not in line, line
    return tag


@pytest.fixture(scope="module")
def two(engine: Engine) -> Iterator[tuple[str, str]]:
    tags = load(engine, LOW, HIGH), load(engine, LOW, OTHER)
    try:
        yield tags
    finally:
        for tag in tags:
            engine.api.remove_image(tag, force=True)


def words(line: str) -> Namespace:
    read = layers_parser().parse(line)
    read.diff = read.diff or read.other
    return read


def asked(engine: Engine, line: str) -> list[object]:
    read = words(line)
    other = tree_of(engine, read.diff) if read.diff else None
    (one,) = answers(engine, tree_of(engine, read.image), read, other)
    return list(one.rows)


def test_a_deleted_secret_is_found_and_shown(engine: Engine, two: tuple[str, str]) -> None:
    (secret,) = asked(engine, f"{two[0]} --secrets")
    assert (secret.path, secret.layer, secret.hidden_by) == ("/root/key", 1, 2)
    (shown,) = asked(engine, f"{two[0]} --show /root/key")
    assert (shown.content, shown.layer, shown.hidden_by) == (KEY, 1, 2)


def test_a_file_is_shown_as_each_layer_has_it(engine: Engine, two: tuple[str, str]) -> None:
    (newest,) = asked(engine, f"{two[0]} --show /big")
    assert newest.content == b"c" * 10
    (older,) = asked(engine, f"{two[0]} --show /big --layer 1")
    assert (older.size_bytes, older.content) == (90_000, b"b" * 65_536)
    (linked,) = asked(engine, f"{two[0]} --show hard")
    assert (linked.size_bytes, linked.hidden_by) == (90_000, None)
    with pytest.raises(NotFound):
        asked(engine, f"{two[0]} --show /none")


def test_two_images_differ_as_their_layers_do(engine: Engine, two: tuple[str, str]) -> None:
    found = {row.path: (row.change, row.what) for row in asked(engine, f"{two[0]} {two[1]}")}
    assert found == {"/big": ("changed", "size")}
    deep = asked(engine, f"{two[0]} --diff {two[1]} --content")
    assert {row.path: row.what for row in deep} == {"/big": "size", "/same": "content"}


def test_the_packages_are_those_that_dpkg_lists(engine: Engine, base: str) -> None:
    listing = engine.api.create_container(
        base, ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n"]
    )
    try:
        engine.api.start(listing)
        assert engine.api.wait(listing)["StatusCode"] == 0
        said = engine.api.logs(listing).decode()
    finally:
        engine.api.remove_container(listing, force=True)
    by_dpkg = {tuple(row.split()[1:]) for row in said.splitlines() if row.startswith("installed ")}
    held: dict[str, str] = {}
    for row in asked(engine, f"{base} --packages"):
        if row.manager == "dpkg":
            name = row.package.partition(":")[0]
            held[name] = row.version
            if row.change == "removed":
                del held[name]
    assert set(held.items()) == by_dpkg
    assert len(held) > 20


def typed(engine: Engine, *line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "container_magics.cli", "layers", *line],
        capture_output=True,
        text=True,
        env={"DOCKER_HOST": engine.endpoint.url, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )


def test_the_command_ends_with_what_the_rules_say(engine: Engine, two: tuple[str, str]) -> None:
    image = two[0]
    done = typed(engine, image, "--assert", "efficiency>=0.1, highestWastedBytes=1GB", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads(Path("docs/layers-schema.json").read_text()))
    assert document["total_bytes"] - document["visible_bytes"] == document["wasted_bytes"]
    failed = typed(engine, image, "--json", "--assert", "wasted_bytes<1B", "--hidden")
    assert failed.returncode == 1
    assert "wasted_bytes is" in failed.stderr
    hidden = json.loads(failed.stdout)["answers"]["hidden"]
    assert sum(row["hidden_bytes"] for row in hidden) == document["wasted_bytes"] > 0
    for wrong in (["--assert", "bogus<1"], ["--big", "x"], ["--tree", "99"], []):
        assert typed(engine, *([image, *wrong] if wrong else [])).returncode == 2, wrong
    assert typed(engine, "cm-test-no-such-image").returncode == 1
    text = typed(engine, image, "--find", "key", "--tree", "2")
    assert text.returncode == 0, text.stderr
    assert "hidden by layer 2" in text.stdout
    assert "hidden, still shipped" in text.stdout


@pytest.mark.parametrize("many", [0, 40])
def test_what_a_container_has_written_is_read_too(engine: Engine, base: str, many: int) -> None:
    script = (
        f"printf '%s' '{KEY.decode()}' > /srv/key; ln -s key /srv/soft; : > /srv/none; "
        f"for n in $(seq {many}); do echo $n > /srv/.env.$n; done"
    )
    command = ["sh", "-c", script]
    name = f"cm-test-answers-{uuid.uuid4().hex[:8]}"
    container = engine.api.create_container(base, command, name=name)
    try:
        engine.api.start(container)
        assert engine.api.wait(container)["StatusCode"] == 0
        tree = tree_of(engine, name)
        top = len(tree.layers)
        found = asked(engine, f"{name} --secrets")
        assert [(row.path, row.layer, row.hidden_by) for row in found] == [("/srv/key", top, None)]
        (shown,) = asked(engine, f"{name} --show /srv/key")
        assert (shown.content, shown.layer) == (KEY, top)
        (empty,) = asked(engine, f"{name} --show /srv/none")
        assert empty.content == b""
        read = contents(engine, name, tree)
        numbers = {(top - 1, f"srv/.env.{n}".encode()): b"%d\n" % n for n in range(1, many + 1)}
        assert dict(read.read(numbers, 100)) == numbers
        with pytest.raises(NotFound):
            asked(engine, f"{name} --show /srv/soft")
    finally:
        engine.api.remove_container(container, force=True)
