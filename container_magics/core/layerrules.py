"""Rules that a tree is held against: our metrics, and dive's rules by dive's names."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import NamedTuple

from container_magics.core import units
from container_magics.core.layertree import LayerTree
from container_magics.core.layerwaste import dive
from container_magics.errors import UsageError

_RULE = re.compile(r"\s*(\w+)\s*(>=|<=|==|>|<|=)\s*(\d[^,]*?)\s*")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
METRICS: dict[str, Callable[[LayerTree], float]] = {
    "efficiency": lambda tree: tree.efficiency,
    "wasted_bytes": lambda tree: tree.hidden_bytes,
    "wasted_percent": lambda tree: 100 * (1 - tree.efficiency),
    "dive_score": lambda tree: dive(tree).score,
}
DIVE_RULES: dict[str, tuple[str, Callable[[LayerTree], float]]] = {
    "lowestEfficiency": (">=", lambda tree: dive(tree).score),
    "highestWastedBytes": ("<=", lambda tree: dive(tree).wasted_bytes),
    "highestUserWastedPercent": ("<=", lambda tree: dive(tree).user_wasted_percent / 100),
}
"""dive's rules (wagoodman/dive, `cmd/dive/cli/internal/command/ci/rules.go`), written as
"lowestEfficiency=0.95": strictly less (strictly more for the others) fails, the limit itself
holds. The percent is 0.0 to 1.0 there, as in a `.dive-ci`."""


class Verdict(NamedTuple):
    """One rule as it was written, what was measured, and whether it holds."""

    rule: str
    name: str
    value: float
    limit: float
    holds: bool
    sentence: str


def check(tree: LayerTree, rules: str) -> tuple[bool, str]:
    """Hold a tree against "efficiency>0.95", or several rules with commas between them.

    Answers whether all hold, and a sentence for each. Raises as ``verdicts``.
    """
    found = verdicts(tree, rules)
    return all(one.holds for one in found), " ".join(one.sentence for one in found)


def verdicts(tree: LayerTree, rules: str) -> tuple[Verdict, ...]:
    """Each rule's verdict, in the order written.

    The names are those of ``METRICS``, with a comparison, and of ``DIVE_RULES``, with "=" alone.
    Bytes may be written as 20MB. Raises UsageError for what cannot be read.
    """
    return tuple(_verdict(tree, read) for read in _read_all(rules))


def check_spelling(rules: str) -> None:
    """Raise UsageError for rules that cannot be read: before an image is, since that takes time."""
    _read_all(rules)


class _Rule(NamedTuple):
    text: str
    name: str
    sign: str
    limit: float
    limit_text: str


def _read_all(rules: str) -> list[_Rule]:
    return [_read(rule) for rule in rules.split(",")]


def _read(rule: str) -> _Rule:
    read = _RULE.fullmatch(rule)
    known = read is not None and (
        (read[1] in METRICS and read[2] != "=") or (read[1] in DIVE_RULES and read[2] == "=")
    )
    if read is None or not known:
        raise UsageError(
            f"{rule.strip()!r} is not a rule.",
            hint=f'Write "efficiency>0.95"; the names are {", ".join(METRICS)}. '
            f'dive\'s rules are written "lowestEfficiency=0.95": {", ".join(DIVE_RULES)}.',
        )
    name, sign, limit_text = read.groups()
    sign = DIVE_RULES[name][0] if name in DIVE_RULES else sign
    return _Rule(rule.strip(), name, sign, _limit(name, limit_text), limit_text)


def _verdict(tree: LayerTree, rule: _Rule) -> Verdict:
    measure = DIVE_RULES[rule.name][1] if rule.name in DIVE_RULES else METRICS[rule.name]
    value = measure(tree)
    holds = _COMPARE[rule.sign](value, rule.limit)
    told = units.size(int(value)) if _in_bytes(rule.name) else f"{value:.4g}"
    asked = f"{rule.sign} {rule.limit_text}"
    sentence = f"{rule.name} is {told}, {'as asked' if holds else 'but asked for was'} ({asked})."
    return Verdict(rule.text, rule.name, value, rule.limit, holds, sentence)


def _in_bytes(name: str) -> bool:
    return name in ("wasted_bytes", "highestWastedBytes")


def _limit(name: str, text: str) -> float:
    if _in_bytes(name):
        return units.parse_size(text)
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a number.", hint=f"Write {name} as 0.95.") from error
