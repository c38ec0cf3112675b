"""The kernels that an image has: its kernelspecs, read without starting anything."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from container_magics.core.dialects import language_run_by
from container_magics.core.spec import ContainerSpec
from container_magics.engine import images, programs, run
from container_magics.engine.client import Engine
from container_magics.engine.files import folder_coming, is_folder
from container_magics.engine.ownership import owner
from container_magics.errors import ImageNotFound, NotFound, UsageError

SHARE = "share/jupyter/kernels"
LIMIT_BYTES = 32 * 1024 * 1024
"""How much is read of one folder of kernelspecs: they are a few files each."""
# Where Python and Jupyter are put in images that do not say so by PATH.
USUAL = (
    "/usr/local", "/usr", "/opt/conda", "/opt/venv", "/opt/jupyter", "/opt/mamba",
    "/opt/miniconda3", "/opt/miniforge3", "/opt/anaconda3", "/venv",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageKernel:
    """One kernelspec in an image: its ``folder`` there, its kernel.json as read, and its other
    files by name (logos, kernel.js)."""

    name: str
    folder: str
    spec: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def looked_at(engine: Engine, image: str) -> Iterator[str]:
    """The ID of a container of the image that is never started, and removed in the end.
    ImageNotFound when the image is not here."""
    images.inspect(engine, image)
    # an image without a command is made into no container, so it gets one that is never run
    spec = ContainerSpec(image, command=("/",), name=run.generated_name(), network="none")
    created = run.create(engine, spec, owner().labels("look"), auto_remove=False)
    try:
        yield created.container_id
    finally:
        run.remove(engine, created.container_id)


def language(engine: Engine, image: str) -> str:
    """What cells in this image are, by the command that it runs; "" for a shell's, and where the
    image is not here."""
    try:
        config = images.inspect(engine, image)["Config"] or {}
    except ImageNotFound:
        return ""
    return language_run_by(config.get("Cmd") or config.get("Entrypoint") or ())


def kernels(engine: Engine, image: str) -> list[ImageKernel]:
    """Every kernelspec in the image, those first that its own PATH finds first; of two with one
    name the first. UsageError when there is none, ImageNotFound."""
    found: dict[str, ImageKernel] = {}
    config = images.inspect(engine, image)["Config"] or {}
    with looked_at(engine, image) as container:
        for place in places(config):
            for kernel in _in_folder(engine, container, place):
                found.setdefault(kernel.name, kernel)
    if not found:
        raise UsageError(
            f"There is no Jupyter kernel in {image}.",
            hint="Put one in, such as with `RUN pip install ipykernel` or Debian's package "
            "python3-ipykernel; or use the shell in it: container-magics kernel install --image "
            f"{image}",
        )
    return list(found.values())


def places(config: dict[str, Any]) -> list[str]:
    """Folders that may have kernelspecs, by an image's settings, in Jupyter's own order."""
    environment = config.get("Env") or ()
    values = dict(entry.split("=", 1) for entry in environment if "=" in entry)
    home = values.get("HOME") or "/root"
    paths = [f"{path}/kernels" for path in values.get("JUPYTER_PATH", "").split(":") if path]
    named = [values[name] for name in ("VIRTUAL_ENV", "CONDA_DIR") if values.get(name)]
    by_path = [
        posixpath.dirname(folder.rstrip("/")) for folder in programs.search_path(environment)
    ]
    roots = [*named, *by_path, *USUAL]
    found = [
        *paths,
        f"{home}/.local/{SHARE}",
        *(posixpath.join("/", root, SHARE) for root in roots),
    ]
    return list(dict.fromkeys(posixpath.normpath(folder) for folder in found))


def _in_folder(engine: Engine, container: str, place: str) -> Iterator[ImageKernel]:
    if not is_folder(engine, container, place):
        return
    files: dict[str, dict[str, bytes]] = {}
    try:
        for path, content in _read(engine, container, place).items():
            name, _, rest = path.partition("/")
            if rest and "/" not in rest:
                files.setdefault(name, {})[rest] = content
    except NotFound:
        return
    for name, own in sorted(files.items()):
        spec = _spec(own.pop("kernel.json", b""))
        if spec:
            yield ImageKernel(name.lower(), posixpath.join(place, name), spec, own)


def _read(engine: Engine, container: str, place: str) -> dict[str, bytes]:
    story = folder_coming(engine, container, place, limit_bytes=LIMIT_BYTES)
    while True:
        try:
            next(story)
        except StopIteration as end:
            content: dict[str, bytes] = end.value
            return content


def _spec(content: bytes) -> dict[str, Any]:
    """A kernel.json as read; empty for what is none."""
    try:
        spec = json.loads(content)
    except ValueError:
        return {}
    usable = isinstance(spec, dict) and isinstance(spec.get("argv"), list) and spec["argv"]
    return spec if usable else {}
