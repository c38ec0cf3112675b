"""A container and an image whose every text is hostile, for one test."""

from __future__ import annotations

import io
import tarfile
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress

import docker
import pytest
from hostile import payloads

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine

KERNEL = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
LAST = "the last line of all"
FILE = "/payloads"
REMOVAL_S = 30


@pytest.fixture
def hostile(engine: Engine, base: str) -> Iterator[str]:
    """A container that is named ``hostile-…``, and an image of that name made from it; labels,
    log, command, environment, files and the image's comment are payloads."""
    name, texts = f"hostile-{uuid.uuid4().hex[:8]}", payloads()
    labels = {f"{at} {text}": text for at, text in enumerate(texts)}
    made = engine.api.create_container(
        BASE,
        ["sh", "-c", f"cat {FILE}; sleep 600", texts[0]],
        name=name,
        labels=labels,
        environment={f"E{at}": text for at, text in enumerate(texts)},
        hostname="hostile",
    )
    engine.api.put_archive(made["Id"], "/", archive(texts))
    engine.api.start(made["Id"])
    engine.api.commit(name, repository=name, message=texts[1], author=texts[2])
    yield name
    remove(engine.api, name)


def remove(api: docker.APIClient, name: str) -> None:
    """Take the container and the image away. Of the image another may wait for a next cell, or be
    just made: by force the image would lose its name alone, and stay."""
    with suppress(docker.errors.NotFound):
        api.remove_container(name, force=True)
    limit_s = time.monotonic() + REMOVAL_S
    while True:
        for each in api.containers(all=True, filters={"ancestor": name}):
            with suppress(docker.errors.APIError):  # it is gone, or being removed
                api.remove_container(each["Id"], force=True)
        try:
            api.remove_image(name)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError:  # a container has it
            assert time.monotonic() < limit_s
            time.sleep(0.1)
        else:
            return


def archive(texts: list[str]) -> bytes:
    """A file with all payloads, and a file named by each (but for what no name can hold)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        whole = "\n".join([*texts, LAST, ""]).encode()
        for name, data in [(FILE, whole), *((text[:80], b"x") for text in texts)]:
            entry = tarfile.TarInfo("srv/" + name.replace("/", "∕") if name != FILE else FILE[1:])
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return packed.getvalue()
