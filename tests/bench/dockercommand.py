"""The docker command that we are measured against, and what of it and of us must not stay."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from docker.errors import APIError, NotFound

from container_magics.engine.client import Engine

LABEL = f"container-magics.bench={os.getpid()}"
"""On every container and image that the benchmarks make by themselves."""


def program() -> str:
    """The system's docker command; where the system has none, the one on the path."""
    found = shutil.which("docker", path="/usr/bin") or shutil.which("docker")
    if found is None:
        raise RuntimeError("There is no docker command to compare with: apt install docker.io.")
    return found


def timed(engine: Engine, *arguments: str, out: int = subprocess.PIPE, **more: str) -> float:
    """The seconds that the docker command takes on ``engine``, its start included, with ``more``
    in its environment; what it writes goes to the file ``out``, or is dropped."""
    where = {**os.environ, "DOCKER_HOST": engine.endpoint.url, **more}
    command = [program(), *arguments]
    start = time.perf_counter()
    subprocess.run(
        command, check=True, env=where,
        stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE,
    )  # fmt: skip
    return time.perf_counter() - start


def first_byte_and_end(engine: Engine, *arguments: str) -> tuple[float, float]:
    """The seconds until the docker command writes, and until it has ended."""
    where = {**os.environ, "DOCKER_HOST": engine.endpoint.url}
    command = [program(), *arguments]
    start = time.perf_counter()
    with subprocess.Popen(
        command, env=where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        running.stdout.read(1)
        first_s = time.perf_counter() - start
        running.stdout.read()
    if running.returncode:
        raise RuntimeError(f"{command} ended with {running.returncode}")
    return first_s, time.perf_counter() - start


def version() -> str:
    """The command's path and version: "/usr/bin/docker 20.10.24"."""
    asked = [program(), "version", "--format", "{{.Client.Version}}"]
    found = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    return f"{program()} {found}"


@contextmanager
def swept(engine: Engine) -> Iterator[None]:
    """Remove in the end, also after ^C, every container and image that carries LABEL."""
    try:
        yield
    finally:
        ours = {"label": LABEL}
        for container in engine.api.containers(all=True, filters=ours):
            engine.api.remove_container(container["Id"], force=True, v=True)
        while images := engine.api.images(all=True, filters=ours):
            removed = [_removed(engine, image["Id"]) for image in images]
            if not any(removed):
                raise RuntimeError(f"{len(images)} images of the benchmarks cannot be removed")


def _removed(engine: Engine, image_id: str) -> bool:
    """Whether an image is gone now, by us or with another one; not so while others are made from
    it, which the engine lists in no order that one could rely on."""
    try:
        engine.api.remove_image(image_id, force=True)
    except NotFound:
        return True
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise
        return False
    return True
