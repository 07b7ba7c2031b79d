"""How well a judgement orders networks, over all and among those of like cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from searches.bench.agreement import BINS, agreement, counted, judgements
from searches.bench.yardstick import Yardstick
from tests.searches.bench.spaces import made_up


@pytest.fixture(scope="module")
def stick() -> Yardstick:
    return made_up()


def test_the_truth_agrees_with_itself_and_the_reverse_does_not(stick: Yardstick) -> None:
    for sign in (1.0, -1.0):
        found = agreement(stick, sign * stick.truth)
        assert found.overall == pytest.approx(sign) and found.inside == pytest.approx(sign)
        assert found.judged == len(stick)


def test_the_bin_alone_orders_all_and_nothing_inside(stick: Yardstick) -> None:
    bins = np.zeros(len(stick))
    for place, index in enumerate(np.array_split(np.argsort(stick.macs, kind="stable"), BINS)):
        bins[index] = place
    found = agreement(stick, bins)
    assert found.overall > 0.4 and np.isnan(found.inside)


def test_costs_order_more_over_all_than_inside(stick: Yardstick) -> None:
    found = agreement(stick, counted(stick)["macs"])
    assert found.overall > found.inside + 0.2


def test_what_could_not_be_judged_is_left_out(stick: Yardstick) -> None:
    values = stick.truth.copy()
    values[:5] = -np.inf
    found = agreement(stick, values)
    assert found.judged == len(stick) - 5 and found.overall == pytest.approx(1.0)


def test_costs_scores_and_one_training_are_set_side_by_side(stick: Yardstick) -> None:
    rng = np.random.default_rng(1)
    scores = np.column_stack([stick.truth + rng.normal(0, 0.1, len(stick)), rng.normal(0, 1, len(stick))])
    found = judgements(replace(stick, score_names=("good", "chance"), scores=scores))
    assert list(found) == ["macs", "params", "good", "chance", "all scores joined", "one training"]
    assert found["good"].inside > 0.9 > found["one training"].inside > found["macs"].inside
    assert abs(found["chance"].overall) < 0.2
    assert list(judgements(stick)) == ["macs", "params", "one training"]
