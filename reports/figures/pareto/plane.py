"""Draw the Pareto plot of two objectives from its layers."""

from __future__ import annotations

from dataclasses import replace

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from reports.figures.pareto.layout import LANE_GAP, LANE_HEIGHT, MARGIN, PRESETS, Layers
from reports.figures.pareto.traces import (
    NARROW,
    WIDE,
    diamonds,
    every_trial,
    label_trace,
    marks,
    plane_traces,
    point_texts,
    untrained_traces,
)
from reports.style.legend import add_note, legend_traces
from reports.style.style import GRID, MUTED

PHONE_PLOT = (290.0, 330.0)
"""Width and height in pixels of the plot area on a phone."""


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
    figure.add_traces(
        [
            *plane_traces(layers),
            _phone_labels(layers),
            *legend_traces(go.Scatter, every_trial([layers]), marks([layers])),
        ]
    )
    line = {"gridcolor": GRID, "zeroline": False, "linecolor": MUTED, "showline": True, "ticks": "outside"}
    figure.update_xaxes(**line, **layers.x.layout(), tickcolor=MUTED)
    figure.update_xaxes(title={"text": layers.x.title, "standoff": 12}, row=2 if layers.rows else 1, col=1)
    figure.update_yaxes(**line, **layers.y.layout(), title=layers.y.title, tickcolor=MUTED, row=1, col=1)
    figure.update_layout(margin=MARGIN)
    add_note(figure, layers.note)
    return figure


def _phone_labels(layers: Layers) -> go.Scatter:
    """The labels for which a phone has room; the page shows these or the others."""
    small = replace(layers, size=PHONE_PLOT)
    return label_trace(small).update(meta=NARROW, visible=False)


def _draw_strip(figure: go.Figure, layers: Layers) -> None:
    """The strip below: a lane a state for trials without a result, and rows of presets with their names."""
    centres, start = [], 0
    for lane, rows in layers.lane_rows.items():
        centres.append(start + (rows - 1) / 2)
        if lane == PRESETS:
            _draw_preset_lane(figure, layers, start, rows)
        else:
            for trace in untrained_traces(layers.lanes[layers.lanes["state"] == lane], layers, start):
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
    figure.add_trace(diamonds(presets, heights, layers, placed=False), row=2, col=1)
    x = presets[layers.x.objective.name]
    labels = point_texts(x, heights, presets["text"], presets["side"], MUTED)
    figure.add_trace(labels.update(legendgroup=PRESETS, meta=WIDE), row=2, col=1)
