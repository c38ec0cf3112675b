"""Two containers are the same to --reuse when they were asked for in the same words."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from container_magics.core.fingerprint import fingerprint
from container_magics.core.spec import ContainerSpec, Limits, Port

SPEC = ContainerSpec("busybox", ("sh", "-c", "sleep 9"), name="box", ports=(Port(80),))


def told(spec: ContainerSpec = SPEC, image_id: str = "sha256:1", **others: object) -> str:
    words: dict[str, object] = {"binds": (), "auto_remove": False, **others}
    return fingerprint(spec, image_id, **words)  # type: ignore[arg-type]


def test_the_same_words_are_the_same_in_any_session() -> None:
    assert told() == told(replace(SPEC))
    there = subprocess.run(
        [sys.executable, "-c", "import test_fingerprint as t; print(t.told())"],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert there.stdout.strip() == told()


@pytest.mark.parametrize(
    "change",
    [
        {"command": ("sh", "-c", "sleep 10")},
        {"environment": (("A", "1"),)},
        {"ports": (Port(81),)},
        {"limits": Limits(memory_bytes=1)},
        {"files": (("/cell", b"#!/bin/sh", 0o755),)},
        {"name": "other"},
        {"user": "1000"},
    ],
)
def test_other_words_are_another_container(change: dict[str, object]) -> None:
    assert told(replace(SPEC, **change)) != told()  # type: ignore[arg-type]


def test_an_image_that_was_built_anew_is_another() -> None:
    assert told(image_id="sha256:2") != told()


def test_a_folder_elsewhere_is_another() -> None:
    assert told(binds=("/here:/work:rw",)) != told(binds=("/there:/work:rw",))


def test_one_that_is_removed_at_its_end_is_another() -> None:
    assert told(auto_remove=True) != told()
