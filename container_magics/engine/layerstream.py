"""What an engine says while layers come from a registry, or go to one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from container_magics.core.events import PullProgress
from container_magics.core.terminal import plain
from container_magics.engine.jsonlines import Message
from container_magics.errors import EngineRefused


def progress(lines: Iterable[Message], aux: list[Message]) -> Iterator[PullProgress]:
    """The stream of a pull or push (API, "Create an image", "Push an image") as events.

    What it says beside of the work, such as a digest, is put into ``aux``. Raises EngineRefused.
    """
    for line in lines:
        if "error" in line:
            # a stream that has begun cannot change its HTTP status any more
            raise EngineRefused(plain(str(line["error"])), status=500)
        if isinstance(line.get("aux"), dict):
            aux.append(line["aux"])
        # a line with an ID and without the detail is about a tag
        if "id" in line and "progressDetail" in line:
            detail = line["progressDetail"] or {}
            yield PullProgress(
                line["id"], line["status"], detail.get("current"), detail.get("total")
            )
