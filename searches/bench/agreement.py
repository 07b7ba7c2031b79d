"""How well a cheap judgement orders the networks of a yardstick, over all and among networks of like cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.fronts.correlation import LEAST, rank_correlation
from searches.bench.yardstick import Yardstick
from searches.judging.choosing import joined

Floats = NDArray[np.float64]
BINS = 6


@dataclass(frozen=True, slots=True)
class Agreement:
    """Kendall's tau between a judgement and the true metric.

    Attributes:
        overall: of all networks; costlier networks are better ones, so that MACs alone have much of it.
        inside: mean over :data:`BINS` bins of equally many networks by MACs, which is what a judgement adds to them.
        judged: networks with a finite judgement.
    """

    overall: float
    inside: float
    judged: int


def agreement(yardstick: Yardstick, values: Floats) -> Agreement:
    """Returns how well ``values`` (N,), more is better, order the networks; NaN where there is no order."""
    return agreement_with(yardstick.truth, yardstick.macs, values)


def agreement_with(truth: Floats, macs: Floats, values: Floats) -> Agreement:
    """Returns how well ``values`` (N,) order networks of these true metrics (N,), over all and in bins of MACs (N,)."""
    bins = np.array_split(np.argsort(macs, kind="stable"), BINS)
    inside = [_tau(values[index], truth[index]) for index in bins if len(index) >= LEAST]
    known = [value for value in inside if np.isfinite(value)]
    mean = float(np.mean(known)) if known else float("nan")
    return Agreement(_tau(values, truth), mean, int(np.isfinite(values).sum()))


def judgements(yardstick: Yardstick) -> dict[str, Agreement]:
    """Returns how well parameters, MACs, every zero-cost score and all scores joined order the networks of a table.

    The last row is what can be had at most: one training, as a method sees it.
    """
    columns = {**counted(yardstick)}
    if yardstick.scores is not None:
        columns |= dict(zip(yardstick.score_names, yardstick.scores.T, strict=True))
        columns["all scores joined"] = joined(yardstick.scores)
    columns["one training"] = np.asarray(yardstick.curves[:, 0, -1])
    return {name: agreement(yardstick, values) for name, values in columns.items()}


def counted(yardstick: Yardstick) -> Mapping[str, Floats]:
    """Returns what any judgement has to beat: MACs and parameters (N,)."""
    return {"macs": yardstick.counts[:, 0], "params": yardstick.counts[:, 1]}


def _tau(values: Floats, truth: Floats) -> float:
    found = rank_correlation(values.tolist(), truth.tolist())
    return float("nan") if found is None else found.kendall
