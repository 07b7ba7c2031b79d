"""Search methods replayed on a yardstick: hypervolume of the true values against the compute spent."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from reports.style.style import STUDY_COLOURS
from reports.style.theme import remark, themed

Floats = NDArray[np.float64]
FILL = 0.15
NO_REPLAYS = "no method was replayed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MethodCurve:
    """What a method reached over its replays, at each amount of compute.

    Attributes:
        median, low, high: share of the hypervolume of all networks, and the 95 % interval of the median.
        summary: what a person sees on pointing at the curve.
    """

    method: str
    median: Floats
    low: Floats
    high: Floats
    summary: str = ""


def replays_figure(
    compute: Floats, curves: Sequence[MethodCurve], *, title: str, told: str, subtitle: str = "",
) -> go.Figure:  # fmt: skip
    """Returns a line and a band a method.

    Args:
        compute: (G,) in trainings of the network of mean cost.
        told: what compute is counted in.
    """
    figure = go.Figure()
    if not curves:
        return remark(themed(figure, title), NO_REPLAYS)
    for place, one in enumerate(curves):
        colour = STUDY_COLOURS[place % len(STUDY_COLOURS)]
        dash = "solid" if place < len(STUDY_COLOURS) else "dot"
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        figure.add_trace(
            go.Scatter(
                x=[*compute, *compute[::-1]], y=[*(100 * one.high), *(100 * one.low[::-1])], fill="toself",
                fillcolor=f"rgba({red},{green},{blue},{FILL})", line={"width": 0}, hoverinfo="skip",
                showlegend=False, legendgroup=one.method,
            )
        )  # fmt: skip
        words = f"{html.escape(one.method)}<br>{html.escape(one.summary)}"
        figure.add_trace(
            go.Scatter(
                x=compute, y=100 * one.median, mode="lines", name=html.escape(one.method),
                legendgroup=one.method, line={"color": colour, "width": 2.2, "dash": dash},
                hovertemplate="%{x:.1f} trainings: %{y:.1f} %<extra>" + words + "</extra>",
            )
        )  # fmt: skip
    figure = themed(figure, title, subtitle)
    figure.update_layout(margin={"r": 190}, width=1100, height=640, hovermode="closest")
    figure.update_xaxes(
        title=f"compute spent in {told}, trainings of the network of mean cost", rangemode="tozero"
    )
    least = min(float(np.min(100 * one.low[len(compute) // 12 :])) for one in curves)
    figure.update_yaxes(
        title="hypervolume of the true values, % of that of all networks", range=[least - 2, 100.5]
    )
    return figure
