"""The legend of a Plotly figure drawn by Matplotlib: inside the picture, and the plot area leaves room for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import BboxBase

from analysis.drawing.plain_axes import EDGE, PX, Area, Data, words
from analysis.drawing.plain_markers import shape_of
from analysis.drawing.plain_traces import LINES, bar_look

_SMALLEST = 7
"""Pixels of its letters."""
_LOC = {"top": "upper", "bottom": "lower", "middle": "center"}


def draw_legend(picture: Figure, data: Data, area: Area, top: float) -> Area:
    """Draws the legend where the layout says; smaller or in more rows where it would not fit.

    Args:
        picture: what it is drawn on.
        data: the Plotly figure.
        area: the plot area.
        top: lower end of what stands above the legend, as a share of the picture.

    Returns:
        The plot area without what the legend takes of it, on the right of it or above.
    """
    handles, labels, headings = _entries(data)
    if not handles:
        return area
    one = data["layout"].get("legend") or {}
    wide = one.get("orientation") == "h"
    size = (one.get("font") or {}).get("size") or 13
    tries = [
        (px, n)
        for px in range(size, _SMALLEST - 1, -1)
        for n in (range(len(handles), 0, -1) if wide else (1,))
    ]
    legend: Legend | None = None
    for px, columns in tries:
        if legend is not None:
            legend.remove()
        legend = picture.legend(
            handles, labels, frameon=False, fontsize=px * PX, labelspacing=0.7, handlelength=1.6, ncols=columns,
            borderaxespad=0, borderpad=0.2, columnspacing=1.6,
        )  # fmt: skip
        rest, fits = _place(legend, one, area, picture.bbox, top)
        if fits:
            break
    assert legend is not None
    for text, heading in zip(legend.get_texts(), headings, strict=True):
        if heading:
            text.set_color("#5b6270")
    return rest


def _place(legend: Legend, one: Data, area: Area, picture: BboxBase, top: float) -> tuple[Area, bool]:
    """Puts a legend at its place; the plot area that is left, and whether both have enough room."""
    wide = one.get("orientation") == "h"
    x, y = (
        standard if one.get(name) is None else one[name]
        for name, standard in (("x", 0 if wide else 1.02), ("y", 1))
    )
    side, end = one.get("xanchor") or "left", one.get("yanchor") or "top"
    box = legend.get_window_extent()
    across, up = box.width / picture.width, box.height / picture.height
    left, bottom, width, height = area
    if side == "left" and x > 0:
        width = min(width, (1 - EDGE - across - left) / x)
    if end == "bottom" and y > 0:
        height = min(height, (top - bottom - up) / y)
    loc: Any = f"{_LOC.get(end, 'upper')} {side}".replace("center center", "center")
    legend.set_loc(loc)
    legend.set_bbox_to_anchor((left + x * width, bottom + y * height))
    box = legend.get_window_extent()
    inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= picture.width and box.y1 <= picture.height
    return (left, bottom, width, height), inside and width >= area[2] / 2 and height >= area[3] / 2


def _entries(data: Data) -> tuple[list[Artist], list[str], list[bool]]:
    """Handle and text of each entry and of the titles of their groups, and which are titles."""
    handles: list[Artist] = []
    labels: list[str] = []
    headings: list[bool] = []
    group: object = None
    for trace in _shown(data["data"], data["layout"]):
        heading, above = (trace.get("legendgrouptitle") or {}).get("text"), group
        group = trace.get("legendgroup")
        if heading and (group is None or group != above):
            handles.append(Line2D([], [], linestyle="none"))
            labels.append(words(heading).strip())
            headings.append(True)
        handles.append(_handle(trace))
        labels.append(words(trace.get("name")))
        headings.append(False)
    return handles, labels, headings


def _shown(traces: Sequence[Data], layout: Data) -> list[Data]:
    """The traces that have an entry, in its order: by rank, those of a group together.

    As in Plotly a lone trace has none unless it, or the layout, says so.
    """
    shown = [one for one in traces if one.get("visible") is not False and one.get("showlegend") is not False]
    asked = sum(one.get("showlegend") is True for one in shown)
    wanted = layout.get("showlegend")
    if not (len(shown) + asked > 1 if wanted is None else wanted):
        return []
    groups: dict[object, list[Data]] = {}
    for place, one in enumerate(sorted(shown, key=lambda one: one.get("legendrank") or 1000)):
        groups.setdefault(one.get("legendgroup") or place, []).append(one)
    return [one for group in groups.values() for one in group]


def _handle(trace: Data) -> Artist:
    """What stands for a trace: its bar, its line, its marker."""
    marker, line = trace.get("marker") or {}, trace.get("line") or {}
    if trace["type"] == "bar":
        return Patch(**bar_look({**marker, "color": _first(marker.get("color"))}))
    mode = trace.get("mode") or "lines"
    look: dict[str, Any] = {"linestyle": "none"}
    if "lines" in mode:
        look = {
            "color": line.get("color"), "linewidth": (line.get("width") or 2) * PX,
            "linestyle": LINES.get(line.get("dash") or "solid", "-"),
        }  # fmt: skip
    if "markers" in mode:
        name = str(_first(marker.get("symbol")) or "circle")
        bare, edge = name.removesuffix("-open"), marker.get("line") or {}
        colour = _first(marker.get("color")) or line.get("color")
        look |= {
            "marker": shape_of(bare), "markersize": min(float(_first(marker.get("size")) or 9), 14) * PX,
            "markerfacecolor": "none" if name != bare else colour,
            "markeredgecolor": (colour if name != bare else _first(edge.get("color"))) or colour,
        }  # fmt: skip
    return Line2D([], [], **look)


def _first(value: Any) -> Any:
    """A value, or the first of a list."""
    return (value[0] if value else None) if isinstance(value, list) else value
