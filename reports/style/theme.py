"""What every figure wears: title, fonts, paper, legend."""

from __future__ import annotations

import html

import plotly.graph_objects as go

from reports.style.style import FONT, GRID, INK, MUTED, PAPER

AXIS = {
    "gridcolor": GRID, "zeroline": False, "linecolor": MUTED, "showline": True, "ticks": "outside",
    "tickcolor": MUTED,
}  # fmt: skip
"""Looks of a plane's axis."""


def apply_theme(figure: go.Figure, title: str, subtitle: str = "") -> None:
    """Give ``figure`` the one look of all reports, a bold title and a smaller line below it."""
    figure.update_layout(
        title={
            "text": f"<b>{html.escape(title)}</b>",
            "subtitle": {"text": html.escape(subtitle), "font": {"size": 13, "color": MUTED}},
            "x": 0.012, "xanchor": "left", "y": 0.965, "yanchor": "top", "font": {"size": 20},
        },
        font={"family": FONT, "size": 13, "color": INK},
        paper_bgcolor=PAPER, plot_bgcolor=PAPER,
        legend={"x": 1.015, "y": 1, "xanchor": "left", "tracegroupgap": 3, "itemsizing": "trace"},
        hoverlabel={"align": "left", "bgcolor": PAPER, "font": {"family": FONT, "size": 12, "color": INK}},
    )  # fmt: skip


def themed(figure: go.Figure, title: str, subtitle: str = "") -> go.Figure:
    """Returns the figure with the toolkit's title, fonts, grid and paper; texts are escaped."""
    apply_theme(figure, title, subtitle)
    figure.update_layout(margin={"l": 90, "r": 40, "t": 104, "b": 68})
    figure.update_xaxes(**AXIS)
    figure.update_yaxes(**AXIS)
    return figure


def remark(figure: go.Figure, *lines: str) -> go.Figure:
    """Returns the figure with lines of text in its middle, for what cannot be drawn."""
    figure.add_annotation(
        text="<br>".join(map(html.escape, lines)), showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5,
        font={"size": 15, "color": MUTED},
    )  # fmt: skip
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure
