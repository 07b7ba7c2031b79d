"""Learning curves of a study's trials, from the ``history.csv`` of each."""

from __future__ import annotations

import html
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from analysis.drawing.curves import HISTORY_FILE, read_history
from archspace.support.errors import InputError
from reports.style.legend import by_look, legend_traces
from reports.style.theme import remark, themed

log = logging.getLogger(__name__)

MOST = 40
"""Curves drawn at most: those of the front first, then the best ranked."""
NO_CURVES = "no trial has a history.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A trial's validation metric by epoch (training loss where it was never evaluated)."""

    label: str
    unit: str
    on_front: bool
    epochs: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The curves drawn; ``total`` trials have one; ``judged`` says that they are of the validation metric."""

    curves: tuple[Curve, ...]
    total: int
    judged: bool


def learning_curves(frame: pd.DataFrame, folders: Mapping[str, Path]) -> Curves:
    """Curves of the trials whose folder has a history; a broken file is left out and logged.

    Args:
        frame: a :func:`reports.frames.trials.trial_frame`.
        folders: folder of a trial by label.
    """
    having = [label for label, folder in folders.items() if (folder / HISTORY_FILE).is_file()]
    rows = frame[frame["label"].isin(having)].sort_values("rank", kind="stable", na_position="last")
    read = []
    for row in rows.head(MOST).to_dict("records"):
        path = folders[row["label"]] / HISTORY_FILE
        try:
            history = read_history(path)
        except InputError as error:
            log.warning("%s", error)
            continue
        read.append((row, history))
    judged = any(epoch.metric is not None for _, history in read for epoch in history)
    curves = []
    for row, history in read:
        points = [(one.epoch, one.metric if judged else one.loss) for one in history]
        known = [(epoch, value) for epoch, value in points if value is not None]
        if known:
            epochs, values = zip(*known, strict=True)
            curve = Curve(
                label=str(row["label"]), unit=str(row["unit"]), on_front=bool(row["on_front"]), epochs=epochs,
                values=values,
            )  # fmt: skip
            curves.append(curve)
    return Curves(curves=tuple(curves), total=len(having), judged=judged)


def curves_of_trials_figure(curves: Curves, frame: pd.DataFrame, metric: str, *, title: str) -> go.Figure:
    """Returns the curves as the trials of ``frame`` look; those of the front are thick."""
    figure = go.Figure()
    if not curves.curves:
        return remark(themed(figure, title), NO_CURVES)
    looks = {label: (name, look) for name, look, group in by_look(frame) for label in group["label"]}
    for curve in sorted(curves.curves, key=lambda one: one.on_front):
        name, look = looks[curve.label]
        figure.add_trace(
            go.Scatter(
                x=curve.epochs, y=curve.values, mode="lines+markers", legendgroup=name,
                showlegend=False, opacity=1.0 if curve.on_front else 0.45,
                line={"color": look.colour, "width": 2.6 if curve.on_front else 1.2},
                marker={"symbol": look.symbol, "size": 7 if curve.on_front else 5},
                hovertemplate=f"trial {html.escape(curve.label)}: epoch %{{x}}, %{{y:.4g}}<extra></extra>",
            )
        )  # fmt: skip
    drawn = frame["label"].isin([curve.label for curve in curves.curves])
    figure.add_traces(legend_traces(go.Scatter, frame[drawn], {}))
    figure.update_xaxes(title="Epoch")
    figure.update_yaxes(title=f"Validation {metric}" if curves.judged else "Training loss")
    note = f"{len(curves.curves)} of {curves.total} trials; thick: on the front"
    return themed(figure, title, note)
