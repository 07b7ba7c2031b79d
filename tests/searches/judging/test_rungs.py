"""Who goes on at a rung."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fronts.pareto import ranks
from searches.judging.rungs import preferred, promotable

LINE = np.column_stack([np.arange(9.0), np.arange(9.0)])
"""Each point dominates all that follow."""


def test_nobody_goes_on_before_there_are_as_many_as_the_reduction() -> None:
    assert promotable(LINE[:0], (), 3) is None
    assert promotable(LINE[:2], (), 3) is None
    assert promotable(LINE[:3], (), 3) == 0


def test_the_best_third_goes_on_each_once_and_the_best_first() -> None:
    shuffled = np.random.default_rng(0).permutation(9)
    gone: list[int] = []
    while (place := promotable(LINE[shuffled], gone, 3)) is not None:
        gone.append(place)
    assert shuffled[gone].tolist() == [0, 1, 2]


def test_one_that_was_overtaken_has_had_its_turn() -> None:
    """What went on early stays above, and the best third below is still that of all."""
    assert promotable(LINE[::-1], (0, 1), 4) == 8


def test_networks_that_came_again_make_room_but_no_place() -> None:
    assert promotable(LINE[:2], (), 3, asked=6) == 0
    assert promotable(LINE[:2], (0,), 3, asked=6) == 1
    assert promotable(LINE[:2], (0, 1), 3, asked=60) is None


def test_no_front_is_behind_a_later_one() -> None:
    points = np.random.default_rng(1).normal(size=(60, 3))
    depth = ranks(points)[preferred(points)]
    assert (np.diff(depth) >= 0).all() and sorted(preferred(points)) == list(range(60))
    assert preferred(points, 7).tolist() == preferred(points)[:7].tolist()


def test_within_a_front_the_choice_is_spread_over_it() -> None:
    """First the end that is best in the first objective, then the other end, then the middle."""
    places = np.arange(9.0)
    front = np.column_stack([places, 8 - places])
    assert preferred(front, 3).tolist() == [0, 8, 4]


@pytest.mark.parametrize("scale", [(1.0, 1e9), (1e-6, 1.0)])
def test_the_unit_of_an_objective_does_not_matter(scale: tuple[float, float]) -> None:
    points = np.random.default_rng(2).normal(size=(40, 2))
    assert preferred(points * scale).tolist() == preferred(points).tolist()


def test_a_network_without_a_value_comes_last() -> None:
    points = np.array([[np.nan, 0.0], [5.0, 5.0], [6.0, 6.0]])
    assert preferred(points).tolist() == [1, 2, 0]
    assert promotable(points[:1], (), 1) == 0
