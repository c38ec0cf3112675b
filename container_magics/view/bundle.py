"""A View as a MIME bundle, and as JSON there and back."""

from __future__ import annotations

import math
from dataclasses import MISSING, Field, fields, is_dataclass
from types import UnionType
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from container_magics.view import model
from container_magics.view.html import html
from container_magics.view.model import Node, View
from container_magics.view.plain import clipped, plain

MIME = "application/vnd.container-magics.v1+json"
KINDS: dict[str, type[Any]] = {kind.__name__.lower(): kind for kind in get_args(View)}
DEEPEST = 100


def bundle(view: View) -> dict[str, object]:
    """The three saved doors of one view. The same view gives the same bundle, byte for byte."""
    return {"text/plain": plain(view), "text/html": html(view), MIME: to_json(view)}


def to_json(view: View) -> dict[str, object]:
    """The view as JSON values: every field, in the order of the model.

    A View has its class's name in lower case under "kind" ("table"); parts that can be of one
    kind only (Column, Node, Step, StackRow) have none. Halves of a character become U+FFFD,
    for they cannot be sent. All else stays as it is, also what may be hostile: each door
    makes it harmless in its own way.
    """
    return cast("dict[str, object]", _encode(view, 0))


def from_json(data: object) -> View:
    """The view that ``to_json`` wrote.

    Raises ValueError, with the place and what was expected, for anything else: an unknown
    kind or field, a missing one without a default, a wrong type, rows of a wrong length.
    """
    return _decode_view(data, "view", 0)


def _encode(value: Any, depth: int) -> object:
    """``depth`` counts the nodes around this value."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, tuple):
        return [_encode(item, depth) for item in value]
    if not is_dataclass(value):
        return value
    if isinstance(value, Node):
        value, depth = clipped(value, depth), depth + 1
    kind = type(value).__name__.lower()
    named = {"kind": kind} if kind in KINDS else {}
    return named | {
        field.name: _encode(getattr(value, field.name), depth) for field in fields(value)
    }


def _decode(value: object, kind: Any, where: str, depth: int) -> Any:
    """``value`` as a field of type ``kind``, one of those that view/model.py uses."""
    if depth > DEEPEST:
        raise ValueError(f"{where}: nested too deep")
    if isinstance(kind, UnionType):
        if type(None) not in get_args(kind):
            return _decode_view(value, where, depth)
        return None if value is None else _decode(value, get_args(kind)[0], where, depth)
    if get_origin(kind) is tuple:
        return _decode_tuple(value, get_args(kind)[0], where, depth)
    if is_dataclass(kind):
        return _decode_part(value, cast("type[Any]", kind), where, depth)
    return _decode_plain(value, kind, where)


def _decode_plain(value: object, kind: Any, where: str) -> object:
    if get_origin(kind) is Literal:
        if value not in get_args(kind) or not isinstance(value, str):
            raise _unexpected(where, f"one of {get_args(kind)}", value)
        return value
    if kind is float and type(value) in (int, float) and math.isfinite(cast("float", value)):
        return float(cast("float", value))
    if type(value) is not kind or kind is float:
        raise _unexpected(where, f"{kind.__name__}", value)
    return value


def _decode_tuple(value: object, kind: Any, where: str, depth: int) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _unexpected(where, "a list", value)
    return tuple(
        _decode(item, kind, f"{where}[{number}]", depth + 1) for number, item in enumerate(value)
    )


def _decode_view(value: object, where: str, depth: int) -> View:
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise _unexpected(where, "an object with a kind", value)
    name = value["kind"]
    if name not in KINDS:
        raise ValueError(f"{where}: unknown kind {name!r:.60}")
    rest = {key: item for key, item in value.items() if key != "kind"}
    view = _decode_part(rest, KINDS[name], where, depth)
    if isinstance(view, model.Table):
        _check_rows(view, where)
    return cast("View", view)


def _check_rows(table: model.Table, where: str) -> None:
    for number, row in enumerate(table.rows):
        if len(row) != len(table.columns):
            raise ValueError(
                f"{where}.rows[{number}]: {len(row)} cells under {len(table.columns)} columns"
            )


def _decode_part(value: object, kind: type[Any], where: str, depth: int) -> Any:
    if not isinstance(value, dict):
        raise _unexpected(where, "an object", value)
    known = {field.name: field for field in fields(kind)}
    if unknown := set(value) - set(known):
        raise ValueError(f"{where}: unknown {', '.join(sorted(map(repr, unknown)))}")
    if missing := [name for name in known if name not in value and _is_needed(known[name])]:
        raise ValueError(f"{where}: {', '.join(missing)} missing")
    hints = get_type_hints(kind)
    return kind(
        **{
            name: _decode(item, hints[name], f"{where}.{name}", depth)
            for name, item in value.items()
        }
    )


def _is_needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _unexpected(where: str, expected: str, value: object) -> ValueError:
    return ValueError(f"{where}: expected {expected}, not {value!r:.60}")
