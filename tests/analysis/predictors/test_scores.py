"""Closed forms of the scores; trees beside scikit-learn's own answers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from analysis.predictors import trees
from analysis.predictors.scores import hit_rate, rmspe, scores
from archspace.support.errors import InputError


def test_hit_rate_counts_shares_of_the_measured_number() -> None:
    true = [10.0, 10.0, 10.0, 10.0]
    assert hit_rate(true, [10.4, 9.6, 10.6, 13.0], 0.05) == 0.5
    assert hit_rate(true, [10.4, 9.6, 10.6, 13.0], 0.10) == 0.75
    assert hit_rate([100.0], [110.0], 0.10) == 1.0 and hit_rate([90.0], [100.0], 0.10) == 0.0


def test_rmspe_is_relative_to_the_measured_number() -> None:
    assert rmspe([10.0, 100.0], [11.0, 80.0]) == pytest.approx(np.sqrt((0.1**2 + 0.2**2) / 2))
    assert rmspe([3.0, 4.0], [3.0, 4.0]) == 0.0


def test_rank_correlations_in_closed_form() -> None:
    """One swap of neighbours among four: rho = 1 - 6 x 2 / (4 x 15), tau = (5 - 1) / 6."""
    result = scores([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.5, 4.0])
    assert result["spearman"] == pytest.approx(0.8) and result["kendall"] == pytest.approx(2 / 3)
    assert result["networks"] == 4 and result["worst"] == pytest.approx(0.5)
    assert scores([1.0, 2.0, 3.0], [30.0, 20.0, 10.0])["kendall"] == pytest.approx(-1)


def test_one_network_tells_no_error() -> None:
    with pytest.raises(InputError, match="1 held-out networks"):
        scores([1.0], [1.0])


def test_trees_from_json_answer_as_scikit_learn_does() -> None:
    from sklearn.ensemble import GradientBoostingRegressor

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 4)).astype(np.float32).astype(float)
    targets = np.sin(rows[:, 0]) + rows[:, 1] * (rows[:, 2] > 0)
    weights = rng.uniform(0.5, 2, 200)
    own = trees.Trees.from_dict(json.loads(json.dumps(trees.fit_trees(rows, targets, weights).to_dict())))
    theirs = GradientBoostingRegressor(
        n_estimators=trees.TREES, max_depth=trees.DEPTH, learning_rate=trees.RATE, subsample=0.7,
        min_samples_leaf=3, random_state=0,
    ).fit(rows, targets, sample_weight=weights)  # fmt: skip
    fresh = rng.normal(size=(50, 4)).astype(np.float32).astype(float)
    np.testing.assert_allclose(own(fresh), theirs.predict(fresh), rtol=1e-9, atol=1e-9)
