"""The plane axes of a Plotly figure as Matplotlib's: places, scales, ticks and titles; and the shapes on them."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator, ScalarFormatter

from archspace.support.numbers import tick_text

Data = Mapping[str, Any]
Area = tuple[float, float, float, float]
"""Left, bottom, width and height as shares of the picture."""
EDGE = 0.006
"""Share of the picture that stays free beyond words at its edge."""
PX = 0.72
"""Points a CSS pixel: a picture has 100 pixels an inch."""
_DEFAULT_MARGIN = {"l": 80, "r": 80, "t": 100, "b": 80}


def words(text: object) -> str:
    """Returns a text of Plotly without its few HTML elements; Matplotlib would read a dollar sign as mathematics."""
    lines = re.sub(r"<br\s*/?>", "\n", str(text or ""))
    return html.unescape(re.sub(r"<[^>]*>", "", lines)).replace("$", r"\$")


def plot_area(layout: Data, width: float, height: float) -> Area:
    """Returns the plot area that the margins leave of a picture of so many pixels."""
    margin = {**_DEFAULT_MARGIN, **{k: v for k, v in (layout.get("margin") or {}).items() if v is not None}}
    left, bottom = margin["l"] / width, margin["b"] / height
    return left, bottom, 1 - left - margin["r"] / width, 1 - bottom - margin["t"] / height


def plane_box(layout: Data, area: Area, end: str) -> Area:
    """Returns where the plane of ``xaxis<end>`` and ``yaxis<end>`` lies in a plot area."""
    (x0, x1), (y0, y1) = (
        (layout.get(f"{name}axis{end}") or {}).get("domain") or (0, 1) for name in ("x", "y")
    )
    left, bottom, width, height = area
    return left + x0 * width, bottom + y0 * height, (x1 - x0) * width, (y1 - y0) * height


def plane_axes(picture: Figure, layout: Data, area: Area, end: str) -> Axes:
    """Returns Matplotlib's axes for ``xaxis<end>`` and ``yaxis<end>`` of a layout."""
    x, y = layout.get(f"xaxis{end}") or {}, layout.get(f"yaxis{end}") or {}
    axes = picture.add_axes(plane_box(layout, area, end))
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    for axis, one, name in ((axes.xaxis, x, "x"), (axes.yaxis, y, "y")):
        if one.get("visible") is False:
            axis.set_visible(False)
            axes.spines["bottom" if name == "x" else "left"].set_visible(False)
            continue
        title = (one.get("title") or {}).get("text")
        axis.set_label_text(words(title), fontsize=13 * PX)
        axis.set_tick_params(labelsize=((one.get("tickfont") or {}).get("size") or 12) * PX, length=3)
        if one.get("showgrid") is not False:
            axis.grid(True, color=one.get("gridcolor") or "#e4e8ee", linewidth=0.7)
    return axes


def named_places(planes: Mapping[str, Sequence[dict[str, Any]]], layout: dict[str, Any]) -> None:
    """Gives names along an axis a place each, 0 and up: in the traces of each plane and as ticks in the layout."""
    for end, traces in planes.items():
        for name in ("x", "y"):
            values = [value for trace in traces for value in trace.get(name) or ()]
            if not any(isinstance(value, str) for value in values):
                continue
            one = layout.get(f"{name}axis{end}") or {}
            order = list(dict.fromkeys([*(one.get("categoryarray") or ()), *values]))
            for trace in traces:
                trace[name] = [order.index(value) for value in trace.get(name) or ()]
            ends = [-0.5, len(order) - 0.5]
            if one.get("autorange") == "reversed":
                ends.reverse()
            own = {"tickvals": list(range(len(order))), "ticktext": order, "range": ends}
            layout[f"{name}axis{end}"] = {**one, **own}


