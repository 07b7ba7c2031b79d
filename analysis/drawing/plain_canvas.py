"""A Plotly figure as Matplotlib's picture: every part at its place, and all words inside the picture."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.figure import Figure

from analysis.drawing.plain_axes import (
    draw_shape,
    match_axes,
    named_places,
    plane_axes,
    plane_box,
    plot_area,
    scale_axes,
    with_labels,
)
from analysis.drawing.plain_legend import draw_legend
from analysis.drawing.plain_scene import scene_axes, scene_box
from analysis.drawing.plain_texts import draw_annotations, draw_heading
from analysis.drawing.plain_traces import draw_bars, draw_points

DENSITY = 100
"""Pixels an inch, of which a PNG has twice as many."""


def plain_picture(figure: go.Figure, size: tuple[int, int]) -> Figure:
    """Returns Matplotlib's picture of a figure, a hundred pixels an inch.

    Args:
        figure: one whose traces can all be drawn.
        size: width and height in CSS pixels; a figure that has a height of its own keeps that.
    """
    data = _as_lists(figure.to_plotly_json())
    layout, width, height = data["layout"], size[0], figure.layout.height or size[1]
    picture = Figure(figsize=(width / DENSITY, height / DENSITY), dpi=DENSITY)
    area = plot_area(layout, width, height)
    drawn = [trace for trace in data["data"] if trace.get("visible") not in (False, "legendonly")]
    flat: dict[str, list[Any]] = {}
    for trace in drawn:
        if trace["type"] != "scatter3d" and _has_data(trace):
            flat.setdefault(str(trace.get("xaxis") or "x").removeprefix("x"), []).append(trace)
    named_places(flat, layout)
    planes = {end: plane_axes(picture, layout, area, end) for end in flat}
    for end, traces in flat.items():
        for trace in traces:
            if trace["type"] == "scatter":
                draw_points(planes[end], trace)
        bars = [trace for trace in traces if trace["type"] == "bar"]
        if bars:
            draw_bars(planes[end], bars, layout)
    solid = [trace for trace in drawn if trace["type"] == "scatter3d" and _has_data(trace)]
    scene = scene_axes(picture, layout, area) if solid else None
    if scene is not None:
        for trace in solid:
            scene.draw(trace)
    for shape in layout.get("shapes") or ():
        end = str(shape.get("xref") or "x").split(" ")[0].removeprefix("x")
        draw_shape(planes.get(end) or next(iter(planes.values())), shape)
    for end, axes in planes.items():
        scale_axes(axes, layout, end, flat[end])
    match_axes(planes, layout)
    top = draw_heading(picture, layout, width, height)
    area = draw_legend(picture, data, with_labels(planes, area), top)
    for end, axes in planes.items():
        axes.set_position(plane_box(layout, area, end))
    if scene is not None:
        scene.axes.set_position(scene_box(layout, area))
    draw_annotations(picture, planes, layout, area)
    return picture


def _has_data(trace: Mapping[str, Any]) -> bool:
    """Whether there is anything to draw; an entry of the legend alone has one point that is nowhere."""
    return any(value is not None for value in trace.get("x") or ())


def _as_lists(data: Any) -> Any:
    """Plain data without arrays, which Plotly packs."""
    if isinstance(data, Mapping) and "bdata" in data:
        return np.frombuffer(base64.b64decode(data["bdata"]), dtype=data["dtype"]).tolist()
    if isinstance(data, Mapping):
        return {key: _as_lists(value) for key, value in data.items()}
    if isinstance(data, np.ndarray):
        return data.tolist()
    return [_as_lists(one) for one in data] if isinstance(data, list | tuple) else data
