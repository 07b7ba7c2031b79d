"""Markers of a Plotly figure drawn by Matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SYMBOLS = {
    "circle": "o", "square": "s", "diamond": "D", "star": "*", "x": "X", "cross": "P", "cross-thin": "+",
    "triangle-up": "^", "triangle-down": "v", "triangle-left": "<", "triangle-right": ">", "pentagon": "p",
    "hexagon2": "H", "circle-x": "o", "circle-cross": "o", "line-ns": "|", "line-ew": "_",
}  # fmt: skip
_OUTLINES = {
    "hourglass": [(-0.9, -1), (0.9, 1), (-0.9, 1), (0.9, -1)], "bowtie": [(-1, 0.9), (1, -0.9), (1, 0.9), (-1, -0.9)],
    "triangle-ne": [(-1, -0.9), (0.9, -0.9), (0.9, 1)], "triangle-se": [(0.9, -1), (0.9, 0.9), (-1, 0.9)],
}  # fmt: skip


def draw_markers(axes: Any, places: Sequence[Sequence[Any]], marker: Mapping[str, Any]) -> None:
    """Draws markers point by point where they differ; ``places`` has a list of coordinates an axis."""
    from analysis.drawing.plain_axes import PX

    count, edge = len(places[0]), marker.get("line") or {}
    looks = zip(
        each(marker.get("symbol") or "circle", count), each(marker.get("size") or 6, count),
        each(marker.get("color") or "#444444", count), each(marker.get("opacity"), count),
        each(edge.get("width"), count), each(edge.get("color"), count), strict=True,
    )  # fmt: skip
    for point, (symbol, size, colour, opacity, width, edge_colour) in zip(
        zip(*places, strict=True), looks, strict=True
    ):
        if opacity == 0 or any(value is None for value in point):
            continue
        hollow = str(symbol).endswith("-open")
        name = str(symbol).removesuffix("-open")
        axes.scatter(
            *([value] for value in point), marker=shape_of(name),
            s=(float(size) * (1.35 if name == "star" else 1.0) * PX) ** 2, alpha=opacity, zorder=3,
            **_colours(name, str(colour), hollow, edge_colour, float(width or 0)),
        )  # fmt: skip


def shape_of(symbol: str) -> Any:
    """Returns Matplotlib's marker for the name of a Plotly symbol."""
    return _OUTLINES.get(symbol) or _SYMBOLS.get(symbol, "o")


def _colours(name: str, colour: str, hollow: bool, edge: object, width: float) -> dict[str, Any]:
    """Face and edge; a thin symbol has an edge only."""
    if name.startswith(("cross-thin", "line-")):
        return {"c": [str(edge or colour)], "linewidths": max(width, 1.0)}
    if hollow:
        return {"facecolors": "none", "edgecolors": [colour], "linewidths": max(width, 1.2)}
    return {"facecolors": [colour], "edgecolors": [str(edge or colour)], "linewidths": 0.8 * width}


def each(value: Any, count: int) -> list[Any]:
    """Returns a value a point: a list is one already."""
    if isinstance(value, list | tuple):
        return list(value)
    return [value] * count
