"""How well predictions agree with what was measured, as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archspace.support.errors import InputError


def hit_rate(true: Sequence[float], predicted: Sequence[float], within: float) -> float:
    """Share of predictions that are at most ``within`` (a share) away from what was measured."""
    measured = np.asarray(true, float)
    return float(np.mean(np.abs(np.asarray(predicted, float) - measured) <= within * measured))


def rmspe(true: Sequence[float], predicted: Sequence[float]) -> float:
    """Returns root of the mean squared relative error, as a share."""
    measured = np.asarray(true, float)
    return float(np.sqrt(np.mean(((np.asarray(predicted, float) - measured) / measured) ** 2)))


def scores(true: Sequence[float], predicted: Sequence[float]) -> dict[str, float | int]:
    """Hit rates at 5 % and 10 %, RMSPE and median ratio as shares, Spearman's rho and Kendall's tau-b.

    Raises:
        InputError: fewer than two networks, of which nothing can be said.
    """
    from scipy.stats import kendalltau, spearmanr

    if len(true) < 2:
        raise InputError(f"predictor: {len(true)} held-out networks; its error needs at least 2")
    ratios = np.asarray(predicted, float) / np.asarray(true, float)
    return {
        "networks": len(true),
        "hit_5": hit_rate(true, predicted, 0.05),
        "hit_10": hit_rate(true, predicted, 0.10),
        "rmspe": rmspe(true, predicted),
        "median_ratio": float(np.median(ratios)),
        "worst": float(np.max(np.abs(ratios - 1))),
        "spearman": float(spearmanr(true, predicted).statistic),
        "kendall": float(kendalltau(true, predicted).statistic),
    }
