"""Draw the Pareto plot of two objectives from its layers."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from archspace.support.numbers import tick_text
from reports.figures.pareto.layout import LANE_GAP, LANE_HEIGHT, MARGIN, PRESETS, UNTRAINED, Layers
from reports.frames.retrained import is_retrained
from reports.style.label_placement import (
    MARKER,
    first_name,
    given_labels,
    place_labels,
    reference_hover,
    trial_hover,
)
from reports.style.legend import (
    DIAMOND,
    FRONT_LINE,
    HOLLOW,
    KNEE,
    RETRAINED,
    RETRAINED_NAME,
    STAR,
    add_note,
    by_unit,
    legend_traces,
    predicted,
)
from reports.style.style import GRID, INK, MUTED, dark_edge, unit_style

FRONT, KNEE_NAME = "Pareto front (trial no.)", "knee of the front"
DOT_GAP = 8.0
"""Pixels between two places of the front's line that labels keep clear of."""
MANY = 1500
"""Number of trials behind the front from which they are drawn small and without edges. By SVG
all the same: Plotly draws WebGL over SVG, which would bury the front."""


def pareto_plane(layers: Layers) -> go.Figure:
    """Returns two objectives: the plot and, where something belongs there, the strip below it."""
    strip, height = layers.rows * LANE_HEIGHT, layers.plot_size[1]
    if layers.rows:
        total = height + strip + LANE_GAP
        figure = make_subplots(
            rows=2, shared_xaxes=True, vertical_spacing=LANE_GAP / total, row_heights=[height, strip]
        )
        _draw_strip(figure, layers)
    else:
        figure = make_subplots(rows=1)
    loud = layers.points["on_front"] | layers.points["given"].notna()
    traces = [
        *_trial_traces(layers.points[~loud], layers),
        *_limit_lines(layers),
        _front_line(layers),
        *_trial_traces(layers.points[loud], layers),
        *_untrained_traces(layers.crosses, layers),
        *_knee_and_presets(layers),
        *_retrained(layers),
        _label_trace(layers),
        *_legend(layers),
    ]
    figure.add_traces(traces)
    line = {"gridcolor": GRID, "zeroline": False, "linecolor": MUTED, "showline": True, "ticks": "outside"}
    figure.update_xaxes(**line, **layers.x.layout(), tickcolor=MUTED)
    figure.update_xaxes(title={"text": layers.x.title, "standoff": 12}, row=2 if layers.rows else 1, col=1)
    figure.update_yaxes(**line, **layers.y.layout(), title=layers.y.title, tickcolor=MUTED, row=1, col=1)
    figure.update_layout(margin=MARGIN)
    add_note(figure, layers.note)
    return figure


def _trial_traces(trials: pd.DataFrame, layers: Layers) -> list[go.Scatter]:
    """One trace a unit; front and given trials are large, opaque and edged, others shrink when many."""
    many = len(trials) > MANY
    size, opacity, edge = (6, 0.4, 0.0) if many else (9, 0.55, 0.7)
    traces = []
    for unit, group in by_unit(trials):
        look = unit_style(unit)
        given, front = group["given"].notna(), group["on_front"]
        symbols = np.where(given, "star", look.symbol).astype(object)
        symbols = np.where(predicted(group, layers.objectives), symbols + "-open", symbols)
        marker = {
            "color": look.colour,
            "symbol": symbols,
            "size": np.where(given, 17, np.where(front, 13, size)),
            "opacity": np.where(given | front, 1.0, opacity),
            "line": {"color": dark_edge(look.colour), "width": np.where(front | given, 1.6, edge)},
        }
        traces.append(_points(group, layers, marker, unit))
    return traces


def _untrained_traces(trials: pd.DataFrame, layers: Layers, y: float | None = None) -> list[go.Scatter]:
    """Trials without a result: crosses in their unit's colour, at ``y`` when they have none of their own."""
    traces = []
    for state, symbol in UNTRAINED.items():
        for unit, group in by_unit(trials[trials["state"] == state]):
            marker = _cross(symbol, unit_style(unit).colour)
            trace = _points(group, layers, marker, unit)
            traces.append(trace if y is None else trace.update(y=[y] * len(group)))
    return traces


def _cross(symbol: str, colour: str) -> dict[str, Any]:
    """Marker of a trial without a result; a thin symbol has a line only."""
    line = {"color": INK, "width": 2.2 if symbol.endswith("-thin") else 0.7}
    return {"symbol": symbol, "size": 8, "color": colour, "line": line}


