"""Kernelspecs of ours: written, listed and removed by Jupyter's own manager of them."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

from container_magics.core.kernelconfig import PROVISIONER
from container_magics.engine.imagekernels import ImageKernel
from container_magics.engine.installation import shared
from container_magics.engine.jsonfile import read_object
from container_magics.errors import NotFound, UsageError

MARK = "container_magics"
"""The key in a kernelspec's metadata by which ours are known: kind, image."""
SHELL, PROVISIONED, LAUNCHED, PYTHON = "shell", "provisioned", "launched", "python"
SHIPPED = ("container", "container-magics")
"""Kernelspecs that came with the wheel, and go with it."""
LOGOS = Path(__file__).parent / "kernelspec"
SHARED = "share/jupyter/kernels/container-magics"
VALID = re.compile(r"[a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Kernelspec:
    """One to be written: its name, its kernel.json and its other files."""

    name: str
    spec: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Installed:
    """One of ours that Jupyter finds. ``kind`` is "shell", "provisioned", "launched" or
    "python"; ``image`` is "" for the last."""

    name: str
    kind: str
    image: str
    display_name: str
    folder: str


def slug(image: str) -> str:
    """A kernelspec's name from an image's: "python:3.12" gives "python-3.12"."""
    last = image.rpartition("/")[2].partition("@")[0].lower()
    return re.sub(r"[^a-z0-9._-]+", "-", last).strip("-.") or "container"


def shell(
    image: str, flags: tuple[str, ...], *, name: str = "", display: str = "", language: str = ""
) -> Kernelspec:
    """The shell kernel (container_magics.kernel) for an image."""
    words = (*(("--language", language) if language else ()), *flags, image)
    spec = {
        "argv": [
            sys.executable, "-m", "container_magics.kernel", "-f", "{connection_file}", "--", *words
        ],
        "display_name": display or f"Container ({image})",
        "language": language or "bash",
        "interrupt_mode": "signal",
        "metadata": {MARK: {"kind": SHELL, "image": image}},
    }  # fmt: skip
    return Kernelspec(name or f"container-{slug(image)}", spec)


def from_image(
    kernel: ImageKernel,
    image: str,
    flags: tuple[str, ...],
    *,
    prefix: str = "",
    display: str = "",
    config: Mapping[str, Any] | None = None,
    launcher: bool = False,
) -> Kernelspec:
    """A kernel that an image has, in a container: by the provisioner, or with ``launcher`` as a
    plain command. ``config`` is more for the provisioner."""
    inner = kernel.spec
    argv = [str(word).replace("{resource_dir}", kernel.folder) for word in inner["argv"]]
    spec = {name: value for name, value in inner.items() if name != "metadata"}
    spec["display_name"] = display or f"{inner.get('display_name', kernel.name)} in {image}"
    metadata = {**(inner.get("metadata") or {})}
    metadata.pop("kernel_provisioner", None)
    metadata[MARK] = {"kind": LAUNCHED if launcher else PROVISIONED, "image": image}
    if launcher:
        own = [f"--env={key}={value}" for key, value in spec.pop("env", {}).items()]
        start = [sys.executable, "-m", "container_magics.launch", "-f", "{connection_file}"]
        argv = [*start, *_launch_words(config or {}), *own, *flags, image, "--", *argv]
    else:
        settings = {"image": image, **({"flags": list(flags)} if flags else {}), **(config or {})}
        metadata["kernel_provisioner"] = {"provisioner_name": PROVISIONER, "config": settings}
    name = f"{prefix or slug(image)}-{kernel.name}"
    return Kernelspec(name, {**spec, "argv": argv, "metadata": metadata}, kernel.files)


def _launch_words(config: Mapping[str, Any]) -> Iterator[str]:
    for key, flag in (("mount", "--mount"), ("user", "--user-ids")):
        if config.get(key):
            yield from (flag, str(config[key]))
    for name in config.get("environment", ()):
        yield from ("--pass", name)


def install(kernelspec: Kernelspec, *, prefix: str = "") -> str:
    """Write one where Jupyter finds it: this user's, or under ``prefix``. Returns its folder.

    UsageError for a name that Jupyter cannot take, or that one which is not ours has.
    """
    name = kernelspec.name
    if not VALID.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a kernel.", hint="Use a to z, 0 to 9, and - . _ between them."
        )
    manager = KernelSpecManager()
    folder = manager.find_kernel_specs().get(name)
    if folder and not _is_ours(folder):
        raise UsageError(
            f"Jupyter has a kernel {name} already, which is not ours.",
            hint="Choose another --name.",
        )
    with tempfile.TemporaryDirectory(prefix="cm-kernelspec-") as made:
        written = Path(made)
        (written / "kernel.json").write_text(json.dumps(kernelspec.spec, indent=1), "utf-8")
        for file, content in {**_logos(kernelspec.files), **kernelspec.files}.items():
            (written / file).write_bytes(content)
        try:
            return str(
                manager.install_kernel_spec(made, name, user=not prefix, prefix=prefix or None)
            )
        except OSError as error:
            raise UsageError(
                f"The kernelspec {name} cannot be written.", facts=(str(error),)
            ) from error


def _logos(own: Mapping[str, bytes]) -> dict[str, bytes]:
    """Ours, for a kernel that has none."""
    if any(name.startswith("logo") for name in own):
        return {}
    return {path.name: path.read_bytes() for path in _logo_folder().glob("logo-*")}


def _logo_folder() -> Path:
    return LOGOS if LOGOS.is_dir() else shared(SHARED) or LOGOS


def installed() -> list[Installed]:
    """Ours that Jupyter finds, by name."""
    found = KernelSpecManager().find_kernel_specs()
    ours = [(name, folder, _read(folder)) for name, folder in sorted(found.items())]
    return [
        Installed(
            name,
            str(spec["metadata"][MARK].get("kind", "")),
            str(spec["metadata"][MARK].get("image", "")),
            str(spec.get("display_name", name)),
            folder,
        )
        for name, folder, spec in ours
        if _mark(spec)
    ]


def remove(name: str) -> str:
    """Remove one of ours. Returns the folder that it had. NotFound, and UsageError for one that is
    not ours or came with the wheel."""
    manager = KernelSpecManager()
    name = name.lower()
    folder = manager.find_kernel_specs().get(name)
    if folder is None:
        raise NotFound(f"There is no kernel {name}.", hint="`container-magics kernel list`.")
    if not _is_ours(folder):
        raise UsageError(
            f"The kernel {name} is not ours.", hint=f"jupyter kernelspec remove {name}"
        )
    if name in SHIPPED:
        raise UsageError(
            f"The kernel {name} came with the package.", hint="It goes when that is uninstalled."
        )
    try:
        return str(manager.remove_kernel_spec(name))
    except (OSError, KeyError, NoSuchKernel) as error:
        raise UsageError(f"The kernel {name} cannot be removed.", facts=(str(error),)) from error


def _read(folder: str) -> dict[str, Any]:
    """A folder's kernel.json; empty for what is none."""
    return read_object(Path(folder) / "kernel.json")


def _mark(spec: Mapping[str, Any]) -> bool:
    metadata = spec.get("metadata")
    return isinstance(metadata, dict) and isinstance(metadata.get(MARK), dict)


def _is_ours(folder: str) -> bool:
    return _mark(_read(folder))
