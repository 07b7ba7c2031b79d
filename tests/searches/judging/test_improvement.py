"""Expected gain in hypervolume against sampling."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fronts.pareto import hypervolume
from searches.judging.improvement import boxes, chance, expected_improvement, expected_volume


def test_expected_improvement_is_the_mean_of_what_is_won() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.normal(2.0, 1.5, 200_000)
    for level in (0.0, 2.0, 5.0):
        won = np.maximum(0, level - drawn)
        got = expected_improvement(np.array(2.0), np.array(1.5), np.array(level))
        assert abs(got - won.mean()) < 5 * won.std() / np.sqrt(len(drawn))


FRONTS = {
    1: [[50.0], [45.0]],
    2: [[50.0, 5.0], [45.0, 5.6], [40.0, 6.3], [47.0, 6.0]],  # the last one is dominated
    3: [[50.0, 5.0, 2.0], [45.0, 5.6, 3.0], [40.0, 6.3, 1.0], [47.0, 6.0, 4.0]],
}
CORNERS = {1: [60.0], 2: [60.0, 7.0], 3: [60.0, 7.0, 5.0]}


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_expected_volume_is_the_mean_gain_in_hypervolume(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    front, corner = np.array(FRONTS[objectives]), np.array(CORNERS[objectives])
    before = hypervolume(front, corner)
    means = np.array([[52.0, 4.8, 2.5], [43.0, 5.8, 1.5], [38.0, 6.9, 3.5], [30.0, 7.5, 0.5]])[:, :objectives]
    deviations = np.array([[3.0, 0.0, 1.0], [2.0, 0.0, 0.0], [4.0, 0.5, 2.0], [1.0, 0.0, 0.1]])[
        :, :objectives
    ]
    got = expected_volume(front, corner, means, deviations)
    for mean, deviation, expected in zip(means, deviations, got, strict=True):
        drawn = rng.normal(mean, deviation, (600, objectives))
        gains = np.array([hypervolume([*front.tolist(), point], corner) - before for point in drawn.tolist()])
        assert abs(expected - gains.mean()) < 5 * gains.std() / np.sqrt(len(drawn)) + 1e-9


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_boxes_hold_what_the_front_does_not_dominate_once(objectives: int) -> None:
    rng = np.random.default_rng(9)
    front, corner = rng.uniform(0, 1, (12, objectives)), np.ones(objectives)
    lower, upper = boxes(front, corner)
    points = rng.uniform(-0.2, 1, (500, objectives))
    inside = ((points[:, None] > lower) & (points[:, None] <= upper)).all(axis=2).sum(axis=1)
    dominated = (front[None] <= points[:, None]).all(axis=2).any(axis=1)
    assert inside.tolist() == (~dominated).astype(int).tolist()


def test_without_a_front_the_whole_box_is_to_be_won() -> None:
    got = expected_volume(
        np.empty((0, 2)), np.array([60.0, 7.0]), np.array([[50.0, 5.0]]), np.array([[1e-9, 0.0]])
    )
    assert np.allclose(got, 10.0 * 2.0)


def test_the_chance_to_keep_limits_is_that_of_draws() -> None:
    drawn = np.random.default_rng(3).normal(2.0, 0.5, 100_000)
    for low, high in ((None, 2.2), (1.8, None), (1.5, 2.5)):
        kept = ((drawn > (low or -9)) & (drawn < (high or 9))).mean()
        got = chance(np.array([2.0]), np.array([0.5]), low, high)[0]
        assert got == pytest.approx(kept, abs=0.01)