def scale_axes(axes: Axes, layout: Data, end: str, traces: Sequence[Data]) -> None:
    """Gives the axes their scale, range and ticks, once the traces and all else are drawn on them."""
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        one = layout.get(f"{name}axis{end}") or {}
        log = one.get("type") == "log"
        if log:
            getattr(axes, f"set_{name}scale")("log")
        if one.get("range") is not None:
            ends = [10.0**value if log else value for value in one["range"]]
            getattr(axes, f"set_{name}lim")(*ends)
        elif one.get("rangemode") == "tozero":
            low, high = getattr(axes.dataLim, f"interval{name}")
            shown = getattr(axes, f"get_{name}lim")()
            getattr(axes, f"set_{name}lim")(0 if low >= 0 else shown[0], 0 if high <= 0 else shown[1])
        if one.get("tickvals") is not None:
            axis.set_major_locator(FixedLocator(list(one["tickvals"])))
            axis.set_ticklabels([words(text) for text in one.get("ticktext") or one["tickvals"]])
            axis.set_minor_locator(NullLocator())
        elif not log:
            values = [value for trace in traces for value in trace.get(name) or () if value is not None]
            whole = all(isinstance(value, int) for value in values)
            axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=whole, min_n_ticks=1))
            axis.set_major_formatter(ScalarFormatter(useOffset=False))
        if one.get("tickvals") is None and one.get("tickformat") == "~s":
            axis.set_major_formatter(FuncFormatter(partial(_tick, suffix=one.get("ticksuffix") or "")))
        if one.get("showticklabels") is False or (
            one.get("matches") and not (one.get("title") or {}).get("text")
        ):
            axis.set_tick_params(labelbottom=name != "x", labelleft=name != "y")


def with_labels(planes: Mapping[str, Axes], area: Area) -> Area:
    """Returns the plot area with a left margin wide enough for the words of every vertical axis, up to half of it."""
    left, bottom, width, height = area
    boxes = (axes.yaxis.get_tightbbox() for axes in planes.values())
    starts = [
        box.x0 / axes.figure.bbox.width for axes, box in zip(planes.values(), boxes, strict=True) if box
    ]
    more = min(max(EDGE - min(starts, default=EDGE), 0.0), width / 2)
    return left + more, bottom, width - more, height


def match_axes(planes: Mapping[str, Axes], layout: Data) -> None:
    """Gives axes that match another one the same ends: those it has by its range, else what all their data need."""
    for name in ("x", "y"):
        groups: dict[str, list[str]] = {}
        for end in planes:
            first = end
            while (matched := (layout.get(f"{name}axis{first}") or {}).get("matches")) is not None:
                first = str(matched).removeprefix(name)
            groups.setdefault(first, []).append(end)
        for ends in (ends for ends in groups.values() if len(ends) > 1):
            ranged = [end for end in ends if (layout.get(f"{name}axis{end}") or {}).get("range") is not None]
            limits = [getattr(planes[end], f"get_{name}lim")() for end in ranged[:1] or ends]
            common = limits[0] if ranged else (min(low for low, _ in limits), max(high for _, high in limits))
            for end in ends:
                getattr(planes[end], f"set_{name}lim")(*common)


def _tick(value: float, _: int | None, *, suffix: str) -> str:
    return tick_text(value) + suffix


def draw_shape(axes: Axes, shape: Data) -> None:
    """Draws a line or a rectangle; an end that is given on the paper is a share of the axes."""
    line = shape.get("line") or {}
    look: dict[str, Any] = {
        "color": line.get("color") or "#444444", "linewidth": (line.get("width") or 1) * PX,
        "linestyle": {"dot": ":", "dash": "--"}.get(line.get("dash") or "", "-"),
    }  # fmt: skip
    x0, x1, y0, y1 = (shape[key] for key in ("x0", "x1", "y0", "y1"))
    whole_height = str(shape.get("yref") or "").endswith("domain") or shape.get("yref") == "paper"
    if shape.get("type") == "rect":
        colour, alpha = shape.get("fillcolor") or "none", shape.get("opacity") or 1.0
        if whole_height:
            axes.axvspan(x0, x1, color=colour, alpha=alpha, linewidth=0)
        else:
            axes.fill_between([x0, x1], y0, y1, color=colour, alpha=alpha, linewidth=0)
    elif whole_height:
        axes.axvline(x0, y0, y1, **look)
    elif str(shape.get("xref") or "").endswith("domain"):
        axes.axhline(y0, x0, x1, **look)
    else:
        axes.plot([x0, x1], [y0, y1], **look)
