"""What the study's figures share: title, fonts, axes, margins."""

from __future__ import annotations

import html

import plotly.graph_objects as go

from reports.dress import AXIS, dress
from reports.style import MUTED


def dressed(figure: go.Figure, title: str, subtitle: str = "") -> go.Figure:
    """The figure with the toolkit's title, fonts, grid and paper; texts are escaped."""
    dress(figure, title, subtitle)
    figure.update_layout(margin={"l": 90, "r": 40, "t": 104, "b": 68})
    figure.update_xaxes(**AXIS)
    figure.update_yaxes(**AXIS)
    return figure


def remark(figure: go.Figure, text: str) -> go.Figure:
    """The figure with a line of text in its middle, for what cannot be drawn."""
    figure.add_annotation(
        text=html.escape(text), showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5,
        font={"size": 15, "color": MUTED},
    )  # fmt: skip
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure
