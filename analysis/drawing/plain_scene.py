"""The 3-D view of a Plotly figure on Matplotlib's 3-D axes, which have no logarithmic scale: exponents are drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from analysis.drawing.plain_axes import PX, Area, Data, words
from analysis.drawing.plain_markers import draw_markers

NAMES = ("x", "y", "z")


class Scene:
    """The 3-D axes of a picture."""

    def __init__(self, axes: Any, layout: Mapping[str, Any]) -> None:
        self.axes = axes
        self.logs = [(layout.get(f"{name}axis") or {}).get("type") == "log" for name in NAMES]

    def place(self, values: Any, axis: int) -> list[float | None]:
        """Returns where values stand along an axis."""
        if not self.logs[axis]:
            return list(values)
        return [None if value is None else math.log10(value) for value in values]

    def draw(self, trace: Mapping[str, Any]) -> None:
        """Draws lines, markers and texts of a trace."""
        places = [self.place(trace[name], axis) for axis, name in enumerate(NAMES)]
        mode = trace.get("mode") or "markers"
        if "lines" in mode:
            line = trace.get("line") or {}
            lines = [np.array(place, dtype=float) for place in places]
            self.axes.plot(*lines, color=line.get("color"), linewidth=0.8)
        if "markers" in mode:
            marker = dict(trace.get("marker") or {})
            size = marker.get("size") or 6
            marker["size"] = 2.0 * np.asarray(size) if not isinstance(size, int | float) else 2.0 * size
            draw_markers(self.axes, places, marker)
        if "text" in mode:
            for *point, text in zip(*places, trace.get("text") or (), strict=False):
                self.axes.text(*point, words(text), fontsize=11 * PX, ha="center", va="bottom")


def scene_box(layout: Data, area: Area) -> Area:
    """Returns where the view lies in a plot area."""
    domain = (layout.get("scene") or {}).get("domain") or {}
    (x0, x1), (y0, y1) = domain.get("x") or (0, 1), domain.get("y") or (0, 1)
    left, bottom, width, height = area
    return left + x0 * width, bottom + y0 * height, (x1 - x0) * width, (y1 - y0) * height


def scene_axes(picture: Figure, layout: Data, area: Area) -> Scene:
    """Returns the picture's 3-D axes with their titles and ticks, seen from where the layout looks."""
    scene = layout.get("scene") or {}
    axes: Any = picture.add_axes(scene_box(layout, area), projection="3d")
    eye = (scene.get("camera") or {}).get("eye") or {"x": 1.25, "y": 1.25, "z": 1.25}
    flat = math.hypot(eye["x"], eye["y"])
    axes.view_init(
        elev=math.degrees(math.atan2(eye["z"], flat)), azim=math.degrees(math.atan2(eye["y"], eye["x"]))
    )
    axes.set_box_aspect((1.25, 1.25, 0.95), zoom=0.92)
    result = Scene(axes, scene)
    for index, name in enumerate(NAMES):
        one = scene.get(f"{name}axis") or {}
        axis = getattr(axes, f"{name}axis")
        axis.set_label_text(words((one.get("title") or {}).get("text")), fontsize=12 * PX)
        axis.set_tick_params(labelsize=10 * PX, pad=0)
        axis.set_pane_color((1, 1, 1, 0))
        if one.get("range") is not None:
            getattr(axes, f"set_{name}lim")(*one["range"])
        if one.get("tickvals") is not None:
            axis.set_ticks(
                result.place(one["tickvals"], index),
                [words(t) for t in one.get("ticktext") or one["tickvals"]],
            )
    return result
