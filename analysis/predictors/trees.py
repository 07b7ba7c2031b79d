"""Boosted regression trees as plain arrays: fitted by scikit-learn, kept as JSON, evaluated by NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TREES = 250
DEPTH = 5
RATE = 0.07


@dataclass(frozen=True, slots=True)
class Trees:
    """A sum of trees over ``base``.

    Each tree has, by node: ``feature`` (-1: a leaf), ``threshold``, ``left`` (at most the threshold), ``right`` and
    ``value``, which already has the learning rate in it.
    """

    base: float
    trees: tuple[Mapping[str, tuple[float, ...]], ...]

    def __call__(self, rows: Array) -> Array:
        """(N, features) -> (N,)."""
        total = np.full(len(rows), self.base)
        for tree in self.trees:
            feature, threshold = np.asarray(tree["feature"], int), np.asarray(tree["threshold"], float)
            left, right = np.asarray(tree["left"], int), np.asarray(tree["right"], int)
            node = np.zeros(len(rows), int)
            while (inner := feature[node] >= 0).any():
                below = rows[np.arange(len(rows)), np.maximum(feature[node], 0)] <= threshold[node]
                node = np.where(inner, np.where(below, left[node], right[node]), node)
            total += np.asarray(tree["value"], float)[node]
        return total

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {
            "base": self.base,
            "trees": [{name: list(v) for name, v in tree.items()} for tree in self.trees],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trees:
        """Returns inverse of :meth:`to_dict`."""
        trees = ({name: tuple(values) for name, values in tree.items()} for tree in data["trees"])
        return cls(float(data["base"]), tuple(trees))


def fit_trees(rows: Array, targets: Array, weights: Array) -> Trees:
    """Least squares by gradient boosting; (N, features) that 32 bits hold exactly, (N,) and (N,).

    The same for the same data.
    """
    from sklearn.ensemble import GradientBoostingRegressor

    fitted = GradientBoostingRegressor(
        n_estimators=TREES,
        max_depth=DEPTH,
        learning_rate=RATE,
        subsample=0.7,
        min_samples_leaf=3,
        random_state=0,
    ).fit(rows, targets, sample_weight=weights)
    base = float(fitted.init_.constant_[0, 0])
    trees = []
    for (estimator,) in fitted.estimators_:
        tree = estimator.tree_
        trees.append(
            {
                "feature": tuple(int(f) if f >= 0 else -1 for f in tree.feature),
                "threshold": tuple(map(float, tree.threshold)),
                "left": tuple(map(int, tree.children_left)),
                "right": tuple(map(int, tree.children_right)),
                "value": tuple(float(v) * RATE for v in tree.value[:, 0, 0]),
            }
        )
    return Trees(base, tuple(trees))
