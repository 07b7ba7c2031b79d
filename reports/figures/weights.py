"""Field importance as bars with their doubt."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from analysis.fronts.importance import Importance
from reports.style.names import field_name
from reports.style.style import INK, OKABE_ITO, PAPER
from reports.style.theme import remark, themed

SHOWN = 12
HOW = "loss of R² on unseen networks when the field is shuffled; line: 95 % over five folds; random forest"


def importance_figure(importances: Sequence[Importance], titles: Sequence[str], *, title: str) -> go.Figure:
    """Bars of each number's heaviest fields; a line for each of which nothing can be said.

    Args:
        importances: one or more, drawn beside each other in the same order of fields.
        titles: of the numbers.
        title: first line.
    """
    figure = go.Figure()
    known = [(one, name) for one, name in zip(importances, titles, strict=True) if one.fields]
    silent = [
        f"{name}: {one.reason}" for one, name in zip(importances, titles, strict=True) if not one.fields
    ]
    if not known:
        return remark(themed(figure, title), *silent)
    order = [weight.field for weight in known[0][0].fields][:SHOWN][::-1]
    colours = [OKABE_ITO[name] for name in ("blue", "orange", "green", "purple")]
    patterns = ["", "/", ".", "x"]
    for index, (one, name) in enumerate(known):
        by_field = {weight.field: weight for weight in one.fields}
        rows = [by_field[field] for field in order if field in by_field]
        means = [row.mean for row in rows]
        figure.add_trace(
            go.Bar(
                y=[field_name(row.field) for row in rows], x=means, orientation="h",
                name=f"{name} (R² {one.explained:.2f}{' of its logarithm' * one.logarithm}, {one.networks} networks)",
                marker={"color": colours[index % 4], "pattern": {"shape": patterns[index % 4]}},
                error_x={
                    "array": [row.high - row.mean for row in rows], "arrayminus": [row.mean - row.low for row in rows],
                    "symmetric": False, "color": INK, "thickness": 1.2,
                },
            )
        )  # fmt: skip
    for line in silent:
        figure.add_trace(go.Bar(y=[field_name(order[0])], x=[0], name=line, marker={"color": PAPER}))
    figure.update_xaxes(title="Importance (loss of R²)", rangemode="tozero")
    figure = themed(figure, title, HOW)
    return figure.update_layout(
        margin={"l": 170, "t": 132}, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        showlegend=True,  # of a lone number too: its name and its R² stand there
    )  # fmt: skip
