"""An image with Debian's own ipykernel in it, made once for each engine and kept."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from container_magics.engine.statedir import state_dir

DOCKERFILE = f"""FROM {BASE}
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends python3-ipykernel \
    && apt-get clean && useradd --create-home --uid 1234 student
ENV FROM_THE_IMAGE=yes
"""
IMAGE = f"container-magics/test-kernel:{hashlib.sha256(DOCKERFILE.encode()).hexdigest()[:8]}"

COURSE_IMAGE = ("course/python-kernel", "1")
"""How notebook 11 has its reader name such an image."""
COURSE_KERNEL = "course"


def install_course_kernel(engine: Engine, prefix: Path) -> None:
    """What notebook 11 asks of its reader: the image, and its kernel, registered under ``prefix``;
    Jupyter is told of that by JUPYTER_PATH."""
    engine.api.tag(ensure_kernel_image(engine), *COURSE_IMAGE)
    command = Path(sys.executable).parent / "container-magics"
    words = ("--from-image", ":".join(COURSE_IMAGE), "--name", COURSE_KERNEL, "--prefix", prefix)
    subprocess.run([command, "kernel", "install", *words], check=True, stdout=subprocess.DEVNULL)
    os.environ["JUPYTER_PATH"] = str(prefix / "share" / "jupyter")


def ensure_kernel_image(engine: Engine) -> str:
    """Its name; made now if it is not on this engine. One process at a time makes it."""
    folder = state_dir(os.environ)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "kernelimage.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not engine.api.images(IMAGE):
            said = engine.api.build(
                fileobj=io.BytesIO(DOCKERFILE.encode()), tag=IMAGE, forcerm=True, decode=True
            )
            lines = [str(line.get("stream") or line.get("error") or "") for line in said]
            assert engine.api.images(IMAGE), "".join(lines[-20:])
    return IMAGE
