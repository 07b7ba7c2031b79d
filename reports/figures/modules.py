"""Modules beside each other in the manner of ESPNet's figure 5: accuracy against size and against speed."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from archspace.support.numbers import marked, number
from reports.style.axes import LOG_RATIO
from reports.style.point_labels import Mark, shifts
from reports.style.style import GRID, INK, MUTED, dark_edge, log_ticks, unit_style
from reports.style.theme import themed

LARGEST = 58.0
"""Diameter of the largest bubble in pixels."""
SMALLEST = 9.0
PANEL_PX = (500.0, 235.0)
"""Width and height of a panel, about: by them names keep clear of each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """A network in one panel.

    Attributes:
        x, y: where it stands.
        low, high: ends of the interval of ``y``; ``y`` itself where there is none.
        diameter: of its bubble in pixels; its area goes by the parameters.
        shift: from its centre to that of its name, in pixels to the right and upwards.
    """

    name: str
    unit: str
    x: float
    y: float
    low: float
    high: float
    params: float
    diameter: float
    shift: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: its axes' titles and ranges, and its bubbles; the range of a logarithmic axis is in powers of ten."""

    title: str
    x_title: str
    y_title: str
    log: bool
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    bubbles: tuple[Bubble, ...]


def module_panels(frame: pd.DataFrame, metric: str, ours: str, theirs: str) -> list[list[Panel]]:
    """Returns two columns (size in MB, images a second) and a row each for ours and, where there is any, the published.

    A study that measured no latency has the first column alone.

    The name of a network whose speed is unstable bears the mark of that. Bubbles are drawn to one scale in all panels;
    names stand where they do not collide.

    Args:
        frame: a :func:`reports.frames.comparison.with_published_modules`, or one without its columns.
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
        forms = frame.get(f"{prefix}fps_taken_in", pd.Series(dtype=object)).dropna()
        speed = f"Images a second, batch 1 ({', '.join([word, *dict.fromkeys(forms)])})"
        y = f"{metric}, {word}"
        both = (
            (("size", 1e6), (f"{title}: against size", size, y)),
            (("fps", 1.0), (f"{title}: against speed", speed, y)),
        )
        panels = (_panel(frame, prefix, x, titles, most) for x, titles in both)
        rows.append([panel for panel in panels if panel is not None])
    return rows


def _panel(
    frame: pd.DataFrame, prefix: str, x: tuple[str, float], titles: tuple[str, str, str], most: float
) -> Panel | None:
    """One panel; ``None`` where nothing was measured for it."""
    key, factor = x
    known = frame[frame[f"{prefix}{key}"].notna() & frame[f"{prefix}metric"].notna()]
    if known.empty:
        return None
    xs = (known[f"{prefix}{key}"] / factor).to_numpy(dtype=float)
    ys = known[f"{prefix}metric"].to_numpy(dtype=float)
    low, high = (
        ys if prefix else known[name].astype(float).fillna(known["metric"]).to_numpy(dtype=float)
        for name in ("metric_low", "metric_high")
    )
    diameters = np.maximum(SMALLEST, LARGEST * np.sqrt(known[f"{prefix}params"].to_numpy(dtype=float) / most))
    log = bool(xs.max() > LOG_RATIO * xs.min())
    along = np.log10(xs) if log else xs
    x_range, y_range = _padded(along, 0.13), _padded(np.concatenate([low, high]), 0.2)
    scale = PANEL_PX[1] / (y_range[1] - y_range[0])
    px = (along - x_range[0]) / (x_range[1] - x_range[0]) * PANEL_PX[0]
    doubtful = known.get(f"{prefix}{key}_unstable", pd.Series(None, index=known.index)).notna()
    names = [marked(str(name), doubt) for name, doubt in zip(known["name"], doubtful, strict=True)]
    marks = [
        Mark(
            name, float(px[i]), float((ys[i] - y_range[0]) * scale), float(diameters[i] / 2),
            above=float(max(diameters[i] / 2, (high[i] - ys[i]) * scale)),
            below=float(max(diameters[i] / 2, (ys[i] - low[i]) * scale)),
        )
        for i, name in enumerate(names)
    ]  # fmt: skip
    bubbles = tuple(
        Bubble(
            name=mark.name, unit=str(unit), x=float(xs[i]), y=float(ys[i]), low=float(low[i]), high=float(high[i]),
            params=float(params), diameter=2 * mark.radius, shift=shift,
        )
        for i, (mark, unit, params, shift) in enumerate(
            zip(marks, known["unit"], known[f"{prefix}params"], shifts(marks, *PANEL_PX), strict=True)
        )
    )  # fmt: skip
    title, x_title, y_title = titles
    x_title += ", log scale" if log else ""
    return Panel(
        title=title, x_title=x_title, y_title=y_title, log=log, x_range=x_range, y_range=y_range, bubbles=bubbles
    )  # fmt: skip


def _padded(values: NDArray[np.float64], share: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    pad = share * ((high - low) or abs(high) or 1.0)
    return low - pad, high + pad


def module_figure(rows: Sequence[Sequence[Panel]], *, title: str, subtitle: str = "") -> go.Figure:
    """Returns the panels as one figure; colours and markers of units are those of every other figure."""
    titles = [panel.title for row in rows for panel in row]
    columns = max(map(len, rows))
    figure = make_subplots(
        rows=len(rows), cols=columns, horizontal_spacing=0.09, vertical_spacing=0.17,
        subplot_titles=[row[j].title if j < len(row) else "" for row in rows for j in range(columns)],
    )  # fmt: skip
    for i, row in enumerate(rows, start=1):
        for j, panel in enumerate(row, start=1):
            for bubble in sorted(panel.bubbles, key=lambda one: -one.diameter):  # small ones on top
                figure.add_trace(_trace(bubble), row=i, col=j)
                figure.add_annotation(
                    x=math.log10(bubble.x) if panel.log else bubble.x, y=bubble.y, text=html.escape(bubble.name),
                    showarrow=False, xshift=bubble.shift[0], yshift=bubble.shift[1], row=i, col=j,
                    font={"size": 12, "color": INK},
                )  # fmt: skip
            figure.update_xaxes(title=panel.x_title, range=list(panel.x_range), row=i, col=j)
            if panel.log:
                ticks = log_ticks(*(10.0**end for end in panel.x_range))
                words = [f"{tick:g}" for tick in ticks]
                figure.update_xaxes(type="log", tickvals=ticks, ticktext=words, row=i, col=j)
            figure.update_yaxes(title=panel.y_title, range=list(panel.y_range), row=i, col=j)
    themed(figure, title, subtitle)
    figure.update_layout(showlegend=False, margin={"l": 80, "r": 30, "t": 118, "b": 64})
    for heading in figure.layout.annotations[: len(titles)]:
        heading.update(font={"size": 14, "color": INK}, yshift=4)
    figure.update_xaxes(title_font={"size": 12, "color": MUTED})
    figure.update_yaxes(title_font={"size": 12, "color": MUTED}, gridcolor=GRID)
    return figure


def _trace(bubble: Bubble) -> go.Scatter:
    look, name = unit_style(bubble.unit), html.escape(bubble.name)
    error = {
        "type": "data", "symmetric": False, "array": [bubble.high - bubble.y], "arrayminus": [bubble.y - bubble.low],
        "color": INK, "thickness": 1.2, "width": 5, "visible": bubble.high > bubble.low,
    }  # fmt: skip
    return go.Scatter(
        x=[bubble.x], y=[bubble.y], mode="markers", error_y=error, name=name, cliponaxis=False,
        marker={
            "size": bubble.diameter, "color": look.colour, "opacity": 0.85,
            "line": {"color": dark_edge(look.colour), "width": 1.2},
        },
        hovertemplate=f"<b>{name}</b><br>%{{y:.2f}} %<br>{number(bubble.params, 'parameters')}<extra></extra>",
    )  # fmt: skip
