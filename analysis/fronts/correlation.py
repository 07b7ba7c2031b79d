"""How well two orders of the same networks agree. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST = 3
"""Fewest pairs of which a rank correlation is told: of two, every order agrees or disagrees wholly."""


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """Spearman's rho and Kendall's tau-b of ``n`` pairs; 1 for the same order, -1 for the reverse."""

    spearman: float
    kendall: float
    n: int


def rank_correlation(ours: Sequence[float | None], theirs: Sequence[float | None]) -> RankCorrelation | None:
    """Returns the rank correlation of the pairs of which both numbers are known and finite.

    Ties share their mean rank (Spearman) and are corrected for (Kendall's tau-b). ``None`` for fewer than
    :data:`LEAST` pairs, or where one side is the same throughout, which has no order.

    Raises:
        ValueError: the sides have different lengths.
    """
    from scipy import stats

    both = np.array(
        [[np.nan if v is None else float(v) for v in pair] for pair in zip(ours, theirs, strict=True)]
    ).reshape(-1, 2)
    pairs = both[np.isfinite(both).all(axis=1)]
    if len(pairs) < LEAST or (pairs == pairs[0]).all(axis=0).any():
        return None
    spearman, kendall = stats.spearmanr(pairs), stats.kendalltau(pairs[:, 0], pairs[:, 1])
    return RankCorrelation(float(spearman.statistic), float(kendall.statistic), len(pairs))


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of ``n`` values and its 95 % interval (Student's t); no interval for a single value."""

    value: float
    low: float | None
    high: float | None
    n: int


def mean_interval(values: Sequence[float], level: float = 0.95) -> Mean:
    """Returns the mean of ``values`` and the interval that holds the true mean with probability ``level``.

    Raises:
        ValueError: no value.
    """
    from scipy import stats

    if not values:
        raise ValueError("the mean of no values")
    n, centre = len(values), float(np.mean(values))
    if n == 1:
        return Mean(centre, None, None, 1)
    half = float(stats.t.ppf((1 + level) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return Mean(centre, centre - half, centre + half, n)
