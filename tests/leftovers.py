"""What is on an engine and on the machine, so that a test run can prove that it left nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import docker
import psutil
from kernelimage import IMAGE as KERNEL_IMAGE

from container_magics.engine import qemu
from container_magics.engine.base import BASE, UPSTREAM_REPOSITORY, UPSTREAM_TAG
from container_magics.practice import boxspec

# Every label of ours starts so (core: labels).
OURS = "container-magics."
# What stays for the next run: the base image, what it is made from, the practice box's image, and
# the tests' own image with a kernel.
KEPT = {BASE, f"{UPSTREAM_REPOSITORY}:{UPSTREAM_TAG}", boxspec.IMAGE, KERNEL_IMAGE}
# The environment variable by which a run's processes are known: all that it starts inherit it.
RUN = "CONTAINER_MAGICS_TEST_RUN"
STRAYS_S = 20.0


@dataclass(frozen=True)
class Inventory:
    """Names of what is there; each name says enough to be found again."""

    containers: frozenset[str]
    networks: frozenset[str]
    volumes: frozenset[str]
    images: frozenset[str] = frozenset()
    processes: frozenset[str] = frozenset()
    machines: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()


def take_inventory(api: docker.APIClient, *, whole_machine: bool = False) -> Inventory:
    """What carries our label; with ``whole_machine`` everything on the engine, and this
    machine's processes of the tests and our temporary files too. Virtual machines count always."""

    def counted(labels: dict[str, str] | None) -> bool:
        return whole_machine or any(label.startswith(OURS) for label in labels or {})

    # one without any name is gone: the engine has forgotten to take it off its list
    containers = [c for c in api.containers(all=True) if c["Names"] and counted(c["Labels"])]
    volumes = api.volumes()["Volumes"] or []
    images = [image for image in api.images() if counted(image["Labels"])]
    return Inventory(
        frozenset(f"{[*c['Names'], '?'][0]} of {c['Image']}, {c['Id'][:12]}" for c in containers),
        frozenset(n["Name"] for n in api.networks() if counted(n["Labels"])),
        frozenset(v["Name"] for v in volumes if counted(v["Labels"])),
        frozenset(name for image in images for name in image_names(image)),
        frozenset(_processes()) if whole_machine else frozenset(),
        frozenset(f"{pid} {qemu.guest_name()}" for pid in machines()),
        frozenset(_files()) if whole_machine else frozenset(),
    )


def image_names(image: dict[str, Any]) -> Iterator[str]:
    """An image's names but those that are kept. One without a name has its ID, if it is ours: a
    build or commit that took the name away from it has left it. The practice box's was made by an
    earlier recipe."""
    tags = {tag for tag in image["RepoTags"] or () if tag != "<none>:<none>"}
    yield from sorted(tags - KEPT)
    labels = image["Labels"] or {}
    ours = any(label.startswith(OURS) for label in labels)
    if not tags and ours and boxspec.RECIPE not in labels:
        yield image["Id"]


def left_over(before: Inventory, after: Inventory) -> list[str]:
    """A line for each thing that is there after and was not before; empty is what a run owes."""
    return [
        f"{field.name}: {name}"
        for field in fields(Inventory)
        for name in sorted(getattr(after, field.name) - getattr(before, field.name))
    ]


def of_this_run() -> Iterator[psutil.Process]:
    """The processes that a run of the tests has started and that live, the run's own among them."""
    mine = os.environ[RUN]
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and process.environ().get(RUN) == mine:
                yield process


def end_processes() -> None:
    """End what a run has started and left: what was cut off had no time to stop its engines."""
    strays = [each for each in of_this_run() if each.pid != os.getpid()]
    for process in strays:
        with suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(strays, timeout=STRAYS_S)[1]:
        with suppress(psutil.Error):
            process.kill()


def _processes() -> list[str]:
    lines = []
    for process in of_this_run():
        with suppress(psutil.Error):
            lines.append(f"{process.pid} {' '.join(process.cmdline())[:160]}")
    return lines


def machines() -> list[int]:
    """The process numbers of the virtual machines of this state folder: one that stays costs a
    quarter of a GB."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "status"])
        if qemu.guest_name() in (process.info["cmdline"] or ())
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def _files() -> list[str]:
    folder = Path(tempfile.gettempdir())
    return [
        str(path)
        for path in folder.iterdir()
        if path.name.startswith(("container-magics", "mmdebstrap.", "containerd.", "cm-"))
    ]
