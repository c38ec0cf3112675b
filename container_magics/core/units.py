"""Sizes, durations and counts as a reader sees them, and sizes as a reader types them."""

from __future__ import annotations

import re

from container_magics.errors import UsageError

_STEPS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_TYPED = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtpe]?)(i?)b?", re.IGNORECASE)


def size(size_bytes: int) -> str:
    """Three figures and a decimal unit, as `docker images` has them: "12.8 MB", "0 B"."""
    value, step = float(size_bytes), 0
    while abs(value) >= 999.5 and step < len(_STEPS) - 1:
        value, step = value / 1000, step + 1
    figures = f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"
    return f"{figures} {_STEPS[step]}"


def duration(seconds: float) -> str:
    """The two largest units: "35 ms", "1.2 s", "2 min 5 s", "1 h 4 min"."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count(number: int, noun: str = "", plural: str = "") -> str:
    """ "2,907", or with a noun "1 file", "2,907 files"; ``plural`` is for nouns without the s."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def percent(fraction: float) -> str:
    """ "94.2 %"; never "100.0 %" for less than the whole, nor "0.0 %" for more than nothing."""
    shown = f"{fraction * 100:.1f}"
    if shown == "100.0" and fraction < 1:
        return "> 99.9 %"
    if shown == "0.0" and fraction > 0:
        return "< 0.1 %"
    return f"{shown} %"


def parse_size(text: str) -> int:
    """Bytes of "20MB", "1.5 GB", "512" (decimal) or "20MiB" (binary).

    Raises UsageError for anything else.
    """
    typed = _TYPED.fullmatch(text.strip())
    if typed is None:
        raise UsageError(f"{text!r} is not a size.", hint="Write a size as 20MB, 1.5GB or 20MiB.")
    number, prefix, binary = typed.groups()
    power = " kmgtpe".index(prefix.lower() or " ")
    scale: int = (1024 if binary else 1000) ** power
    return round(float(number) * scale)
