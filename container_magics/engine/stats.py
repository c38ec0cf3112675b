"""What containers use, sampled all at once from the engine's streams of statistics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Any

from container_magics.core.usage import Frame, Usage, usage
from container_magics.engine import run
from container_magics.engine.client import Engine, told
from container_magics.engine.containers import is_spare
from container_magics.engine.logs import opened
from container_magics.errors import NotFound

NOT_READ = "0001-"
"""How the time of a frame begins that the engine could not fill: its container has ended."""


def stats(engine: Engine, names: Sequence[str] = ()) -> list[Usage]:
    """What each of ``names`` uses, in that order; without names each that runs, newest first.

    A thread reads two frames of each container's own stream, so that many take as long as one:
    a second or two. One that ends meanwhile is left out. NotFound for a name that there is
    not, Conflict for one that does not run.
    """
    found = [run.running(engine, name) for name in names] if names else all_running(engine)
    if not found:
        return []
    with ThreadPoolExecutor(len(found), "container-magics stats") as threads:
        sampled = list(threads.map(partial(sample, engine), found))
    return [each for each in sampled if each]


def all_running(engine: Engine) -> list[tuple[str, str]]:
    """(ID, name) of each container that runs, without those that only wait for a cell."""
    summaries = run.containers(engine, everything=False)
    used = [each for each in summaries if not is_spare(each)]
    return [(each["Id"], (each["Names"] or [each["Id"][:12]])[0].lstrip("/")) for each in used]


def sample(engine: Engine, container: tuple[str, str]) -> Usage | None:
    """Two frames of one container; None when it has ended before the second."""
    container_id, name = container
    try:
        frames = two_frames(engine, container_id)
    except NotFound:
        return None
    whole = len(frames) == 2 and not str(frames[1].get("read", "")).startswith(NOT_READ)
    return usage(name, frames[0], frames[1]) if whole else None


def two_frames(engine: Engine, container_id: str) -> list[Frame]:
    """The first two frames of the stream, a second apart; fewer when it ends before."""
    path = f"/containers/{container_id}/stats"
    with closing(opened(engine, path, {"stream": 1})) as response, told():
        lines: Any = response.iter_lines(None)
        return [json.loads(line) for line in islice(lines, 2)]
