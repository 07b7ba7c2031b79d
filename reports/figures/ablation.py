"""An ablation as a waterfall of deltas: what each choice gives, beside what the paper says it gives."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from reports.style.style import INK, MUTED, OKABE_ITO, PAPER
from reports.style.theme import themed

GAIN, LOSS = OKABE_ITO["blue"], OKABE_ITO["orange"]
"""Told apart in greyscale too; the sign stands beside each bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One step: a bar from the metric before it to the one after it.

    Attributes:
        row: its place from the top.
        text: part of the paper and what changes.
        before, after: the metric in per cent.
        low, high: ends of the 95 % interval of ``after`` given ``before``; ``None`` for one seed.
        published: where the paper's delta would end; ``None`` where none is published.
        summary: the deltas in words.
        continues: the step starts where the one above it ends.
    """

    row: int
    text: str
    before: float
    after: float
    low: float | None
    high: float | None
    published: float | None
    summary: str
    continues: bool

    @property
    def gain(self) -> bool:
        """Whether the metric did not fall."""
        return self.after >= self.before


def waterfall(steps: pd.DataFrame) -> list[Bar]:
    """Returns the bars of a :func:`reports.frames.comparison.step_frame`, in its order."""
    bars: list[Bar] = []
    above = None
    for row, step in enumerate(steps.to_dict("records")):
        delta, published = step["delta"], step["published_delta"]
        summary = f"{delta:+.2f}"
        if pd.notna(step["delta_low"]):
            summary += f" ± {step['delta_high'] - delta:.2f}"
        if pd.notna(published):
            summary += f" (published {float(published):+g})"
        low, high = (
            (None, None)
            if pd.isna(step["delta_low"])
            else (step["before"] + step["delta_low"], step["before"] + step["delta_high"])
        )
        bars.append(
            Bar(
                row=row, text=f"{step['part']}: {step['change']}", before=step["before"], after=step["after"],
                low=low, high=high, published=None if pd.isna(published) else step["before"] + float(published),
                summary=summary.replace("-", "−"), continues=above == step["base"],
            )
        )  # fmt: skip
        above = step["variant"]
    return bars


def ablation_figure(bars: Sequence[Bar], metric: str, *, title: str, subtitle: str = "") -> go.Figure:
    """Returns one row a step; a hollow diamond where the paper's delta would end; a line joins steps that follow on."""
    figure = go.Figure()
    for gain, name in ((True, "gains"), (False, "loses")):
        chosen = [bar for bar in bars if bar.gain is gain]
        if chosen:
            figure.add_trace(_bars(chosen, GAIN if gain else LOSS, name))
    for bar in bars:
        if bar.continues:
            figure.add_shape(
                type="line", x0=bar.before, x1=bar.before, y0=bar.row - 1 + 0.29, y1=bar.row - 0.29,
                line={"color": MUTED, "width": 1.2, "dash": "dot"},
            )  # fmt: skip
    published = [bar for bar in bars if bar.published is not None]
    if published:
        figure.add_trace(
            go.Scatter(
                x=[bar.published for bar in published], y=[bar.row for bar in published], mode="markers",
                name="where the published delta would end", hoverinfo="skip",
                marker={"symbol": "diamond", "size": 11, "color": PAPER, "line": {"color": INK, "width": 1.6}},
            )
        )  # fmt: skip
    ends = [
        v for bar in bars for v in (bar.before, bar.after, bar.low, bar.high, bar.published) if v is not None
    ]
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0
    for bar in bars:
        right = max(v for v in (bar.before, bar.after, bar.high, bar.published) if v is not None)
        figure.add_annotation(
            x=right, y=bar.row, text=bar.summary, showarrow=False, xanchor="left", xshift=12,
            font={"size": 12, "color": INK},
        )  # fmt: skip
    themed(figure, title, subtitle)
    figure.update_xaxes(
        title={"text": metric, "font": {"size": 13, "color": MUTED}},
        range=[low - 0.06 * span, high + 0.34 * span],
    )
    figure.update_yaxes(
        tickvals=[bar.row for bar in bars], ticktext=[html.escape(bar.text) for bar in bars], showgrid=False,
        range=[len(bars) - 0.4, -0.6], ticks="", automargin=True,
    )  # fmt: skip
    figure.update_layout(
        barmode="overlay", margin={"t": 118},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}},
    )  # fmt: skip
    return figure


def _bars(bars: Sequence[Bar], colour: str, name: str) -> go.Bar:
    error = [0.0 if bar.high is None else bar.high - bar.after for bar in bars]
    return go.Bar(
        base=[bar.before for bar in bars], x=[bar.after - bar.before for bar in bars], y=[bar.row for bar in bars],
        orientation="h", width=0.58, name=name, marker={"color": colour, "line": {"color": INK, "width": 1}},
        error_x={"type": "data", "array": error, "color": INK, "thickness": 1.2, "visible": any(error)},
        customdata=[[bar.summary] for bar in bars], hovertemplate="%{customdata[0]}<extra></extra>",
    )  # fmt: skip
