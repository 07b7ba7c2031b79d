"""Modules beside each other in the manner of ESPNet's figure 5: accuracy against size and against speed."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from reports.figures.looks import dressed
from reports.style import GRID, INK, MUTED, dark_edge, si_number, unit_style

LARGEST = 58.0
"""Diameter of the largest bubble in pixels."""
SMALLEST = 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """A network in one panel: where it stands, and how large its bubble is (area by parameters)."""

    name: str
    unit: str
    x: float
    y: float
    low: float | None
    high: float | None
    params: float
    diameter: float
    label_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: its axes' titles, ranges and bubbles."""

    title: str
    x_title: str
    y_title: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    bubbles: tuple[Bubble, ...]


def module_panels(frame: pd.DataFrame, metric: str, ours: str, theirs: str) -> list[list[Panel]]:
    """Two columns (size in MB, images a second) and a row each for ours and, where there is any, the published.

    Bubbles are drawn to one scale in all panels; names stand where they do not collide.

    Args:
        frame: a :func:`reports.compare.with_published_modules`, or one without its columns.
        metric: title of the metric, with its unit.
        ours, theirs: titles of the rows.
    """
    columns = [column for column in ("params", "published_params") if column in frame]
    most = float(np.nanmax(frame[columns].to_numpy(dtype=float)))
    rows = []
    for prefix, title in (("", ours), ("published_", theirs)):
        if f"{prefix}metric" not in frame or frame[f"{prefix}metric"].notna().sum() == 0:
            continue
        word = "published" if prefix else "measured"
        size = f"Size of the weights in float32 (MB, {'published' if prefix else 'counted'})"
        speed, y = f"Images a second, batch 1 ({word})", f"{metric}, {word}"
        rows.append(
            [
                _panel(frame, prefix, ("size", 1e6), (f"{title}: against size", size, y), most),
                _panel(frame, prefix, ("fps", 1.0), (f"{title}: against speed", speed, y), most),
            ]
        )
    return rows


def _panel(
    frame: pd.DataFrame, prefix: str, x: tuple[str, float], titles: tuple[str, str, str], most: float
) -> Panel:
    key, factor = x
    known = frame[frame[f"{prefix}{key}"].notna() & frame[f"{prefix}metric"].notna()]
    xs = (known[f"{prefix}{key}"] / factor).to_numpy(dtype=float)
    ys = known[f"{prefix}metric"].to_numpy(dtype=float)
    x_range, y_range = _padded(xs), _padded(ys)
    diameters = np.maximum(SMALLEST, LARGEST * np.sqrt(known[f"{prefix}params"].to_numpy(dtype=float) / most))
    sides = _label_sides(xs, ys, x_range, y_range, diameters)
    bubbles = []
    for i, row in enumerate(known.to_dict("records")):
        low, high = (None, None) if prefix else (row["metric_low"], row["metric_high"])
        bubbles.append(
            Bubble(
                name=str(row["name"]), unit=str(row["unit"]), x=float(xs[i]), y=float(ys[i]),
                low=None if pd.isna(low) else low, high=None if pd.isna(high) else high,
                params=float(row[f"{prefix}params"]), diameter=float(diameters[i]), label_at=sides[i],
            )
        )  # fmt: skip
    title, x_title, y_title = titles
    return Panel(
        title=title,
        x_title=x_title,
        y_title=y_title,
        x_range=x_range,
        y_range=y_range,
        bubbles=tuple(bubbles),
    )


def _padded(values: np.ndarray, share: float = 0.16) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    pad = share * ((high - low) or abs(high) or 1.0)
    return low - pad, high + pad


PANEL_PX = (500.0, 250.0)
"""Width and height of a panel, about: by them it is decided which labels would collide."""
CHARACTER_PX, LINE_PX = 7.2, 16.0


