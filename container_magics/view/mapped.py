"""A treemap as static HTML: boxes in rows, which need neither a script nor positions."""

from __future__ import annotations

from container_magics.view.markup import tag, text
from container_magics.view.model import Strip, Tile, Treemap

HEIGHT = 20
"""The map's height, em."""
MAP = "max-width:50em;white-space:nowrap"
TILE = (
    "display:inline-block;box-sizing:border-box;overflow:hidden;vertical-align:top;"
    "border:1px solid rgba(128,128,128,0.8);background-color:rgba(33,120,220,0.2);"
)


def treemap(view: Treemap) -> str:
    """The caption and the boxes; each box has its words in it and as its title."""
    caption = tag("strong", text(view.caption)) if view.caption else ""
    if not view.strips:
        return caption + (": " if caption else "") + text("nothing that has a size")
    return caption + tag("div", "".join(map(_strip, view.strips)), style=MAP)


def _strip(strip: Strip) -> str:
    height = f"height:{HEIGHT * clamped(strip.height):.4g}em"
    return tag("div", "".join(_tile(tile, height) for tile in strip.tiles), style=height)


def _tile(tile: Tile, height: str) -> str:
    words = tag("code", text(tile.label)) + " " + text(tile.size)
    style = f"{TILE}{height};width:{100 * clamped(tile.width):.4g}%"
    return tag("span", words, title=f"{tile.label} {tile.size}", style=style)


def clamped(fraction: float) -> float:
    """The fraction within 0.0 to 1.0."""
    return min(max(fraction, 0.0), 1.0)