def _points(group: pd.DataFrame, layers: Layers, marker: Mapping[str, object], unit: str) -> go.Scatter:
    x, y = (group[o.name] for o in layers.objectives)
    hover = [trial_hover(row, layers.objectives) for row in group.to_dict("records")]
    return go.Scatter(
        x=x, y=y, mode="markers", marker=marker, name=unit, legendgroup=unit, showlegend=False,
        hovertext=hover, hoverinfo="text",
    )  # fmt: skip


def _front_line(layers: Layers) -> go.Scatter:
    """The edge of what is attained, as a step line through the front."""
    x, y = layers.x.objective, layers.y.objective
    front = layers.points[layers.points["on_front"]].sort_values([x.name, y.name])
    return go.Scatter(
        x=front[x.name], y=front[y.name], mode="lines", name=FRONT, hoverinfo="skip", showlegend=False,
        legendgroup=FRONT,
        line={**FRONT_LINE, "shape": "vh" if x.direction == "maximize" else "hv"},
    )  # fmt: skip


def _limit_lines(layers: Layers) -> list[go.Scatter]:
    """Constraints on one of the axes as dotted lines with their value."""
    traces = []
    for limit in layers.limits:
        along_x = limit.name == layers.x.objective.name
        axis, other = (layers.x, layers.y) if along_x else (layers.y, layers.x)
        across, ends = [limit.value, limit.value], [other.low, other.high]
        side = "right" if along_x and limit.bound == "min" else "left"
        text = [f"{limit.bound} {tick_text(limit.value)}{axis.suffix}", ""]
        trace = go.Scatter(
            x=across if along_x else ends, y=ends if along_x else across, mode="lines+text", hoverinfo="skip",
            line={"color": MUTED, "width": 1.2, "dash": "dot"}, showlegend=False,
            text=text if along_x else text[::-1], textfont={"size": 11, "color": MUTED},
            textposition=f"top {side}",
        )  # fmt: skip
        traces.append(trace)
    return traces


def _knee_and_presets(layers: Layers) -> list[go.Scatter]:
    """A ring around the knee, and the published presets that have both coordinates."""
    x, y = (o.name for o in layers.objectives)
    traces = []
    knee = layers.points[layers.points["knee"]]
    if layers.points["on_front"].sum() > 2:
        look = {"marker": KNEE, "hoverinfo": "skip", "showlegend": False, "legendgroup": KNEE_NAME}
        traces.append(go.Scatter(x=knee[x], y=knee[y], mode="markers", **look))
    if len(layers.presets):
        traces.append(_diamonds(layers.presets, layers.presets[y], layers, placed=True))
    return traces


def _retrained(layers: Layers) -> list[go.Scatter]:
    """A dot in the mark of each trial that was trained in full; its new value, of other images, has no place here."""
    x, y = (o.name for o in layers.objectives)
    rows = layers.points[is_retrained(layers.points)]
    look = {"marker": RETRAINED, "hoverinfo": "skip", "showlegend": False, "legendgroup": RETRAINED_NAME}
    return [go.Scatter(x=rows[x], y=rows[y], mode="markers", **look)] if len(rows) else []


def _diamonds(presets: pd.DataFrame, y: object, layers: Layers, *, placed: bool) -> go.Scatter:
    hover = [reference_hover(row, layers.objectives, placed=placed) for row in presets.to_dict("records")]
    return go.Scatter(
        x=presets[layers.x.objective.name], y=y, mode="markers", name=PRESETS, showlegend=False,
        legendgroup=PRESETS, marker=DIAMOND, hovertext=hover, hoverinfo="text",
    )  # fmt: skip


def _legend(layers: Layers) -> list[go.Scatter]:
    """Entries of the marks that appear."""
    every = pd.concat([layers.points, layers.crosses, layers.lanes])
    marks: dict[str, dict[str, Any]] = {}
    if layers.points["on_front"].any():
        marks[FRONT] = {"line": FRONT_LINE}
    if layers.points["on_front"].sum() > 2:
        marks[KNEE_NAME] = {"marker": {**KNEE, "size": 15}}
    if is_retrained(layers.points).any():
        marks[RETRAINED_NAME] = {"marker": {**RETRAINED, "size": 9}}
    if layers.points["given"].notna().any():
        marks["given network"] = {"marker": STAR}
    if predicted(layers.points, layers.objectives).any():
        marks["predicted (hollow)"] = {"marker": HOLLOW}
    for state, symbol in UNTRAINED.items():
        if (every["state"] == state).any():
            marks[state] = {"marker": _cross(symbol, MUTED)}
    if len(layers.presets) or len(layers.preset_lane):
        marks[PRESETS] = {"marker": DIAMOND}
    return legend_traces(go.Scatter, every, marks)