def _label_sides(
    xs: np.ndarray,
    ys: np.ndarray,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    diameters: np.ndarray,
) -> list[str]:
    """For each bubble the side of its name that is farthest from all other bubbles and inside the panel."""
    px = (xs - x_range[0]) / (x_range[1] - x_range[0]) * PANEL_PX[0]
    py = (ys - y_range[0]) / (y_range[1] - y_range[0]) * PANEL_PX[1]
    places: list[tuple[float, float]] = []
    sides: list[str] = []
    for i in range(len(xs)):
        radius = diameters[i] / 2
        options = {
            "top": (px[i], py[i] + radius + LINE_PX / 2),
            "bottom": (px[i], py[i] - radius - LINE_PX / 2),
            "right": (px[i] + radius + 5 * CHARACTER_PX, py[i]),
            "left": (px[i] - radius - 5 * CHARACTER_PX, py[i]),
        }

        def space(place: tuple[float, float], own: int = i) -> float:
            inside = min(place[0] - 30, PANEL_PX[0] - 30 - place[0], place[1] - 4, PANEL_PX[1] - 4 - place[1])
            near = [
                (abs(place[0] - px[j]), abs(place[1] - py[j]), diameters[j] / 2)
                for j in range(len(xs))
                if j != own
            ]
            others = [max(dx - 5 * CHARACTER_PX - r, dy - LINE_PX / 2 - r) for dx, dy, r in near]
            labels = [
                max(abs(place[0] - a) - 10 * CHARACTER_PX, abs(place[1] - b) - LINE_PX) for a, b in places
            ]
            room = min([3 * min(inside, 0.0), *(min(o, 12.0) for o in (*others, *labels))])
            return float(room)

        side = max(options, key=lambda option: space(options[option]))
        places.append(options[side])
        sides.append(side)
    return sides


def module_figure(rows: Sequence[Sequence[Panel]], *, title: str, subtitle: str = "") -> go.Figure:
    """The panels as one figure; colours and markers of units are those of every other figure."""
    titles = [panel.title for row in rows for panel in row]
    figure = make_subplots(
        rows=len(rows), cols=2, subplot_titles=titles, horizontal_spacing=0.09, vertical_spacing=0.17
    )
    for i, row in enumerate(rows, start=1):
        for j, panel in enumerate(row, start=1):
            for bubble in panel.bubbles:
                figure.add_trace(_trace(bubble), row=i, col=j)
            figure.update_xaxes(title=panel.x_title, range=list(panel.x_range), row=i, col=j)
            figure.update_yaxes(title=panel.y_title, range=list(panel.y_range), row=i, col=j)
    dressed(figure, title, subtitle)
    figure.update_layout(showlegend=False, margin={"l": 80, "r": 30, "t": 118, "b": 64})
    figure.update_annotations(font={"size": 14, "color": INK})
    figure.update_xaxes(title_font={"size": 12, "color": MUTED})
    figure.update_yaxes(title_font={"size": 12, "color": MUTED}, gridcolor=GRID)
    return figure


def _trace(bubble: Bubble) -> go.Scatter:
    look, name = unit_style(bubble.unit), html.escape(bubble.name)
    position = {
        "top": "top center",
        "bottom": "bottom center",
        "right": "middle right",
        "left": "middle left",
    }
    error = None
    if bubble.low is not None and bubble.high is not None:
        error = {
            "type": "data",
            "symmetric": True,
            "array": [bubble.high - bubble.y],
            "color": INK,
            "thickness": 1.2,
        }
    return go.Scatter(
        x=[bubble.x], y=[bubble.y], mode="markers+text", text=[name], textposition=position[bubble.label_at],
        textfont={"size": 12, "color": INK}, error_y=error, name=name, cliponaxis=False,
        marker={
            "size": bubble.diameter, "color": look.colour, "opacity": 0.82,
            "line": {"color": dark_edge(look.colour), "width": 1.2},
        },
        hovertemplate=f"<b>{name}</b><br>%{{y:.2f}} %<br>{si_number(bubble.params, 'parameters')}<extra></extra>",
    )  # fmt: skip
