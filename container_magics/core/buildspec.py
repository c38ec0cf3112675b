"""BuildSpec: what a %%image cell asks for, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret by reference: its value is read when a build asks, and is kept nowhere.

    ``name`` is what ``RUN --mount=type=secret,id=`` says; ``where`` is a file's path or an
    environment variable's name.
    """

    name: str
    source: Literal["file", "env"]
    where: str


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """An image to build. Empty means: as the Dockerfile says, or as the engine chooses.

    ``tag`` is a whole reference ("demo:latest"). The context is ``context_dir`` (a folder of
    this machine, None for none) with ``files`` and ``added`` over it: (path in the context, a file
    of this machine) and (path in the context, content). Nothing else of this machine is sent.
    ``target`` is the stage to build, "" for the last one.
    ``platforms`` are "OS/ARCHITECTURE[/VARIANT]". ``cache_from`` and ``cache_to`` are an image's
    name, or "type=KIND,..." as docker buildx has them.
    """

    dockerfile: str
    tag: str
    context_dir: str | None = None
    files: tuple[tuple[str, str], ...] = ()
    added: tuple[tuple[str, bytes], ...] = ()
    build_args: tuple[tuple[str, str], ...] = ()
    target: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    no_cache: bool = False
    pull: bool = False
    network: str = ""
    secrets: tuple[SecretRef, ...] = ()
    platforms: tuple[str, ...] = ()
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()

    @property
    def buildx_flag(self) -> str:
        """The first flag that POST /build has no parameter for, and docker buildx has; else ""."""
        if len(self.platforms) > 1:
            return f"--platform {','.join(self.platforms)}"
        if self.cache_to:
            return f"--cache-to {self.cache_to[0]}"
        return next((f"--cache-from {one}" for one in self.cache_from if "=" in one), "")

    @property
    def has_context(self) -> bool:
        """Whether a COPY from the context can find anything at all."""
        return self.context_dir is not None or bool(self.files or self.added)
