"""Points, lines, texts, bars and error bars of a Plotly figure drawn by Matplotlib."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from analysis.drawing.plain_axes import PX, Data, words
from analysis.drawing.plain_markers import draw_markers, each

LINES = {"dot": ":", "dash": "--", "dashdot": "-.", "solid": "-"}
_STEPS = {"hv": "steps-post", "vh": "steps-pre"}
_SIDES = {"left": (-1, "right"), "center": (0, "center"), "right": (1, "left")}
_HEIGHTS = {"top": (1, "bottom"), "middle": (0, "center"), "bottom": (-1, "top")}
_HATCHES = {"/": "//", "\\": "\\\\", "x": "xx", "-": "--", "|": "||", "+": "++", ".": ".."}
_HATCH = "#444444"
_GAP = 0.2
"""Of the room of a bar, the share that stays free where the layout does not say."""


def numbers(values: Any) -> NDArray[np.float64]:
    """Returns values as numbers; what is not there is NaN."""
    return np.array(list(values if values is not None else ()), dtype=np.float64)


def draw_points(axes: Axes, trace: Data) -> None:
    """Draws lines, markers, error bars and texts of a trace."""
    x, y = (list(trace.get(key) or ()) for key in ("x", "y"))
    mode, line = trace.get("mode") or "lines", trace.get("line") or {}
    width = 2 if line.get("width") is None else line["width"]
    if trace.get("fill") == "toself":
        face, clear = _see_through(str(trace.get("fillcolor") or line.get("color")))
        axes.fill(numbers(x), numbers(y), facecolor=face, alpha=clear, linewidth=0, zorder=1.5)
    if "lines" in mode and width:
        axes.plot(
            numbers(x), numbers(y), color=line.get("color"), linewidth=width * PX,
            linestyle=LINES.get(line.get("dash") or "solid", "-"),
            drawstyle=_STEPS.get(line.get("shape") or "", "default"), alpha=trace.get("opacity"), zorder=2,
        )  # fmt: skip
    _errors(axes, trace, numbers(x), numbers(y))
    if "markers" in mode and len(x):
        marker = trace.get("marker") or {}
        opacity = marker.get("opacity")
        look = {
            "color": marker.get("color") or line.get("color"),
            "opacity": trace.get("opacity") if opacity is None else opacity,
        }
        draw_markers(axes, (x, y), {**marker, **look})
    if "text" in mode:
        _texts(axes, trace, x, y)


def _see_through(colour: str) -> tuple[Any, float]:
    """A colour of Plotly's as Matplotlib's, and its opacity."""
    found = re.fullmatch(r"rgba\((\d+),\s*(\d+),\s*(\d+),\s*([\d.]+)\)", colour)
    if found is None:
        return colour, 1.0
    red, green, blue, opacity = found.groups()
    return (int(red) / 255, int(green) / 255, int(blue) / 255), float(opacity)


def _texts(axes: Axes, trace: Data, x: Sequence[float], y: Sequence[float]) -> None:
    font = trace.get("textfont") or {}
    places = each(trace.get("textposition") or "middle center", len(x))
    for at_x, at_y, text, place in zip(x, y, each(trace.get("text"), len(x)), places, strict=True):
        height, side = str(place).split(" ")
        (right, across), (up, along) = _SIDES[side], _HEIGHTS[height]
        axes.annotate(
            words(text), (at_x, at_y), (8 * PX * right, 8 * PX * up), textcoords="offset points", ha=across,
            va=along, fontsize=(font.get("size") or 12) * PX, color=font.get("color"), zorder=4,
        )  # fmt: skip


def bar_look(marker: Data) -> dict[str, Any]:
    """Returns Matplotlib's face, edge and hatching of bars."""
    edge, shape = marker.get("line") or {}, (marker.get("pattern") or {}).get("shape")
    if shape:
        return {
            "facecolor": marker.get("color"), "edgecolor": _HATCH, "linewidth": 0, "hatch": _HATCHES.get(shape, "//")
        }  # fmt: skip
    width = (edge.get("width") or 0) * PX
    return {"facecolor": marker.get("color"), "edgecolor": edge.get("color"), "linewidth": width}


def draw_bars(axes: Axes, traces: Sequence[Data], layout: Data) -> None:
    """Draws all bars of a plane, upright or lying; those of several traces at one place stand beside each other."""
    lying = traces[0].get("orientation") == "h"
    along, across = ("y", "x") if lying else ("x", "y")
    places = np.concatenate([numbers(trace.get(along)) for trace in traces])
    distinct = np.unique(places)
    gap = layout.get("bargap")
    room = float(np.diff(distinct).min(initial=np.inf)) if len(distinct) > 1 else 1.0
    room *= 1 - (_GAP if gap is None else gap)
    beside = (layout.get("barmode") or "group") == "group" and len(distinct) < len(places)
    slot = room / (len(traces) if beside else 1)
    for index, trace in enumerate(traces):
        at = numbers(trace.get(along)) + (slot * (index - (len(traces) - 1) / 2) if beside else 0.0)
        lengths, base, thick = numbers(trace.get(across)), trace.get("base"), trace.get("width")
        start = (
            np.zeros_like(lengths)
            if base is None
            else np.broadcast_to(np.asarray(base, float), lengths.shape)
        )
        (axes.barh if lying else axes.bar)(
            at, lengths, slot if thick is None else thick, start, **bar_look(trace.get("marker") or {})
        )
        ends = (start + lengths, at) if lying else (at, start + lengths)
        _errors(axes, trace, *ends)
        if trace.get("textposition") == "outside":
            place = "middle right" if lying else "top center"
            _texts(axes, {**trace, "textposition": place}, *(end.tolist() for end in ends))


def _errors(axes: Axes, trace: Data, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """The intervals of a trace's points or bars."""
    for name in ("x", "y"):
        error: Mapping[str, Any] = trace.get(f"error_{name}") or {}
        if error.get("array") is None or error.get("visible") is False:
            continue
        above, below = numbers(error["array"]), error.get("arrayminus")
        reach = np.array([above if below is None else numbers(below), above])
        width = (error.get("thickness") or 2) * PX
        axes.errorbar(
            x, y, **{f"{name}err": np.maximum(reach, 0)}, fmt="none", ecolor=error.get("color") or _HATCH,
            elinewidth=width, capthick=width, capsize=(error.get("width") or 4) * PX, zorder=2.5,
        )  # fmt: skip
