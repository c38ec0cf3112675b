"""Whether two containers were asked for in the same words: a spec as one short text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from container_magics.core.spec import ContainerSpec
from container_magics.core.transfer import Put


def fingerprint(
    spec: ContainerSpec,
    image_id: str,
    binds: Sequence[str],
    *,
    auto_remove: bool,
    put: Sequence[Put] = (),
) -> str:
    """Equal for specs that mean the same container, of the same image: 64 hexadecimal figures.

    ``image_id`` stands for the image's name, which may name another image tomorrow, and
    ``binds`` (full paths) for the mounts, which may be written from where one stands. Of what
    is ``put`` in, values count by their content, and files of this machine by their path.
    """
    rest = replace(spec, image="", mounts=())
    parts = (image_id, tuple(binds), rest, auto_remove, tuple(put))
    # all of these are frozen values of plain ones: their repr says everything and nothing else
    return hashlib.sha256(repr(parts).encode()).hexdigest()
