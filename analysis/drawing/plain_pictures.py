"""Plotly figures drawn by Matplotlib, for machines without a browser: the same points, lines, marks, axes and legend.

Matplotlib, because it is the plotting library that most people have already, needs neither a browser nor a system
library, and draws PNG, SVG and PDF. It is an extra; what draws is a canvas of this module's own, never a window.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from analysis.drawing.plain_markers import draw_markers, each, shape_of

EXTRA = "pip install 'archspace[png]'"
KINDS = ("scatter", "scatter3d", "bar")
"""Traces that can be drawn."""
DENSITY = 100
"""Pixels an inch, of which a PNG has twice as many."""
_LINES = {"dot": ":", "dash": "--", "dashdot": "-.", "solid": "-"}
_STEPS = {"hv": "steps-post", "vh": "steps-pre"}
_SIDES = {"left": (-1, "right"), "center": (0, "center"), "right": (1, "left")}
_HEIGHTS = {"top": (1, "bottom"), "middle": (0, "center"), "bottom": (-1, "top")}


def unable(figure: go.Figure) -> str | None:
    """Returns why this module cannot draw a figure, or ``None``."""
    if find_spec("matplotlib") is None:
        return f"without a browser it needs Matplotlib: {EXTRA}"
    others = sorted({trace.type for trace in figure.data} - set(KINDS))
    return f"without a browser there is no drawing of {', '.join(others)}" if others else None


def draw_plainly(figure: go.Figure, path: Path, size: tuple[int, int]) -> None:
    """Write a figure as PNG (at double density), SVG or PDF, as the path's suffix says.

    Args:
        figure: one for which :func:`unable` has no reason.
        path: where to.
        size: width and height in CSS pixels; a figure that has a height of its own keeps that.
    """
    from matplotlib.figure import Figure

    from analysis.drawing.plain_axes import draw_shape, match_axes, plane_axes, plot_area, scale_axes
    from analysis.drawing.plain_scene import scene_axes

    data = _as_lists(figure.to_plotly_json())
    layout, width, height = data["layout"], size[0], figure.layout.height or size[1]
    picture = Figure(figsize=(width / DENSITY, height / DENSITY), dpi=DENSITY)
    area = plot_area(layout, width, height)
    planes: dict[str, Any] = {}
    for trace in data["data"]:
        if trace.get("visible") in (False, "legendonly") or trace.get("showlegend"):
            continue
        if trace["type"] == "scatter3d":
            scene = planes.setdefault("scene", None) or scene_axes(picture, layout, area)
            planes["scene"] = scene
            scene.draw(trace)
            continue
        end = str(trace.get("xaxis") or "x").removeprefix("x")
        if end not in planes:
            planes[end] = plane_axes(picture, layout, area, end)
        (_bars if trace["type"] == "bar" else _points)(planes[end], trace)
    for shape in layout.get("shapes") or ():
        end = str(shape.get("xref") or "x").split(" ")[0].removeprefix("x")
        draw_shape(planes.get(end) or next(iter(planes.values())), shape)
    flat = {end: axes for end, axes in planes.items() if end != "scene"}
    for end, axes in flat.items():
        scale_axes(axes, layout, end)
    match_axes(flat, layout)
    _annotations(picture, planes, layout, area)
    _heading(picture, layout, width, height)
    _legend(picture, data["data"], area)
    picture.savefig(path, dpi=2 * DENSITY if path.suffix.lower() == ".png" else DENSITY, facecolor="white")


def _as_lists(data: Any) -> Any:
    """Plain data without arrays, which Plotly packs."""
    if isinstance(data, Mapping) and "bdata" in data:
        return np.frombuffer(base64.b64decode(data["bdata"]), dtype=data["dtype"]).tolist()
    if isinstance(data, Mapping):
        return {key: _as_lists(value) for key, value in data.items()}
    if isinstance(data, np.ndarray):
        return data.tolist()
    return [_as_lists(one) for one in data] if isinstance(data, list | tuple) else data


def _points(axes: Any, trace: Mapping[str, Any]) -> None:
    """Lines, markers and texts of a trace."""
    from analysis.drawing.plain_axes import PX, words

    x, y = (list(trace.get(key) or ()) for key in ("x", "y"))
    mode = trace.get("mode") or "lines"
    if "lines" in mode:
        line = trace.get("line") or {}
        axes.plot(
            np.array(x, dtype=float), np.array(y, dtype=float), color=line.get("color"),
            linewidth=(line.get("width") or 2) * PX, linestyle=_LINES.get(line.get("dash") or "solid", "-"),
            drawstyle=_STEPS.get(line.get("shape") or "", "default"), alpha=trace.get("opacity"), zorder=2,
        )  # fmt: skip
    if "markers" in mode and len(x):
        draw_markers(axes, (x, y), trace.get("marker") or {})
    if "text" in mode:
        font = trace.get("textfont") or {}
        places = each(trace.get("textposition") or "middle center", len(x))
        for at_x, at_y, text, place in zip(x, y, each(trace.get("text"), len(x)), places, strict=True):
            height, side = str(place).split(" ")
            (right, across), (up, along) = _SIDES[side], _HEIGHTS[height]
            axes.annotate(
                words(text), (at_x, at_y), (8 * PX * right, 8 * PX * up), textcoords="offset points", ha=across,
                va=along, fontsize=(font.get("size") or 12) * PX, color=font.get("color"), zorder=4,
            )  # fmt: skip


def _bars(axes: Any, trace: Mapping[str, Any]) -> None:
    """Bars, upright or lying."""
    marker = trace.get("marker") or {}
    edge, colour = marker.get("line") or {}, marker.get("color")
    x, y = ([_clean(one) for one in trace[key]] for key in ("x", "y"))
    look = {"color": colour, "edgecolor": edge.get("color"), "linewidth": edge.get("width") or 0}
    thick = trace.get("width")
    base = trace.get("base")
    if trace.get("orientation") == "h":
        axes.barh(y, x, **look, left=0 if base is None else base, height=0.7 if thick is None else thick)
    else:
        axes.bar(x, y, **look, bottom=0 if base is None else base, width=0.7 if thick is None else thick)


def _clean(value: object) -> object:
    from analysis.drawing.plain_axes import words

    return words(value) if isinstance(value, str) else value


def _annotations(
    picture: Any, planes: Mapping[str, Any], layout: Mapping[str, Any], area: Sequence[float]
) -> None:
    from analysis.drawing.plain_axes import PX, words

    left, bottom, width, height = area
    sides, heights = (
        {"left": "left", "right": "right"},
        {"top": "top", "bottom": "bottom", "middle": "center"},
    )
    for one in layout.get("annotations") or ():
        font = one.get("font") or {}
        look = {
            "ha": sides.get(one.get("xanchor") or "", "center"), "va": heights.get(one.get("yanchor") or "", "center"),
            "fontsize": (font.get("size") or 12) * PX, "color": font.get("color") or "#1b2130",
        }  # fmt: skip
        text, xref, yref = words(one.get("text")), str(one.get("xref") or "x"), str(one.get("yref") or "y")
        if xref == "paper" and yref == "paper":
            picture.text(left + one["x"] * width, bottom + one["y"] * height, text, **look)
            continue
        axes = planes.get(xref.split(" ")[0].removeprefix("x")) or next(iter(planes.values()))
        across = axes.transAxes if xref == "paper" or xref.endswith("domain") else axes.transData
        along = axes.transAxes if yref == "paper" or yref.endswith("domain") else axes.transData
        x = 10 ** one["x"] if across is axes.transData and axes.get_xscale() == "log" else one["x"]
        from matplotlib.transforms import blended_transform_factory

        axes.text(x, one["y"], text, transform=blended_transform_factory(across, along), **look)


def _heading(picture: Any, layout: Mapping[str, Any], width: float, height: float) -> None:
    from analysis.drawing.plain_axes import PX, words

    title = layout.get("title") or {}
    left = (title.get("x") or 0.012) * 1.0
    picture.text(
        left, 1 - 26 / height, words(title.get("text")), fontsize=20 * PX, fontweight="bold", va="top"
    )
    subtitle = (title.get("subtitle") or {}).get("text")
    if subtitle:
        picture.text(left, 1 - 62 / height, words(subtitle), fontsize=13 * PX, color="#5a6472", va="top")


def _legend(picture: Any, traces: Sequence[Mapping[str, Any]], area: Sequence[float]) -> None:
    """The entries that say so, under the titles of their groups, right of the plot."""
    from matplotlib.lines import Line2D

    from analysis.drawing.plain_axes import PX, words

    handles, labels = [], []
    for trace in traces:
        if not trace.get("showlegend"):
            continue
        heading = (trace.get("legendgrouptitle") or {}).get("text")
        if heading:
            handles.append(Line2D([], [], linestyle="none"))
            labels.append(words(heading).strip())
        marker, line = trace.get("marker") or {}, trace.get("line") or {}
        if trace.get("mode") == "lines":
            handles.append(Line2D([], [], color=line.get("color"), linewidth=(line.get("width") or 2) * PX))
        else:
            name = str(marker.get("symbol") or "circle")
            bare, edge = name.removesuffix("-open"), marker.get("line") or {}
            colour = marker.get("color")
            handles.append(
                Line2D(
                    [], [], linestyle="none", marker=shape_of(bare),
                    markersize=min(float(marker.get("size") or 9), 14) * PX,
                    markerfacecolor="none" if name != bare else colour,
                    markeredgecolor=(colour if name != bare else edge.get("color")) or colour,
                )
            )  # fmt: skip
        labels.append(words(trace.get("name")))
    if handles:
        left, bottom, width, height = area
        picture.legend(
            handles, labels, loc="upper left", bbox_to_anchor=(left + 1.01 * width, bottom + height), frameon=False,
            fontsize=13 * PX, labelspacing=0.7, handlelength=1.6,
        )  # fmt: skip
