"""A study's quality against each of its costs, with the front of each pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.fronts.pareto import minimised, non_dominated
from analysis.quantities import Quantity, described
from reports.frames.origins import origins
from reports.style.axes import Axis, make_axis, reachable
from reports.style.legend import (
    DIAMOND,
    FRONT_LINE,
    HOLLOW,
    UNSTABLE,
    UNSTABLE_NAME,
    by_look,
    legend_traces,
    predicted,
    unstable,
)
from reports.style.style import INK, dark_edge
from reports.style.theme import remark, themed

COSTS = ("macs", "params", "latency_ms", "energy_mj")
"""Costs that every study is drawn over where its trials have them; those of its own objectives follow."""
MOST_TICKS = 5
PRESETS = "published presets (cost alone)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Quality against one cost: ``front`` marks the rows of the frame that no other beats in both."""

    cost: Quantity
    quality: Quantity
    front: tuple[bool, ...]
    x: Axis
    y: Axis


def quality_of(objectives: Sequence[Quantity]) -> Quantity | None:
    """Returns the first objective that says how good a network is."""
    return next((one for one in objectives if one.quality), None)


def pairs(
    frame: pd.DataFrame, quality: Quantity, references: pd.DataFrame, objectives: Sequence[Quantity] = ()
) -> list[Pair]:
    """Returns each cost that the complete trials have, with the front of quality against it.

    Args:
        frame: a :func:`reports.frames.trials.trial_frame`.
        quality: what says how good a network is.
        references: a :func:`reports.frames.trials.preset_references`.
        objectives: the study's; those that are no quality are costs too.
    """
    panels = []
    own = {one.name: one for one in objectives if not one.quality}
    names = dict.fromkeys((*COSTS, *own))
    complete = (frame["state"] == "complete").to_numpy()
    for cost in (described(name, own) for name in names if name in frame):
        values = frame[[cost.name, quality.name]].to_numpy(dtype=float).copy()
        values[~complete] = np.nan
        values[~np.isfinite(values).all(axis=1)] = np.nan
        if np.isnan(values).all():
            continue
        front = non_dominated(minimised(values, [cost.direction, quality.direction]))
        near = reachable(references, frame, cost)
        costs = [*values[:, 0], *near.get(cost.name, [])]
        axes = [
            make_axis(one, numbers, origins(frame, one.name), margins=(0.06, 0.08))
            for one, numbers in ((cost, costs), (quality, values[:, 1]))
        ]
        panels.append(Pair(cost=cost, quality=quality, front=tuple(front.tolist()), x=axes[0], y=axes[1]))
    return panels


def tradeoffs_figure(
    frame: pd.DataFrame, panels: Sequence[Pair], references: pd.DataFrame, *, title: str
) -> go.Figure:
    """Returns one panel a cost, two beside each other.

    Trials by unit, the pair's front, published presets as ticks below.
    """
    if not panels:
        return remark(themed(go.Figure(), title), "no complete trial has both a quality and a cost")
    columns = min(2, len(panels))
    figure = make_subplots(
        rows=-(-len(panels) // columns), cols=columns, horizontal_spacing=0.1, vertical_spacing=0.16
    )
    complete = frame["state"] == "complete"
    for index, pair in enumerate(panels):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        front = np.array(pair.front)
        line = frame[front].sort_values(pair.cost.name)
        figure.add_trace(
            go.Scatter(
                x=line[pair.cost.name], y=line[pair.quality.name], mode="lines", showlegend=False,
                hoverinfo="skip", line={**FRONT_LINE, "shape": "hv"},
            ),
            **place,
        )  # fmt: skip
        for name, look, group in by_look(frame[complete].assign(best=front[complete])):
            open_ones = predicted(group, [pair.cost, pair.quality])
            figure.add_trace(
                go.Scatter(
                    x=group[pair.cost.name], y=group[pair.quality.name], mode="markers", legendgroup=name,
                    name=name, showlegend=False, text=group["label"],
                    hovertemplate="trial %{text}: %{x:.4s}, %{y:.4g}<extra></extra>",
                    marker={
                        "color": look.colour, "symbol": np.where(open_ones, f"{look.symbol}-open", look.symbol),
                        "size": np.where(group["best"], 11, 7),
                        "opacity": np.where(group["best"], 1.0, 0.5),
                        "line": {"color": dark_edge(look.colour), "width": np.where(group["best"], 1.4, 0.5)},
                    },
                ),
                **place,
            )  # fmt: skip
        doubtful = frame[complete & unstable(frame, [pair.cost, pair.quality])]
        if len(doubtful):
            figure.add_trace(
                go.Scatter(
                    x=doubtful[pair.cost.name], y=doubtful[pair.quality.name], mode="markers", marker=UNSTABLE,
                    hoverinfo="skip", showlegend=False, legendgroup=UNSTABLE_NAME,
                ),
                **place,
            )  # fmt: skip
        near = reachable(references, frame, pair.cost)
        if len(near):
            figure.add_trace(
                go.Scatter(
                    x=near[pair.cost.name], y=[pair.y.low] * len(near), mode="markers", showlegend=False,
                    legendgroup=PRESETS, text=near["name"], hovertemplate="%{text}: %{x:.4s}<extra></extra>",
                    marker={"symbol": "line-ns-open", "size": 12, "color": INK, "line": {"width": 1.4}},
                    cliponaxis=False,
                ),
                **place,
            )  # fmt: skip
        small = {"size": 12}
        figure.update_xaxes(
            **pair.x.thinned(MOST_TICKS), title={"text": pair.x.title, "font": small}, **place
        )
        figure.update_yaxes(
            **pair.y.thinned(MOST_TICKS), title={"text": pair.y.title, "font": small}, **place
        )
    marks = {"Pareto front of the pair": {"line": FRONT_LINE}}
    if any(predicted(frame[complete], [pair.cost, pair.quality]).any() for pair in panels):
        marks["predicted (hollow)"] = {"marker": HOLLOW}
    if any(unstable(frame[complete], [pair.cost, pair.quality]).any() for pair in panels):
        marks[UNSTABLE_NAME] = {"marker": UNSTABLE}
    if len(references):
        marks[PRESETS] = {"marker": {**DIAMOND, "symbol": "line-ns-open", "color": INK}}
    figure.add_traces(legend_traces(go.Scatter, frame[complete], marks))
    figure = themed(
        figure, title, "every complete trial; the line joins what no other trial beats in both numbers"
    )
    if len(panels) % 2 and len(panels) > 1:  # the legend fills the panel that is left
        figure.update_layout(legend={"x": 0.58, "xanchor": "left", "y": 0.36, "yanchor": "top"})
    return figure
