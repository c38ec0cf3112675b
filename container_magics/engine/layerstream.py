"""What an engine says while layers come from a registry, or go to one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from container_magics.core.events import PullProgress
from container_magics.core.terminal import plain
from container_magics.engine.jsonlines import Message
from container_magics.errors import EngineRefused

# Docker says it in "aux", too; Podman 4.3 in this line alone
PUSHED = re.compile(r"[\w.-]+: digest: (sha256:[0-9a-f]{64}) size: \d+")


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
        elif found := PUSHED.fullmatch(str(line.get("status", ""))):
            aux.append({"Digest": found[1]})
        # a line with an ID and without the detail is about a tag
        if "id" in line and "progressDetail" in line:
            detail = line["progressDetail"] or {}
            yield PullProgress(
                line["id"], line["status"], detail.get("current"), detail.get("total")
            )
