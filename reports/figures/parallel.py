"""Parallel coordinates: every trial as a line through its fields and its numbers."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis.quantities import Quantity
from archspace.support.numbers import counted, number
from reports.style.legend import by_look, legend_traces
from reports.style.names import field_name, network_name
from reports.style.style import INK, MUTED
from reports.style.theme import remark, themed

LEAST = 2
"""Complete trials below which there is nothing to follow from axis to axis."""
MOST_FIELDS = 8
CLOSE = 8
"""Axes from which their names stand in two heights."""
_LETTER = 7.0
"""Width of a tick's letter in pixels, about."""
_PLOT = 900.0
"""Width of the plot beside its legend in pixels, about."""
_FIELDS = ("unit", "width", "branches", "alphas", "network", "fusion", "reinforcement", "activation")
"""Fields in the order of their place; others that vary follow."""
_LEFT_OUT = ("version", "task", "classes", "input_size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinate:
    """One axis.

    Attributes:
        name: as titled.
        ticks: (place from 0 to 1, text).
        places: of every row of the frame, from 0 to 1; NaN where it has none.
    """

    name: str
    ticks: tuple[tuple[float, str], ...]
    places: tuple[float, ...]


def coordinates(
    frame: pd.DataFrame, objectives: Sequence[Quantity], free: Collection[str] = ()
) -> list[Coordinate]:
    """Returns the fields that vary among the trials of ``frame``, then the objectives, best at the top.

    Args:
        frame: of :func:`reports.frames.trials.trial_frame`.
        objectives: of the study.
        free: the fields that its space frees; the others follow from these, or are of given networks alone. Every field
            where it is empty.
    """
    fields = [column.removeprefix("spec.") for column in frame.columns if column.startswith("spec.")]
    fields = [field for field in fields if field in free or not free]
    known = [field for field in _FIELDS if field in fields]
    order = [*known, *(field for field in fields if field not in (*known, *_LEFT_OUT))]
    varying = [name for name in order if frame[f"spec.{name}"].astype(str).nunique() > 1][:MOST_FIELDS]
    axes = [_field(name, frame["unit" if name == "unit" else f"spec.{name}"].tolist()) for name in varying]
    return [*axes, *(_number(one, frame[one.name].to_numpy(dtype=float)) for one in objectives)]


def lacking(frame: pd.DataFrame) -> str | None:
    """Returns how many trials are needed where there are fewer; ``None`` where they are enough."""
    count = int((frame["state"] == "complete").sum())
    return f"too few: {counted(count, 'complete trial')}, {LEAST} are needed" if count < LEAST else None


def _field(name: str, entries: Sequence[object]) -> Coordinate:
    """A field: its values as steps; a list becomes the sum of its numbers, or its words as one."""
    lists = [_list(entry) for entry in entries]
    uniform = all(len(set(items)) <= 1 for items in lists if items is not None)
    values = [_value(entry, uniform) for entry in entries]
    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) == len(values):
        low, high = min(numbers), max(numbers)
        span = high - low or 1.0
        places = [(number - low) / span for number in numbers]
        middle = min(numbers, key=lambda number: abs(number - (low + high) / 2))
        ticks = [((one - low) / span, f"{one:.4g}") for one in dict.fromkeys((low, middle, high))]
        title = field_name(name) if uniform else f"{field_name(name)} (sum)"
        return Coordinate(name=title, ticks=tuple(ticks), places=tuple(places))
    texts = [_word(value) for value in values]
    # What is not known stands at the bottom, then numbers by size, then words.
    order = {_word(value): (value is not None, *_sorting(value)) for value in values}
    words = sorted(order, key=lambda word: order[word])
    step = {word: (place + 0.5) / len(words) for place, word in enumerate(words)}
    shown = words if len(words) <= 12 else words[:: math.ceil(len(words) / 12)]
    return Coordinate(
        name=field_name(name), places=tuple(step[text] for text in texts),
        ticks=tuple((step[word], _short(network_name(word))) for word in shown),
    )  # fmt: skip


def _list(entry: object) -> list[Any] | None:
    if isinstance(entry, str) and entry.startswith("["):
        entry = json.loads(entry)
    return list(entry) if isinstance(entry, list | tuple) else None


