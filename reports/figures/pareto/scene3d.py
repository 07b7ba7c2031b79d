"""Draw the Pareto plot of three objectives: a scene to turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis.quantities import Quantity
from reports.figures.pareto.layout import PRESETS, UNTRAINED
from reports.figures.pareto.traces import KNEE_NAME, KNEE_OF_MORE
from reports.frames.origins import origins
from reports.frames.retrained import is_retrained
from reports.style.axes import Axis, make_axis, reachable
from reports.style.label_placement import given_labels, reference_hover, trial_hover
from reports.style.legend import RETRAINED_NAME, UNSTABLE, UNSTABLE_NAME, by_look, predicted, unstable
from reports.style.style import GRID, INK, MUTED, UnitStyle, dark_edge

_GIVEN = {"symbol": "diamond-open", "size": 9, "color": INK, "line": {"width": 2}}
_RETRAINED = {"symbol": "cross", "size": 9, "color": INK}
_DOUBTFUL = {**UNSTABLE, "size": 9, "color": MUTED, "line": {"width": 1}}
_REFERENCE = {"symbol": "diamond", "size": 4, "color": MUTED}
_UNTRAINED = {"symbol": "x", "size": 3, "color": MUTED}
_KNEE = {"symbol": "circle-open", "size": 13, "color": INK, "line": {"width": 2}}
LARGE = "front of all three (large)"
"""What large markers mean in plots of three objectives."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The traces of a 3-D view, its layout, and how many trials have no place in it."""

    traces: tuple[go.Scatter3d, ...]
    layout: Mapping[str, Any]
    unplaced: int


def pareto_scene(frame: pd.DataFrame, order: Sequence[Quantity], references: pd.DataFrame) -> Scene:
    """Returns trials over three objectives; those on the front are large and opaque, with drop lines to the floor.

    Trials and presets without all three coordinates are not drawn.

    Args:
        frame: a :func:`reports.frames.trials.trial_frame` without copies.
        order: objectives of x, y and z.
        references: a :func:`reports.frames.trials.preset_references`.
    """
    located = frame[[o.name for o in order]].map(np.isfinite).all(axis=1)
    complete = located & (frame["state"] == "complete")
    points, crosses = frame[complete], frame[located & ~complete]
    presets = _placed_presets(references, frame, order)
    parts = [points, crosses, *([presets] if len(presets) else [])]
    axes = [
        make_axis(
            o, [v for part in parts for v in part[o.name]], origins(points, o.name), margins=(0.05, 0.05)
        )
        for o in order
    ]
    traces = [
        _cloud(group, order, name, look)
        for group_of in (points[~points["on_front"]], points[points["on_front"]])
        for name, look, group in by_look(group_of)
    ]
    traces.append(_drop_lines(points[points["on_front"]], axes))
    others = [("given network", points[points["given"].notna()], _GIVEN), (PRESETS, presets, _REFERENCE)]
    others += [(state, crosses[crosses["state"] == state], _UNTRAINED) for state in UNTRAINED]
    others.append((RETRAINED_NAME, points[is_retrained(points)], _RETRAINED))
    others.append((UNSTABLE_NAME, points[unstable(points, order)], _DOUBTFUL))
    if points["on_front"].sum() > KNEE_OF_MORE:
        others.append((KNEE_NAME, points[points["knee"]], _KNEE))
    traces += [_marks(group, order, name, marker) for name, group, marker in others if len(group)]
    return Scene(tuple(traces), _scene(axes), len(frame) - int(located.sum()))


def _placed_presets(references: pd.DataFrame, frame: pd.DataFrame, order: Sequence[Quantity]) -> pd.DataFrame:
    """Presets that have all three coordinates, near the trials."""
    if any(o.name not in references for o in order):
        return references.iloc[:0]
    for objective in order:
        references = reachable(references, frame, objective)
    return references


def _cloud(group: pd.DataFrame, order: Sequence[Quantity], name: str, look: UnitStyle) -> go.Scatter3d:
    """The trials of one look, all on the front or all behind it (a 3-D trace has one opacity)."""
    front = bool(group["on_front"].all())
    hollow = predicted(group, order) & (look.symbol_3d in ("circle", "square"))
    marker = {
        "color": look.colour,
        "symbol": np.where(hollow, f"{look.symbol_3d}-open", look.symbol_3d),
        "size": 6 if front else 4,
        "opacity": 1.0 if front else 0.45,
        "line": {"color": dark_edge(look.colour), "width": 1.5 if front else 0},
    }
    x, y, z = (group[o.name] for o in order)
    labels = group["label"].where(group["given"].isna(), "") if front else None
    return go.Scatter3d(
        x=x, y=y, z=z, mode="markers+text" if front else "markers", marker=marker, name=name,
        legendgroup=name, showlegend=False, text=labels, textposition="top center",
        textfont={"size": 11, "color": INK}, hoverinfo="text",
        hovertext=[trial_hover(row, order) for row in group.to_dict("records")],
    )  # fmt: skip


def _drop_lines(front: pd.DataFrame, axes: Sequence[Axis]) -> go.Scatter3d:
    """Thin lines from the front to the floor, so that depth can be read off."""
    x, y, z = (axis.objective.name for axis in axes)
    lines: list[list[float | None]] = [[], [], []]
    for row in front[[x, y, z]].to_numpy():
        for axis, ends in enumerate(([row[0]] * 2, [row[1]] * 2, [axes[2].low, row[2]])):
            lines[axis] += [*ends, None]
    return go.Scatter3d(
        x=lines[0], y=lines[1], z=lines[2], mode="lines", line={"color": MUTED, "width": 2},
        hoverinfo="skip", showlegend=False, legendgroup=LARGE,
    )  # fmt: skip


def _marks(group: pd.DataFrame, order: Sequence[Quantity], name: str, marker: dict[str, Any]) -> go.Scatter3d:
    rows = group.to_dict("records")
    presets = name == PRESETS
    hover = [reference_hover(row, order, placed=True) if presets else trial_hover(row, order) for row in rows]
    x, y, z = (group[o.name] for o in order)
    text = given_labels(group, order[2].name) if name == "given network" else None
    return go.Scatter3d(
        x=x, y=y, z=z, mode="markers" if text is None else "markers+text", text=text, marker=marker,
        name=name, showlegend=False, legendgroup=name, hovertext=hover, hoverinfo="text",
        textposition="top center", textfont={"size": 11, "color": INK},
    )  # fmt: skip


def _short(one: Quantity) -> str:
    """A title that a small view has room for; the panels have the whole one."""
    return f"{one.heading()} ({one.unit})" if one.unit and one.unit != one.short else one.heading()


def _scene(axes: Sequence[Axis]) -> dict[str, Any]:
    """The view, from so far away that the upright axis' title, left of its numbers, is in it on any screen."""
    scene: dict[str, Any] = {
        "camera": {"eye": {"x": 1.9, "y": -2.0, "z": 0.85}, "center": {"x": -0.08, "y": -0.08, "z": -0.15}},
        "aspectmode": "manual",
        "aspectratio": {"x": 1.25, "y": 1.25, "z": 0.95},
    }
    # A wall, even a white one, hides the part of a name that reaches behind it.
    for key, axis in zip(("xaxis", "yaxis", "zaxis"), axes, strict=True):
        scene[key] = {
            **axis.thinned(5), "title": {"text": _short(axis.objective), "font": {"size": 12}},
            "gridcolor": GRID, "showbackground": False, "tickfont": {"size": 11},
        }  # fmt: skip
    return scene
