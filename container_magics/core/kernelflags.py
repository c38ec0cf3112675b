"""What a kernelspec asks of the container kernel: an image, a language, docker run's flags."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from container_magics.core.dialects import LANGUAGES
from container_magics.core.flags import parse_run
from container_magics.core.spec import CellOptions, ContainerSpec
from container_magics.errors import UsageError

IMAGE = "container-magics/base:bookworm"
LANGUAGE = "--language"


@dataclass(frozen=True, slots=True)
class KernelRequest:
    """The container for the cells, and the program in it; "" for the best shell it has."""

    spec: ContainerSpec
    language: str = ""


def parse_kernel(words: Sequence[str] | str) -> KernelRequest:
    """Read ``[--language L] [docker run's flags] IMAGE``; the course's base without an image.

    UsageError for a flag that is none, and for one that belongs to a cell alone.
    """
    given = shlex.split(words) if isinstance(words, str) else list(words)
    language = ""
    while given and given[0].partition("=")[0] == LANGUAGE:
        _, equals, language = given.pop(0).partition("=")
        if not equals:
            language = given.pop(0) if given else ""
    if language and language not in LANGUAGES:
        raise UsageError(
            f"{LANGUAGE} does not know {language!r}.", hint=f"It knows {', '.join(LANGUAGES)}."
        )
    request = parse_run(shlex.join(given or [IMAGE]))
    options = request.options
    if options != CellOptions():
        raise UsageError(
            "A kernel takes the flags of docker run alone, and not those of a cell.",
            hint="Leave out -d, --rm, --in and what else goes with a cell.",
        )
    return KernelRequest(request.spec, language)
