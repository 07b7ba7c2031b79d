"""A training run's curves from its ``history.csv``: loss, metric, learning rate and speed by epoch. No torch."""

from __future__ import annotations

import csv
import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from archspace.support.errors import InputError
from archspace.support.palette import MUTED, OKABE_ITO, hex_of

HISTORY_FILE = "history.csv"
SKY, GREEN, BLUE, VERMILLION, PURPLE = (
    hex_of(OKABE_ITO[name]) for name in ("sky", "green", "blue", "vermillion", "purple")
)
GREY = hex_of(MUTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRow:
    """A row of ``history.csv``; ``metric`` is ``None`` where the epoch was not evaluated, ``stage`` is from 1."""

    epoch: int
    loss: float
    rate: float
    metric: float | None
    images_per_second: float
    waiting: float
    stage: int


def read_history(path: Path) -> list[EpochRow]:
    """Returns the epochs of a run.

    Raises:
        InputError: the file is missing or is no history; the message names the line.
    """
    line, rows = 1, []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            for row in reader:
                line = reader.line_num
                rows.append(_row(row))
        return rows
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        reason = f"no column {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}: line {line}: is no history of a training run: {reason}") from None


def _row(row: dict[str, str]) -> EpochRow:
    seconds, images = float(row["seconds"]), int(row["images"])
    return EpochRow(
        epoch=int(row["epoch"]), loss=float(row["train_loss"]), rate=float(row["lr"]),
        metric=float(row["val_metric"]) if row["val_metric"] else None,
        images_per_second=images / seconds if seconds else math.nan,
        waiting=float(row["waiting"]), stage=int(row.get("stage") or 1),
    )  # fmt: skip


def stage_starts(rows: Sequence[EpochRow]) -> list[tuple[int, int]]:
    """(stage, first epoch) of every stage but the first."""
    return [(after.stage, after.epoch) for before, after in pairwise(rows) if after.stage != before.stage]


def curves_figure(rows: Sequence[EpochRow], *, title: str, metric: str, counted: str = "images") -> go.Figure:
    """Loss, metric, learning rate and speed over the epochs; dotted lines where a stage begins.

    Args:
        rows: at least one.
        title: first line.
        metric: name of the validation metric.
        counted: what the run's speed is counted in.
    """
    epochs = [row.epoch for row in rows]
    judged = [row for row in rows if row.metric is not None]
    lines = (
        ("training loss", epochs, [row.loss for row in rows], BLUE),
        (f"validation {metric}", [row.epoch for row in judged], [row.metric for row in judged], VERMILLION),
        ("learning rate", epochs, [row.rate for row in rows], PURPLE),
        (f"{counted}/s", epochs, [row.images_per_second for row in rows], GREEN),
    )
    figure = make_subplots(
        rows=len(lines),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.04,
        row_heights=[0.34, 0.34, 0.16, 0.16],
    )
    for i, (name, x, y, colour) in enumerate(lines, 1):
        waits = [f"{100 * row.waiting:.1f} % waiting for data" for row in rows] if colour == GREEN else None
        figure.add_trace(
            go.Scatter(
                x=x, y=y, name=name, mode="lines+markers", line={"color": colour, "width": 2}, marker={"size": 5},
                text=waits, hovertemplate="%{y:.5g} %{text}<extra></extra>" if waits else None,
            ),
            row=i, col=1,
        )  # fmt: skip
        figure.update_yaxes(title_text=name, row=i, col=1)
    if all(row.rate > 0 for row in rows):
        figure.update_yaxes(type="log", row=3, col=1)
    figure.update_xaxes(dtick=max(1, -(-len(rows) // 20)))
    figure.update_xaxes(title_text="epoch", row=len(lines), col=1)
    for stage, epoch in stage_starts(rows):
        figure.add_vline(x=epoch - 0.5, line={"color": GREY, "dash": "dot", "width": 1})
        figure.add_annotation(
            x=epoch - 0.5, y=1, yref="paper", text=f"stage {stage}", showarrow=False, xanchor="left",
            yanchor="bottom", font={"color": GREY, "size": 12},
        )  # fmt: skip
    figure.update_layout(
        template="plotly_white", title={"text": f"<b>{html.escape(title)}</b>"}, showlegend=False,
        hovermode="x unified",
    )  # fmt: skip
    return figure


def range_figure(
    rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], suggested: float | None,
    *, title: str,
) -> go.Figure:  # fmt: skip
    """Returns the loss over the learning rate (logarithmic), each step's and smoothed; a line at the suggested rate."""
    figure = go.Figure()
    bare = {"color": SKY, "width": 1}
    figure.add_trace(go.Scatter(x=list(rates), y=list(losses), name="loss of the step", line=bare))
    figure.add_trace(
        go.Scatter(x=list(rates), y=list(smoothed), name="smoothed", line={"color": BLUE, "width": 3})
    )
    if suggested is not None:
        line = {"color": VERMILLION, "dash": "dash", "width": 2}
        figure.add_vline(x=suggested, line=line)
        figure.add_annotation(
            x=math.log10(suggested), y=1, yref="paper", text=f"suggested {suggested:.2g}", showarrow=False,
            xanchor="left", yanchor="bottom",
        )  # fmt: skip
    figure.update_layout(
        template="plotly_white", title={"text": f"<b>{html.escape(title)}</b>"},
        xaxis={"type": "log", "title": {"text": "learning rate"}}, yaxis={"title": {"text": "training loss"}},
    )  # fmt: skip
    return figure
