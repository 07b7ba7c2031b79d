"""What the study's figures share: title, fonts, axes, margins."""

from __future__ import annotations

import html

import plotly.graph_objects as go

from reports.style import FONT, GRID, INK, MUTED, PAPER


def dressed(figure: go.Figure, title: str, subtitle: str = "") -> go.Figure:
    """The figure with the toolkit's title, fonts, grid and paper; texts are escaped."""
    figure.update_layout(
        title={
            "text": f"<b>{html.escape(title)}</b>",
            "subtitle": {"text": html.escape(subtitle), "font": {"size": 13, "color": MUTED}},
            "x": 0.012, "xanchor": "left", "y": 0.965, "yanchor": "top", "font": {"size": 20},
        },
        font={"family": FONT, "size": 13, "color": INK},
        paper_bgcolor=PAPER, plot_bgcolor=PAPER, margin={"l": 90, "r": 40, "t": 104, "b": 68},
        hoverlabel={"align": "left", "bgcolor": PAPER, "font": {"family": FONT, "size": 12, "color": INK}},
    )  # fmt: skip
    line = {"gridcolor": GRID, "zeroline": False, "linecolor": MUTED, "showline": True, "ticks": "outside"}
    figure.update_xaxes(**line, tickcolor=MUTED)
    figure.update_yaxes(**line, tickcolor=MUTED)
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