def _value(entry: object, uniform: bool) -> float | str | None:
    """A number or a word; of a list the one that all levels share (``uniform``), or the sum, or the words joined."""
    items = _list(entry)
    if items is not None and uniform:
        entry = items[0] if items else None
    elif items is not None:
        if all(isinstance(one, int | float) and not isinstance(one, bool) for one in items):
            return float(sum(items))
        return ", ".join(dict.fromkeys("–" if one is None else str(one) for one in items))
    if isinstance(entry, bool | np.bool_):
        return "yes" if entry else "no"
    if isinstance(entry, int | float | np.number):
        return None if math.isnan(float(entry)) else float(entry)
    return None if entry is None else str(entry)


def _word(value: float | str | None) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else value


def _sorting(value: float | str | None) -> tuple[bool, float, str]:
    return not isinstance(value, float), value if isinstance(value, float) else 0.0, _word(value)


def _short(word: str) -> str:
    return word if len(word) <= 16 else word[:15] + "…"


def _number(objective: Quantity, values: np.ndarray) -> Coordinate:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    log = low > 0 and high > 8 * low
    scaled = np.log(np.where(values > 0, values, np.nan)) if log else values
    ends = (math.log(low), math.log(high)) if log else (low, high)
    places = (scaled - ends[0]) / ((ends[1] - ends[0]) or 1.0)
    middle = math.exp(sum(ends) / 2) if log else sum(ends) / 2
    ticks = [(0.0, low), (0.5, middle), (1.0, high)]
    if objective.direction == "minimize":
        places, ticks = 1 - places, [(1 - place, value) for place, value in ticks]
    texts = tuple((place, number(value, objective.unit)) for place, value in ticks)
    return Coordinate(
        name=objective.short,
        ticks=texts,
        places=tuple(np.where(np.isfinite(places), places, np.nan).tolist()),
    )


def parallel_figure(frame: pd.DataFrame, axes: Sequence[Coordinate], *, title: str) -> go.Figure:
    """Returns the complete trials as lines in their unit's colour, those of the front thick and on top."""
    figure = go.Figure()
    if (few := lacking(frame)) is not None:
        return remark(themed(figure, title), few)
    if len(axes) < 2:
        return remark(themed(figure, title), "fewer than two fields and numbers vary")
    places = np.array([axis.places for axis in axes]).T
    rows = frame.assign(place=np.arange(len(frame)))
    rows = rows[rows["state"] == "complete"]
    across = [*range(len(axes)), None]
    for front in (False, True):
        for name, look, group in by_look(rows[rows["on_front"] == front]):
            # One trace a unit: lines end with a gap.
            x = [value for _ in range(len(group)) for value in across]
            y = [value for row in places[group["place"]] for value in (*row.tolist(), None)]
            figure.add_trace(
                go.Scatter(
                    x=x, y=y, mode="lines+markers" if front else "lines", opacity=1.0 if front else 0.3,
                    line={"color": look.colour, "width": 2.6 if front else 1.0}, hoverinfo="skip",
                    marker={"symbol": look.symbol, "size": 8, "line": {"color": INK, "width": 0.7}},
                    legendgroup=name, showlegend=False,
                )
            )  # fmt: skip
    figure.add_traces(legend_traces(go.Scatter, rows, {}))
    for index, axis in enumerate(axes):
        figure.add_shape(
            type="line", x0=index, x1=index, y0=0, y1=1, line={"color": INK, "width": 1}, layer="below"
        )
        figure.add_annotation(
            x=index, y=1.03, text=f"<b>{html.escape(axis.name).replace(' ', '<br>')}</b>", showarrow=False,
            yanchor="bottom", font={"size": 12, "color": INK},
            # Many names stand in two heights, so that none touches the next.
            yshift=22 if len(axes) > CLOSE and index % 2 else 0,
        )  # fmt: skip
        for place, text in axis.ticks:
            figure.add_annotation(
                x=index, y=place, text=html.escape(text), showarrow=False, xanchor="left", xshift=4,
                font={"size": 11, "color": MUTED}, bgcolor="rgba(255,255,255,0.8)",
            )  # fmt: skip
    figure = themed(figure, title, "complete trials; thick: on the front; the better end of a number is up")
    figure.update_xaxes(visible=False, range=[-0.25, len(axes) - 1 + _room(axes)])
    figure.update_yaxes(visible=False, range=[-0.06, 1.16])
    return figure


def _room(axes: Sequence[Coordinate]) -> float:
    """How many distances of two axes the ticks of the last one need on its right."""
    wide = _LETTER * max(len(text) for _, text in axes[-1].ticks) + 8
    return max(0.6, wide * (len(axes) - 0.75) / (_PLOT - wide))
