"""Multi-label metrics on cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from analysis.metrics.multilabel import multilabel_metrics

VOID = 255


def test_by_hand() -> None:
    """Class a: images in order of score: has, lacks, has, lacks: (1 + 2/3) / 2 = 5/6. Two claimed (logits of 0 and
    more), one of them right; two have it. Class b: of the three known images one has it and is last: 1/3; one is
    claimed, wrongly. Class c: no image has it.

    CP = (1/2 + 0) / 2, CR = (1/2 + 0) / 2, CF1 = 1/4. Claimed in all 2 + 1 + 1 (c), right 1, there 3: OP = 1/4,
    OR = 1/3, OF1 = 2 x 1/12 / (7/12) = 2/7.
    """
    logits = torch.tensor([[3.0, 1, -9], [0, -1, 2], [-1, -2, -9], [-2, 8, -9]])
    target = torch.tensor([[1, 0, 0], [0, 0, 0], [1, 1, 0], [0, VOID, 0]])
    metrics = multilabel_metrics(logits, target, ["a", "b", "c"], VOID)
    assert metrics.by_class["class_ap"]["a"] == pytest.approx(100 * 5 / 6)
    assert metrics.by_class["class_ap"]["b"] == pytest.approx(100 / 3)
    assert math.isnan(metrics.by_class["class_ap"]["c"])
    assert metrics.values == {
        "map": pytest.approx(100 * (5 / 6 + 1 / 3) / 2),
        "cp": pytest.approx(25), "cr": pytest.approx(25), "cf1": pytest.approx(25),
        "op": pytest.approx(25), "or": pytest.approx(100 / 3), "of1": pytest.approx(200 / 7),
    }  # fmt: skip


def test_nothing_right_and_nothing_there() -> None:
    nothing = multilabel_metrics(-torch.ones(2, 1), torch.ones(2, 1).long(), ["a"], VOID)
    assert (nothing.values["cf1"], nothing.values["of1"]) == (0, 0)
    unknown = multilabel_metrics(torch.ones(2, 1), torch.full((2, 1), VOID), ["a"], VOID)
    assert all(math.isnan(unknown.values[name]) for name in ("map", "cp", "cr", "cf1", "or"))


@given(st.integers(0, 10_000))
@settings(max_examples=100)
def test_average_precision_is_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.integers(-40, 40, (12, 2)).astype(np.float32)  # large, and often equal
    target = rng.choice([0, 1, VOID], (12, 2))
    metrics = multilabel_metrics(torch.from_numpy(logits), torch.from_numpy(target), ["a", "b"], VOID)
    for i, name in enumerate("ab"):
        known = target[:, i] != VOID
        if (target[known, i] == 1).any():
            expected = 100 * average_precision_score(target[known, i], logits[known, i])
            assert metrics.by_class["class_ap"][name] == pytest.approx(expected, abs=1e-3)
