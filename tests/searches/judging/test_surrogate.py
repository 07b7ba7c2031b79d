"""Guesses whose spread holds what it says and that follow from the networks alone; what is missed of those left out."""

from __future__ import annotations

import numpy as np
import pytest

from searches.judging.surrogate import LEAST_CHECKED, MOST_KNOWN, Surrogate


def noisy(count: int, seed: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of networks, their true numbers, and what one training gave."""
    rng = np.random.default_rng(seed)
    table = np.column_stack([rng.uniform(0, 1, (count, 2)), rng.integers(0, 2, count)])
    truth = 60 - 20 * table[:, 0] + 5 * table[:, 2]
    return table, truth, truth + rng.normal(0, 0.5, count)


def test_a_guess_is_near_and_its_spread_holds_the_truth() -> None:
    table, truth, values = noisy(160)
    guessed = Surrogate().guess(table[:40], values[:40], table[40:])
    assert np.abs(guessed.mean - truth[40:]).mean() < 0.6
    inside = np.abs(guessed.mean - values[40:]) < 1.96 * guessed.deviation
    assert 0.85 < inside.mean() < 0.995


def test_what_is_missed_of_those_left_out_is_what_is_missed_of_new_ones() -> None:
    table, _, values = noisy(160)
    model = Surrogate()
    left_out = model.left_out(table[:60], values[:60])
    assert left_out is not None and left_out.networks == 60
    new = np.sqrt(np.mean((model.guess(table[:60], values[:60], table[60:]).mean - values[60:]) ** 2))
    assert left_out.error == pytest.approx(new, rel=0.3)
    assert left_out.kendall > 0.8 and 0.85 <= left_out.inside <= 1.0
    assert model.left_out(table[: LEAST_CHECKED - 1], values[: LEAST_CHECKED - 1]) is None


def test_a_guess_follows_from_the_networks_alone_whatever_was_asked_before() -> None:
    table, _, values = noisy(60)
    asked = Surrogate(seed=1)
    for count in range(4, 41):
        asked.guess(table[:count], values[:count], table[40:])
    one, other = (each.guess(table[:40], values[:40], table[40:]) for each in (asked, Surrogate(seed=1)))
    assert one.mean.tolist() == other.mean.tolist() and one.deviation.tolist() == other.deviation.tolist()


def test_what_is_believed_of_trained_networks_is_nearer_to_the_truth_than_one_training() -> None:
    table, truth, values = noisy(40)
    believed = Surrogate().smoothed(table, values)
    assert np.abs(believed - truth).mean() < 0.7 * np.abs(values - truth).mean()
    assert Surrogate().smoothed(table[:3], values[:3]).tolist() == values[:3].tolist()


def test_of_few_networks_the_guess_is_their_mean() -> None:
    guessed = Surrogate().guess(np.zeros((2, 1)), np.array([1.0, 3.0]), np.zeros((3, 1)))
    assert (guessed.mean == 2).all() and (guessed.deviation == 1).all()


def test_of_very_many_networks_a_part_answers() -> None:
    table, truth, values = noisy(MOST_KNOWN + 300)
    guessed = Surrogate().guess(table[:-50], values[:-50], table[-50:])
    assert np.abs(guessed.mean - truth[-50:]).mean() < 0.4
