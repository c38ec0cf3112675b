"""docker's ``inspect --format``, as far as it names facts: {{.State.Status}}, {{json .Config}}.

Of Go's templates that is what most people type; anything more is refused and not guessed.
IPython makes {x} of {{x}} in the line of a magic, so single braces mean the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from container_magics.errors import UsageError

PLACE = re.compile(r"\{\{(.*?)\}\}|\{(.*?)\}", re.DOTALL)
FACT = re.compile(r"\s*(json\s+)?(\.|(?:\.\w+)+)\s*\Z")


def filled(template: str, facts: Mapping[str, Any]) -> str:
    """The template with each {{.Path}} replaced by that fact: text as it is, anything else, and
    what stands behind ``json``, as JSON. UsageError for another thing in braces, and for a
    fact that there is not."""
    return PLACE.sub(lambda place: value(place[1] or place[2] or "", facts), template)


def value(place: str, facts: Mapping[str, Any]) -> str:
    """What stands in place of the braces."""
    match = FACT.match(place)
    if match is None:
        raise UsageError(
            f"--format: {{{{{place}}}}} is more than the name of a fact.",
            hint="Write {{.State.Status}} or {{json .Config}}.",
        )
    found: Any = facts
    for name in filter(None, match[2].split(".")):
        if not isinstance(found, Mapping) or name not in found:
            known = ", ".join(sorted(found)) if isinstance(found, Mapping) else ""
            raise UsageError(
                f"--format: there is no {match[2]}.", hint=f"There is: {known}." if known else ""
            )
        found = found[name]
    return found if isinstance(found, str) and not match[1] else json.dumps(found)