def _draw_strip(figure: go.Figure, layers: Layers) -> None:
    """The strip below: a lane a state for trials without a result, and rows of presets with their names."""
    centres, start = [], 0
    for lane, rows in layers.lane_rows.items():
        centres.append(start + (rows - 1) / 2)
        if lane == PRESETS:
            _draw_preset_lane(figure, layers, start, rows)
        else:
            for trace in _untrained_traces(layers.lanes[layers.lanes["state"] == lane], layers, start):
                figure.add_trace(trace, row=2, col=1)
        start += rows
    figure.update_yaxes(
        row=2, col=1, range=[-0.6, start - 0.4], tickvals=centres, ticktext=list(layers.lane_rows),
        showgrid=False, zeroline=False, showline=True, linecolor=MUTED, fixedrange=True,
        tickfont={"size": 12, "color": MUTED},
    )  # fmt: skip


def _draw_preset_lane(figure: go.Figure, layers: Layers, start: int, rows: int) -> None:
    presets = layers.preset_lane
    heights = start + rows - 1 - presets["row"]
    figure.add_trace(_diamonds(presets, heights, layers, placed=False), row=2, col=1)
    x = presets[layers.x.objective.name]
    labels = _texts(x, heights, presets["text"], presets["side"], MUTED)
    figure.add_trace(labels.update(legendgroup=PRESETS), row=2, col=1)


def _texts(x: object, y: object, texts: Iterable[str], sides: object, colour: str) -> go.Scatter:
    """Text beside markers drawn elsewhere: an unseen marker keeps the distance."""
    return go.Scatter(
        x=x, y=y, mode="markers+text", text=[html.escape(text) for text in texts], textposition=sides,
        textfont={"size": 11, "color": colour}, marker={"size": MARKER, "opacity": 0}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip


def _label_trace(layers: Layers) -> go.Scatter:
    """Names of given trials and presets, numbers of front trials, each where there is room."""
    x, y = (o.name for o in layers.objectives)
    loud = layers.points[layers.points["on_front"] | layers.points["given"].notna()]
    loud = loud.assign(text=given_labels(loud, y), sampled=loud["given"].isna())
    loud = loud[loud["text"] != ""].sort_values(["sampled", "knee"], ascending=[True, False], kind="stable")
    columns = [x, y, "text"]
    labels = loud[columns]
    if len(layers.presets):
        labels = pd.concat([labels, layers.presets.assign(text=layers.presets["name"])[columns]])
    # Nothing in a dense cloud has a free side: there only what is loud is kept clear.
    quiet = [layers.points, layers.crosses] if len(layers.points) <= MANY else []
    marks = pd.concat([frame[[x, y]] for frame in (*quiet, loud, labels)])
    texts = [first_name(text) for text in labels["text"]]
    obstacles = np.vstack([_pixels(marks, layers), _front_dots(layers)])
    places = place_labels(_pixels(labels, layers), texts, obstacles, layers.plot_size)
    kept = [place for place in places if place.position]
    rows = labels.iloc[[place.index for place in kept]]
    return _texts(rows[x], rows[y], [texts[p.index] for p in kept], [p.position for p in kept], INK)


def _front_dots(layers: Layers) -> NDArray[np.float64]:
    """``(N, 2)`` places along the front's step line, close enough that no label stands on it unseen."""
    x, y = layers.x.objective, layers.y.objective
    front = layers.points[layers.points["on_front"]].sort_values([x.name, y.name])
    corners = _pixels(front, layers)
    dots = [np.empty((0, 2))]
    for here, there in pairwise(corners):
        corner = np.array([here[0], there[1]] if x.direction == "maximize" else [there[0], here[1]])
        for first, last in ((here, corner), (corner, there)):
            steps = max(2, int(np.abs(last - first).max() // DOT_GAP) + 1)
            # The ends are markers, whose own label may stand beside them.
            dots.append(np.linspace(first, last, steps)[1:-1])
    return np.vstack(dots)


def _pixels(rows: pd.DataFrame, layers: Layers) -> NDArray[np.float64]:
    """``(N, 2)`` places in the plot area, y upwards."""
    x, y = (axis.fraction(rows[axis.objective.name]) for axis in (layers.x, layers.y))
    width, height = layers.plot_size
    return np.column_stack([x * width, y * height])
