"""The traces of a Pareto plot of two objectives, alone or one of several panels, and the marks of its legend."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from archspace.support.numbers import tick_text
from reports.figures.pareto.layout import PRESETS, UNTRAINED, Layers
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
    UNSTABLE,
    UNSTABLE_NAME,
    by_look,
    predicted,
    unstable,
)
from reports.style.style import INK, MUTED, dark_edge

FRONT, KNEE_NAME = "Pareto front (trial no.)", "knee of the front"
KNEE_OF_MORE = 2
"""A knee is ringed on a front of more points than this."""
WIDE, NARROW = "wide", "narrow"
"""Labels of a page that is as wide as the picture, and of one on a phone."""
DOT_GAP = 8.0
"""Pixels between two places of the front's line that labels keep clear of."""
MANY = 1500
"""Number of trials behind the front from which they are drawn small and without edges. By SVG
all the same: Plotly draws WebGL over SVG, which would bury the front."""


def plane_traces(layers: Layers) -> list[go.Scatter]:
    """Returns what stands in the plot of two objectives, without the legend."""
    loud = layers.points["on_front"] | layers.points["given"].notna()
    return [
        *_trial_traces(layers.points[~loud], layers),
        *_limit_lines(layers),
        _front_line(layers),
        *_trial_traces(layers.points[loud], layers),
        *untrained_traces(layers.crosses, layers),
        *_knee_and_presets(layers),
        *_retrained(layers),
        *_unstable(layers),
        label_trace(layers).update(meta=WIDE),
    ]


def _trial_traces(trials: pd.DataFrame, layers: Layers) -> list[go.Scatter]:
    """One trace a unit; front and given trials are large, opaque and edged, others shrink when many."""
    many = len(trials) > MANY
    size, opacity, edge = (6, 0.4, 0.0) if many else (9, 0.55, 0.7)
    traces = []
    for name, look, group in by_look(trials):
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
        traces.append(_points(group, layers, marker, name))
    return traces


def untrained_traces(trials: pd.DataFrame, layers: Layers, y: float | None = None) -> list[go.Scatter]:
    """Trials without a result: crosses in their unit's colour, at ``y`` when they have none of their own."""
    traces = []
    for state, symbol in UNTRAINED.items():
        for name, look, group in by_look(trials[trials["state"] == state]):
            marker = _cross(symbol, look.colour)
            trace = _points(group, layers, marker, name)
            traces.append(trace if y is None else trace.update(y=[y] * len(group)))
    return traces


def _cross(symbol: str, colour: str) -> dict[str, Any]:
    """Marker of a trial without a result; a thin symbol has a line only."""
    only_line = symbol.endswith("-thin") or symbol.startswith("line-")
    line = {"color": INK, "width": 2.2 if only_line else 0.7}
    return {"symbol": symbol, "size": 8, "color": colour, "line": line}


def _points(group: pd.DataFrame, layers: Layers, marker: Mapping[str, object], name: str) -> go.Scatter:
    x, y = (group[o.name] for o in layers.objectives)
    hover = [trial_hover(row, layers.objectives) for row in group.to_dict("records")]
    return go.Scatter(
        x=x, y=y, mode="markers", marker=marker, name=name, legendgroup=name, showlegend=False,
        hovertext=hover, hoverinfo="text",
    )  # fmt: skip


def _front_line(layers: Layers) -> go.Scatter:
    """The edge of what is attained, as a step line through the front."""
    x, y, front = layers.x.objective, layers.y.objective, layers.joined
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
    if layers.points["on_front"].sum() > KNEE_OF_MORE:
        look = {"marker": KNEE, "hoverinfo": "skip", "showlegend": False, "legendgroup": KNEE_NAME}
        traces.append(go.Scatter(x=knee[x], y=knee[y], mode="markers", **look))
    if len(layers.presets):
        traces.append(diamonds(layers.presets, layers.presets[y], layers, placed=True))
    return traces


