"""The View model as TypeScript: ``python -m container_magics.view.typescript`` writes view.ts.

It goes to standard output; ``make view-ts`` puts it into ``labextension/src/view.ts``.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from container_magics.view import model
from container_magics.view.bundle import KINDS, MIME

HEADING = """\
// Generated from container_magics/view/model.py by `make view-ts`. Do not edit.
// Every field is there: to_json in container_magics/view/bundle.py writes them all.
"""
NAMES = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


def typescript() -> str:
    """The whole of view.ts: an interface for each class, in the order of model.py."""
    interfaces = [_interface(part) for part in vars(model).values() if _is_part(part)]
    union = "export type View = " + " | ".join(kind.__name__ for kind in KINDS.values()) + ";\n"
    mime = f'export const MIME = "{MIME}";\n'
    return "\n".join([HEADING, mime, *interfaces, union])


def _is_part(part: object) -> bool:
    return isinstance(part, type) and is_dataclass(part)


def _interface(part: type[Any]) -> str:
    kind = part.__name__.lower()
    lines = [f'  readonly kind: "{kind}";'] if kind in KINDS else []
    hints = get_type_hints(part)
    lines += [f"  readonly {field.name}: {_type(hints[field.name])};" for field in fields(part)]
    words = " ".join(inspect.cleandoc(part.__doc__ or "").split())
    return f"/** {words} */\nexport interface {part.__name__} {{\n" + "\n".join(lines) + "\n}\n"


def _type(kind: Any) -> str:
    """A type of model.py in TypeScript; TypeError for one that it has no rule for."""
    if kind in NAMES:
        return NAMES[kind]
    if kind == model.View:
        return "View"
    if isinstance(kind, type) and is_dataclass(kind):
        return kind.__name__
    if get_origin(kind) is tuple:
        return f"ReadonlyArray<{_type(get_args(kind)[0])}>"
    if get_origin(kind) is Literal:
        return " | ".join(f'"{word}"' for word in get_args(kind))
    if isinstance(kind, UnionType):
        return " | ".join(_type(part) for part in get_args(kind))
    raise TypeError(f"no TypeScript for {kind!r}")


if __name__ == "__main__":
    sys.stdout.write(typescript())
