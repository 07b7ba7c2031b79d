"""How far the same network comes out apart when it is trained with several seeds."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis.quantities import Quantity
from archspace.support.numbers import number
from reports.style.names import common_name, unit_name
from reports.style.style import INK, MUTED, dark_edge, unit_style
from reports.style.theme import remark, themed

LEVEL = 0.95
NO_SEEDS = "no network was trained with more than one seed, so the spread between seeds is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One network's result over its seeds.

    Attributes:
        name: label of its first trial.
        title: the network for people: what the names of its given trials share, else unit and trial.
        unit: of the network.
        values: one a seed.
        low, high: Student's t interval of the mean at 95 %.
    """

    name: str
    title: str
    arch_id: str
    unit: str
    values: tuple[float, ...]
    low: float
    high: float

    @property
    def mean(self) -> float:
        """Of the seeds."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """Standard deviation over the seeds (n - 1)."""
        return float(np.std(self.values, ddof=1))


def seed_spreads(
    frame: pd.DataFrame, objective: Quantity, trainings: Sequence[str] | None = None
) -> list[Spread]:
    """Returns every network that was trained with two seeds or more, best mean first.

    Args:
        frame: a :func:`reports.frames.trials.trial_frame`.
        objective: what is spread.
        trainings: for each row the name of how it was trained, where that differs: only equal ones are put together.
    """
    from scipy.stats import t

    frame = frame.assign(training=trainings if trainings is not None else "")
    done = frame[
        (frame["state"] == "complete") & np.isfinite(frame[objective.name]) & frame["duplicate_of"].isna()
    ]
    done = done.dropna(subset=["arch_id", "seed"]).drop_duplicates(["arch_id", "seed", "training"])
    done = done[done.duplicated(["arch_id", "training"], keep=False)]
    spreads = []
    for (arch_id, _), rows in done.groupby(["arch_id", "training"], sort=False):
        values = rows[objective.name].to_numpy(dtype=float)
        reach = (
            float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * float(values.std(ddof=1)) / len(values) ** 0.5
        )
        mean, first = float(values.mean()), rows.iloc[0]
        spreads.append(
            Spread(
                name=str(first["label"]), title=_title(rows), arch_id=str(arch_id), unit=str(first["unit"]),
                low=mean - reach, high=mean + reach, values=tuple(values.tolist()),
            )
        )  # fmt: skip
    return sorted(spreads, key=lambda one: one.mean, reverse=objective.direction == "maximize")


def _title(rows: pd.DataFrame) -> str:
    given = rows["given"].dropna()
    if len(given) == len(rows):
        return common_name([str(name) for name in given])
    first = rows.iloc[0]
    return f"{unit_name(str(first['unit']))}, trial {first['label']} ({len(rows)} seeds)"


def seeds_figure(spreads: Sequence[Spread], objective: Quantity, *, title: str) -> go.Figure:
    """Returns each network's seeds as marks and the mean's interval as a line; at most thirty networks."""
    figure = go.Figure()
    if not spreads:
        return remark(themed(figure, title), NO_SEEDS)
    shown = list(spreads[:30])[::-1]
    places = list(range(len(shown)))
    error = {
        "array": [one.high - one.mean for one in shown], "arrayminus": [one.mean - one.low for one in shown],
        "symmetric": False, "color": INK, "thickness": 1.4, "width": 6,
    }  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[one.mean for one in shown], y=places, mode="markers", error_x=error, showlegend=False,
            marker={"symbol": "line-ns-open", "size": 18, "color": INK, "line": {"width": 2}},
            hovertext=[f"mean {number(one.mean, objective.unit)}, n {len(one.values)}" for one in shown],
            hoverinfo="text",
        )
    )  # fmt: skip
    for place, one in zip(places, shown, strict=True):
        look = unit_style(one.unit)
        figure.add_trace(
            go.Scatter(
                x=one.values, y=[place] * len(one.values), mode="markers", showlegend=False,
                marker={
                    "color": look.colour, "symbol": look.symbol, "size": 12,
                    "line": {"color": dark_edge(look.colour), "width": 1},
                },
                hovertemplate="%{x}<extra>" + html.escape(unit_name(one.unit)) + "</extra>",
            )
        )  # fmt: skip
        figure.add_annotation(
            x=1.01, xref="paper", xanchor="left", y=place, showarrow=False, font={"size": 12, "color": MUTED},
            text=f"{one.mean:.2f} ± {one.deviation:.2f}",
        )  # fmt: skip
    names = [html.escape(one.title) for one in shown]
    figure.update_yaxes(tickvals=places, ticktext=names, range=[-0.6, len(shown) - 0.4], automargin=True)
    figure.update_xaxes(title=objective.label)
    figure = themed(
        figure, title,
        "marks: seeds; line: 95 % interval of the mean (Student's t); right: mean ± standard deviation",
    )  # fmt: skip
    return figure.update_layout(margin={"r": 130}, height=min(750, 210 + 70 * len(shown)))
