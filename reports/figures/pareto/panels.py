"""Draw the Pareto plot of three objectives: a panel a pair of them, and beside them a scene to turn."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.quantities import Quantity
from reports.figures.pareto.layout import MARGIN, Limits, plane_layers
from reports.figures.pareto.scene3d import LARGE, pareto_scene
from reports.figures.pareto.traces import every_trial, marks, plane_traces
from reports.style.axes import reachable
from reports.style.legend import add_note, legend_traces
from reports.style.theme import AXIS

PANEL = (300.0, 215.0)
"""Width and height in pixels for which labels are placed: a panel of the picture has more, one on a phone as much."""
HEIGHT = 960
PLACES = ((1, 1), (1, 2), (2, 1))
"""Row and column of each pair; the scene has the last place."""
PAIR_FRONT = "front of the two alone"


def pareto_panels(
    frame: pd.DataFrame, order: Sequence[Quantity], references: pd.DataFrame, constraints: Limits
) -> go.Figure:
    """Returns three panels and a scene; what is on the front of all three is large everywhere.

    In each panel the line joins the front of its two objectives alone.

    Args:
        frame: a :func:`reports.frames.trials.trial_frame` without copies.
        order: the objectives; what is maximised comes last.
        references: a :func:`reports.frames.trials.preset_references`.
        constraints: of the study.
    """
    first, second, third = order
    pairs = ((first, third), (second, third), (first, second))
    near = references
    for one in order:
        near = reachable(near, frame, one) if one.name in near else near
    panels = [plane_layers(frame, pair, near, constraints, panel=PANEL) for pair in pairs]
    figure = make_subplots(
        rows=2,
        cols=2,
        specs=[[{}, {}], [{}, {"type": "scene"}]],
        horizontal_spacing=0.13,
        vertical_spacing=0.13,
    )
    for layers, (row, col) in zip(panels, PLACES, strict=True):
        traces = plane_traces(layers)
        figure.add_traces(traces, rows=[row] * len(traces), cols=[col] * len(traces))
        small = {"size": 12}
        figure.update_xaxes(
            **AXIS,
            **layers.x.thinned(5),
            title={"text": layers.x.title, "font": small, "standoff": 6},
            row=row,
            col=col,
        )
        figure.update_yaxes(
            **AXIS,
            **layers.y.thinned(6),
            title={"text": layers.y.title, "font": small, "standoff": 6},
            row=row,
            col=col,
        )
    scene = pareto_scene(frame, order, references)
    figure.add_traces(list(scene.traces), rows=[2] * len(scene.traces), cols=[2] * len(scene.traces))
    figure.update_layout(scene=scene.layout, margin={**MARGIN, "l": 84}, height=HEIGHT)
    entries = marks(panels, line=PAIR_FRONT, large=LARGE)
    figure.add_traces(legend_traces(go.Scatter, every_trial(panels), entries))
    add_note(figure, _note(frame, order, scene.unplaced))
    return figure


def _note(frame: pd.DataFrame, order: Sequence[Quantity], unplaced: int) -> str:
    """What has no place in the scene, and of that what has none in any panel."""
    known = frame[[one.name for one in order]].notna()
    nowhere = int((known.sum(axis=1) < 2).sum())
    lines = []
    if nowhere:
        lines.append(f"not drawn: {nowhere} trial{'s' * (nowhere > 1)} with one<br>of these numbers or none")
    if unplaced > nowhere:
        lines.append(f"not in the 3-D view: {unplaced} trial{'s' * (unplaced > 1)}")
    return "<br>".join(lines)
