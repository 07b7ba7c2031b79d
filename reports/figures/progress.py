"""The hypervolume of a study's front over its trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis.fronts.pareto import Floats, hypervolume, minimised
from analysis.quantities import Quantity
from archspace.support.numbers import number
from reports.style.style import OKABE_ITO
from reports.style.theme import remark, themed

LEAST = 1
"""Complete trials below which there is no front to grow."""
MARGIN = 0.1
"""The reference point lies this share of the range beyond the worst value of each objective."""
STEPS = {1: 400, 2: 200}
"""At how many improvements of the front, at most, the volume is computed, by number of objectives; else ``FEW``."""
FEW = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How the front grew.

    Attributes:
        trials: for each step, how many trials had ended.
        shares: hypervolume after it, as a share of the box between the best value of each objective and the reference.
        total: trials that ended in all; the last step's share holds up to there.
        reference: by objective, in its own unit.
        objectives: those of ``reference``.
        improvements: trials that moved the front; more than ``trials`` has steps where those were thinned.
        last: number of ended trials at the last improvement.
        epochs: for each step, epochs that all trials had been trained for, of a study that stopped some at a rung; its
            other numbers are of the trials that were not.
        all_epochs: of training in the end.
    """

    trials: tuple[int, ...]
    shares: tuple[float, ...]
    total: int
    reference: Mapping[str, float]
    objectives: tuple[Quantity, ...]
    improvements: int
    last: int
    epochs: tuple[int, ...] | None = None
    all_epochs: int = 0

    @property
    def reference_text(self) -> str:
        """The reference point in words."""
        return ", ".join(
            number(self.reference[one.name], one.unit)
            if one.unit in (one.short, one.name)
            else f"{one.short} {number(self.reference[one.name], one.unit)}"
            for one in self.objectives
        )


def progress(frame: pd.DataFrame, objectives: Sequence[Quantity]) -> Progress | None:
    """Returns the growth of the front over the trials, in the order in which they ended (else of their rows).

    Of a study that stopped some at a rung, it is the growth over the epochs of all trainings.

    ``None`` where no complete trial has every objective.

    Args:
        frame: a :func:`reports.frames.trials.trial_frame`.
        objectives: one or more.
    """
    stopped = frame["state"] == "stopped"
    ordered = frame[~stopped].sort_values("finished", kind="stable", na_position="last")
    values = ordered[[o.name for o in objectives]].to_numpy(dtype=float).copy()
    values[(ordered["state"] != "complete").to_numpy()] = np.nan
    points = minimised(values, [o.direction for o in objectives])
    usable = np.asarray(np.isfinite(points).all(axis=1), dtype=bool)
    if not usable.any():
        return None
    best, worst = points[usable].min(axis=0), points[usable].max(axis=0)
    span = np.where(worst > best, worst - best, np.maximum(np.abs(worst), 1.0))
    corner = worst + MARGIN * span
    scaled = (points - best) / (corner - best)
    moves = _moves(scaled, usable)
    most = STEPS.get(len(objectives), FEW)
    chosen = (
        moves if len(moves) <= most else sorted({moves[int(i)] for i in np.linspace(0, len(moves) - 1, most)})
    )
    ones = np.ones(len(objectives))
    shares = tuple(hypervolume(scaled[: end + 1][usable[: end + 1]], ones) for end in chosen)
    spent = _epochs_spent(ordered) if stopped.any() else None
    signs = [1.0 if o.direction == "minimize" else -1.0 for o in objectives]
    return Progress(
        trials=tuple(end + 1 for end in chosen), shares=shares, total=len(points), improvements=len(moves),
        last=moves[-1] + 1,
        reference={o.name: float(s * c) for o, s, c in zip(objectives, signs, corner, strict=True)},
        objectives=tuple(objectives),
        epochs=None if spent is None else tuple(int(spent[end]) for end in chosen),
        all_epochs=0 if spent is None else int(frame["study_epochs"].max()),
    )  # fmt: skip


def _epochs_spent(frame: pd.DataFrame) -> NDArray[np.int64] | None:
    """Epochs that all trials of the study had been trained for when each ended; ``None`` if not known."""
    several = "study" in frame and frame["study"].nunique() > 1
    if several or "study_epochs" not in frame or frame["study_epochs"].isna().any():
        return None
    return np.asarray(frame["study_epochs"].to_numpy(dtype=np.int64))


def lacking(growth: Progress | None) -> str | None:
    """Returns how many trials are needed where there are fewer; ``None`` where they are enough."""
    return f"too few: no complete trial has every objective, {LEAST} is needed" if growth is None else None


def _moves(points: Floats, usable: NDArray[np.bool_]) -> list[int]:
    """Rows that joined the front when they came."""
    front = np.empty((0, points.shape[1]))
    moves = []
    for index in np.flatnonzero(usable):
        point = points[index]
        if (front <= point).all(axis=1).any():
            continue
        front = np.vstack([front[~(point <= front).all(axis=1)], point])
        moves.append(int(index))
    return moves


def progress_figure(growth: Progress | None, *, title: str) -> go.Figure:
    """Hypervolume over the trials, or epochs, as a step line; the reference point stands in the subtitle."""
    if growth is None:
        return remark(themed(go.Figure(), title), lacking(growth) or "")
    by_epochs, shares = growth.epochs is not None, [*growth.shares, growth.shares[-1]]
    trials = [*growth.trials, growth.total]
    if growth.epochs is not None:
        trials = [*growth.epochs, growth.all_epochs]
    figure = go.Figure(
        go.Scatter(
            x=trials, y=[100 * share for share in shares], mode="lines+markers",
            line={"shape": "hv", "color": OKABE_ITO["blue"], "width": 2.4},
            marker={"size": [6] * len(growth.trials) + [0.1]},
            hovertemplate=f"%{{x}} {'epochs' if by_epochs else 'trials'}: %{{y:.2f}} %<extra></extra>",
            showlegend=False,
        )
    )  # fmt: skip
    figure.update_xaxes(
        title="Epochs of training in all" if by_epochs else "Trials ended", rangemode="tozero"
    )
    figure.update_yaxes(title="Hypervolume (% of the box)", rangemode="tozero")
    return themed(
        figure, title, f"reference point: {growth.reference_text}; the box ends at each objective's best"
    )