def _retrained(layers: Layers) -> list[go.Scatter]:
    """A dot in the mark of each trial that was trained in full; its new value, of other images, has no place here."""
    x, y = (o.name for o in layers.objectives)
    rows = layers.points[is_retrained(layers.points)]
    look = {"marker": RETRAINED, "hoverinfo": "skip", "showlegend": False, "legendgroup": RETRAINED_NAME}
    return [go.Scatter(x=rows[x], y=rows[y], mode="markers", **look)] if len(rows) else []


def _unstable(layers: Layers) -> list[go.Scatter]:
    """A square around each trial of which an unstable number is drawn."""
    x, y = (o.name for o in layers.objectives)
    rows = layers.points[unstable(layers.points, layers.objectives)]
    look = {"marker": UNSTABLE, "hoverinfo": "skip", "showlegend": False, "legendgroup": UNSTABLE_NAME}
    return [go.Scatter(x=rows[x], y=rows[y], mode="markers", **look)] if len(rows) else []


def diamonds(presets: pd.DataFrame, y: object, layers: Layers, *, placed: bool) -> go.Scatter:
    """Returns published presets at heights ``y``; ``placed`` when they have coordinates on every axis."""
    hover = [reference_hover(row, layers.objectives, placed=placed) for row in presets.to_dict("records")]
    return go.Scatter(
        x=presets[layers.x.objective.name], y=y, mode="markers", name=PRESETS, showlegend=False,
        legendgroup=PRESETS, marker=DIAMOND, hovertext=hover, hoverinfo="text",
    )  # fmt: skip


def every_trial(panels: Sequence[Layers]) -> pd.DataFrame:
    """Returns the trials that some panel draws."""
    return pd.concat([part for one in panels for part in (one.points, one.crosses, one.lanes)])


def marks(panels: Sequence[Layers], *, line: str = FRONT, large: str = "") -> dict[str, dict[str, Any]]:
    """Returns the legend's entries of the marks that appear in the panels.

    Args:
        panels: one, or several of one study.
        line: what the line is called.
        large: what large markers mean, where that is not said by the line.
    """
    every, points = every_trial(panels), pd.concat([one.points for one in panels])
    found: dict[str, dict[str, Any]] = {}
    if large:
        found[large] = {
            "marker": {"symbol": "circle", "size": 13, "color": MUTED, "line": {"color": INK, "width": 1.6}}
        }
    if points["on_front"].any():
        found[line] = {"line": FRONT_LINE}
    if panels[0].points["on_front"].sum() > KNEE_OF_MORE:
        found[KNEE_NAME] = {"marker": {**KNEE, "size": 15}}
    if is_retrained(points).any():
        found[RETRAINED_NAME] = {"marker": {**RETRAINED, "size": 9}}
    if points["given"].notna().any():
        found["given network"] = {"marker": STAR}
    if any(predicted(one.points, one.objectives).any() for one in panels):
        found["predicted (hollow)"] = {"marker": HOLLOW}
    if any(unstable(one.points, one.objectives).any() for one in panels):
        found[UNSTABLE_NAME] = {"marker": UNSTABLE}
    for state, symbol in UNTRAINED.items():
        if (every["state"] == state).any():
            found[state] = {"marker": _cross(symbol, MUTED)}
    if any(len(one.presets) or len(one.preset_lane) for one in panels):
        found[PRESETS] = {"marker": DIAMOND}
    return found


def point_texts(x: object, y: object, texts: Iterable[str], sides: object, colour: str) -> go.Scatter:
    """Text beside markers drawn elsewhere: an unseen marker keeps the distance."""
    return go.Scatter(
        x=x, y=y, mode="markers+text", text=[html.escape(text) for text in texts], textposition=sides,
        textfont={"size": 11, "color": colour}, marker={"size": MARKER, "opacity": 0}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip


def label_trace(layers: Layers) -> go.Scatter:
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
    return point_texts(rows[x], rows[y], [texts[p.index] for p in kept], [p.position for p in kept], INK)


def _front_dots(layers: Layers) -> NDArray[np.float64]:
    """``(N, 2)`` places along the front's step line, close enough that no label stands on it unseen."""
    x = layers.x.objective
    corners = _pixels(layers.joined, layers)
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
