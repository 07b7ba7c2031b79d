"""Rank correlation and intervals of a mean against closed forms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.fronts.correlation import mean_interval, rank_correlation


def test_one_swap_of_four_by_hand() -> None:
    """Ranks differ by 1 twice: rho = 1 - 6 x 2 / (4 x 15) = 0.8; 5 of 6 pairs agree: tau = (5 - 1) / 6."""
    correlation = rank_correlation([10, 20, 30, 40], [1, 3, 2, 4])
    assert correlation is not None
    assert correlation.spearman == pytest.approx(0.8) and correlation.kendall == pytest.approx(4 / 6)
    assert correlation.n == 4


@given(st.lists(st.integers(-1000, 1000), min_size=3, max_size=20, unique=True))
def test_only_the_order_counts(values: list[int]) -> None:
    same = rank_correlation(values, [math.atan(v) for v in values])
    reverse = rank_correlation(values, [-(v**3) for v in values])
    assert same is not None and reverse is not None
    assert same.spearman == pytest.approx(1) and same.kendall == pytest.approx(1)
    assert reverse.spearman == pytest.approx(-1) and reverse.kendall == pytest.approx(-1)
    assert same.n == len(values)


def test_what_is_not_known_on_both_sides_takes_no_part() -> None:
    correlation = rank_correlation([1, 2, None, 3, math.nan, 9], [1, 2, 9, 3, 0, None])
    assert correlation is not None and correlation.n == 3 and correlation.spearman == pytest.approx(1)


@pytest.mark.parametrize(
    "sides", [([], []), ([1, 2], [1, 2]), ([1, 2, None], [1, 2, 3]), ([1, 2, 3], [5, 5, 5])]
)
def test_too_few_pairs_or_no_order_have_no_correlation(sides: tuple[list[float], list[float]]) -> None:
    assert rank_correlation(*sides) is None


def test_sides_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError):
        rank_correlation([1, 2, 3], [1, 2])


def test_the_interval_of_three_seeds_by_hand() -> None:
    """40, 42, 44: s = 2, t(0.975, 2) = 4.302653; half the interval is 4.302653 x 2 / sqrt(3)."""
    interval = mean_interval([40, 42, 44])
    assert interval.value == 42 and interval.n == 3
    assert interval.high == pytest.approx(42 + 4.302653 * 2 / math.sqrt(3), abs=1e-5)
    assert interval.low == pytest.approx(42 - 4.302653 * 2 / math.sqrt(3), abs=1e-5)


def test_one_seed_has_no_interval_and_none_no_mean() -> None:
    alone = mean_interval([41.5])
    assert (alone.value, alone.low, alone.high) == (41.5, None, None)
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])
