"""Expected gain in hypervolume against sampling; a guess whose spread holds what it says."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fronts.pareto import hypervolume
from searches.judging.improvement import expected_improvement, expected_volume
from searches.judging.surrogate import Surrogate, features


def test_expected_improvement_is_the_mean_of_what_is_won() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.normal(2.0, 1.5, 200_000)
    for level in (0.0, 2.0, 5.0):
        won = np.maximum(0, level - drawn)
        got = expected_improvement(np.array(2.0), np.array(1.5), np.array(level))
        assert abs(got - won.mean()) < 5 * won.std() / np.sqrt(len(drawn))


@pytest.mark.slow
def test_expected_volume_is_the_mean_gain_in_hypervolume() -> None:
    rng = np.random.default_rng(1)
    front = np.array([[50.0, 5.0], [45.0, 5.6], [40.0, 6.3], [47.0, 6.0]])  # the last one is dominated
    corner = np.array([60.0, 7.0])
    before = hypervolume(front, corner)
    for cost, mean, deviation in ((4.8, 52.0, 3.0), (5.8, 43.0, 2.0), (6.9, 38.0, 4.0), (7.5, 30.0, 1.0)):
        drawn = rng.normal(mean, deviation, 4000)
        gains = np.array([hypervolume([*front.tolist(), [y, cost]], corner) - before for y in drawn])
        got = expected_volume(front, corner, np.array([cost]), np.array([mean]), np.array([deviation]))[0]
        assert abs(got - gains.mean()) < 5 * gains.std() / np.sqrt(len(drawn)) + 1e-12


def test_without_a_front_the_whole_box_is_to_be_won() -> None:
    got = expected_volume(
        np.empty((0, 2)), np.array([60.0, 7.0]), np.array([5.0]), np.array([50.0]), np.array([1e-9])
    )
    assert np.allclose(got, 10.0 * 2.0)


def test_a_guess_is_near_and_its_spread_holds_the_truth() -> None:
    rng = np.random.default_rng(2)
    params = [{"unit": str(rng.choice(["a", "b"])), "width": float(rng.uniform(0.2, 1))} for _ in range(160)]
    counts = np.array([[1e6 * one["width"] ** 2] for one in params])
    table = features(params, counts)
    assert table.min() == 0 and table.max() == 1 and table.shape == (160, 4)
    truth = np.array([60 - 20 * p["width"] + 5 * (p["unit"] == "a") for p in params])
    noisy = truth + rng.normal(0, 0.5, 160)
    guessed = Surrogate().guess(table[:40], noisy[:40], table[40:])
    missed = np.abs(guessed.mean - truth[40:])
    assert missed.mean() < 0.6
    assert (np.abs(guessed.mean - noisy[40:]) < 2.5 * guessed.deviation).mean() > 0.9


def test_of_few_networks_the_guess_is_their_mean() -> None:
    guessed = Surrogate().guess(np.zeros((2, 1)), np.array([1.0, 3.0]), np.zeros((3, 1)))
    assert (guessed.mean == 2).all() and (guessed.deviation == 1).all()
