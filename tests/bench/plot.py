"""A picture of what a thing costs as there are more of it: SVG, as plain text, two lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 60, 600, 40, 210
COLOURS = ("#0b5394", "#b45f06")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a picture: ``points`` are (how many there are, what each costs), in order."""

    title: str
    points: tuple[tuple[float, float], ...]


def picture(lines: Sequence[Line], below: str) -> str:
    """Each line in a strip of its own, one under the other, all from 0; ``below`` says what is
    counted from left to right."""
    height = HEIGHT * len(lines)
    inner = "".join(
        f'<g transform="translate(0 {HEIGHT * number})">{strip(line, below, colour)}</g>\n'
        for number, (line, colour) in enumerate(zip(lines, COLOURS, strict=False))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n{inner}</svg>\n'
    )


def strip(line: Line, below: str, colour: str) -> str:
    """The axes, the line, and each point with its figure."""
    most_x = max(x for x, _ in line.points)
    most_y = max(y for _, y in line.points) * 1.25 or 1.0
    places = [
        (LEFT + (RIGHT - LEFT) * x / most_x, BOTTOM - (BOTTOM - TOP) * y / most_y)
        for x, y in line.points
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [
        f'<text x="{LEFT}" y="20" font-weight="bold">{escape(line.title)}</text>',
        f'<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="#666"/>',
        f'<text x="{LEFT - 10}" y="{BOTTOM + 4}" text-anchor="end">0</text>',
        f'<text x="{RIGHT}" y="{BOTTOM + 36}" text-anchor="end">{escape(below)}</text>',
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
    ]
    for (x, y), (count, cost) in zip(places, line.points, strict=True):
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>',
            f'<text x="{x:.1f}" y="{y - 10:.1f}" text-anchor="middle">{cost:.3g}</text>',
            f'<text x="{x:.1f}" y="{BOTTOM + 18}" text-anchor="middle">{count:g}</text>',
        ]
    return "".join(parts)
