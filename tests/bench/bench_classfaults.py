"""What breaks in a class, and the seconds until start has mended it: as the tests measure it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from container_magics.engine.client import Engine
from tests.bench.turns import Row

TESTS = "tests/engine/test_class_faults.py"


def rows(engine: Engine, _repeats: int) -> list[Row]:
    """A line for each fault that was mended, in the tests' order; one for those that were not."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        found = Path(folder) / "table"
        environment = os.environ | {
            "CONTAINER_MAGICS_FAULT_TABLE": str(found), "DOCKER_HOST": engine.endpoint.url,
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS],
            env=environment, check=False, stdout=sys.stderr,
        )  # fmt: skip
        lines = [json.loads(line) for line in found.read_text().splitlines()]
    mended = [
        Row(f"a class of three: {line['what']}", f"{line['seconds']:.1f} s", "", "",
            "every box and every file is there", met=True)
        for line in lines
    ]  # fmt: skip
    failed = Row("… the tests of the other faults", "failed", "", "", "see their words", met=False)
    return [*mended, failed] if done.returncode else mended
