"""Title and annotations of a Plotly figure drawn by Matplotlib."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Affine2D, Transform, blended_transform_factory

from analysis.drawing.plain_axes import EDGE, PX, Area, Data, words

_HEIGHTS = {"top": ("top", -3), "bottom": ("bottom", 3)}
"""Which end of a text stands at its place, and how many pixels above."""
_SIDES = {"left": 2, "right": -2}
"""How many pixels right of its place a text begins, or ends."""


def draw_heading(picture: Figure, layout: Data, width: float, height: float) -> float:
    """Draws title and subtitle; the lower end of both, as a share of the picture."""
    title = layout.get("title") or {}
    left = title.get("x") or 0.012
    subtitle = (title.get("subtitle") or {}).get("text")
    first = picture.text(
        left, 1 - 26 / height, words(title.get("text")), fontsize=20 * PX, fontweight="bold", va="top"
    )
    lines = [first]
    if subtitle:
        lines.append(
            picture.text(left, 1 - 62 / height, words(subtitle), fontsize=13 * PX, color="#5a6472", va="top")
        )
    for line in lines:
        room, wide = (1 - EDGE - left) * picture.bbox.width, line.get_window_extent().width
        line.set_fontsize(float(line.get_fontsize()) * min(1.0, room / max(wide, 1.0)))
    return float(min(line.get_window_extent().y0 for line in lines) / picture.bbox.height) - EDGE


def draw_annotations(picture: Figure, planes: Mapping[str, Axes], layout: Data, area: Area) -> None:
    """Draws texts at their places, over everything else."""
    left, bottom, width, height = area
    paper = Affine2D().scale(width, height).translate(left, bottom) + picture.transFigure
    for one in layout.get("annotations") or ():
        font = one.get("font") or {}
        refs = {name: str(one.get(f"{name}ref") or name) for name in ("x", "y")}
        if any(ref != "paper" and ref.split(" ")[0][1:] not in planes for ref in refs.values()):
            continue
        place: list[float] = []
        ways: list[Transform] = []
        for name, ref in refs.items():
            value, way = one[name], paper
            if ref != "paper":
                axes, axis = planes[ref.split(" ")[0][1:]], layout.get(f"{name}axis{ref[1:]}") or {}
                way = axes.transAxes if ref.endswith("domain") else axes.transData
                value = 10.0**value if axis.get("type") == "log" else value
            ways.append(way)
            place.append(value)
        side = one.get("xanchor") or "center"
        end, up = _HEIGHTS.get(one.get("yanchor") or "", ("center", 0))
        shift = (one.get("xshift") or 0) + _SIDES.get(side, 0), (one.get("yshift") or 0) + up
        back = _colour(one.get("bgcolor"))
        text = Annotation(
            words(one.get("text")), (place[0], place[1]), xycoords=blended_transform_factory(*ways),
            xytext=(shift[0] * PX, shift[1] * PX), textcoords="offset points",
            ha=side if side in _SIDES else "center", va=end, fontsize=(font.get("size") or 12) * PX,
            color=font.get("color") or "#1b2130", annotation_clip=False, linespacing=1.2,
            bbox=None if back is None else {"facecolor": back, "edgecolor": "none", "pad": 1},
        )  # fmt: skip
        picture.add_artist(text)


def _colour(css: Any) -> Any:
    """What Matplotlib calls a colour; ``rgb`` and ``rgba`` of CSS are numbers to it."""
    parts = re.fullmatch(r"rgba?\((.*)\)", str(css or ""))
    if parts is None:
        return css
    red, green, blue, *opacity = (float(part) for part in parts[1].split(","))
    return (red / 255, green / 255, blue / 255, *opacity)
