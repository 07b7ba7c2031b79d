"""The yardstick's harness against closed forms, and methods that spend what they are given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from searches.bench.methods import METHODS, NEED_SCORES, replayed
from searches.bench.yardstick import BudgetSpent, Ledger, Yardstick, expected_random, random_runs
from tests.searches.bench.spaces import made_up


@pytest.fixture(scope="module")
def stick() -> Yardstick:
    return made_up()


@pytest.mark.slow
def test_random_search_is_as_good_as_its_closed_form(stick: Yardstick) -> None:
    draws, runs = 12, 400
    expected = expected_random(stick, draws)
    shares = random_runs(stick, draws, runs)
    error = shares.std(axis=0, ddof=1) / np.sqrt(runs)
    assert (np.abs(shares.mean(axis=0) - expected) < 4.5 * error).all()
    assert (np.diff(expected) > 0).all()
    assert expected_random(stick, len(stick))[-1] == pytest.approx(1.0)


def test_the_whole_table_has_all_of_the_volume(stick: Yardstick) -> None:
    assert stick.volume(np.arange(len(stick))) == pytest.approx(1.0)
    assert stick.volume(np.array([], dtype=int)) == 0.0


def test_every_network_of_the_front_counts_also_the_extreme_ones(stick: Yardstick) -> None:
    for index in (int(np.argmax(stick.truth)), int(np.argmin(stick.macs))):
        assert 0 < stick.volume(np.array([index])) < 1


def test_a_training_that_goes_on_costs_only_what_is_new(stick: Yardstick) -> None:
    ledger = Ledger(stick, 100.0, 0)
    early = ledger.train(3, 2)
    assert ledger.spent == pytest.approx(2 * stick.epoch_cost[3]) and not ledger.finished
    ledger.train(3)
    assert ledger.spent == pytest.approx(5 * stick.epoch_cost[3]) and ledger.finished == [3]
    assert ledger.train(3) == ledger.seen[3] != early
    assert ledger.spent == pytest.approx(5 * stick.epoch_cost[3])
    poor = Ledger(stick, 0.9 * 5 * stick.epoch_cost[3], 0)
    with pytest.raises(BudgetSpent):
        poor.train(3)
    assert poor.spent == 0


@pytest.mark.slow
def test_the_held_out_seed_is_never_seen(stick: Yardstick) -> None:
    curves = stick.curves.copy()
    curves[:, -1] = -1000.0
    held = Yardstick("", stick.grid, curves, stick.counts, stick.epoch_cost, 0.5)
    seen = [Ledger(held, 1e9, seed).train(index) for seed in range(20) for index in range(len(stick))]
    assert min(seen) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in METHODS if name not in NEED_SCORES])
def test_a_method_spends_its_budget_and_repeats(stick: Yardstick, name: str) -> None:
    runs = [replayed(Ledger(stick, 8.0, 5), name) for _ in range(2)]
    assert runs[0].history == runs[1].history
    assert 0 < runs[0].spent <= 8.0
    spent = [mark.spent for mark in runs[0].history]
    assert spent == sorted(spent) and 0 < runs[0].history[-1].volume <= 1


def test_a_method_that_is_timed_goes_on_until_both_budgets_are_spent_and_does_the_same(
    stick: Yardstick,
) -> None:
    times = np.full(len(stick), 1 / stick.epochs)
    timed = replace(stick, epoch_seconds=times)
    plain, long = Ledger(timed, 6.0, 3), Ledger(timed, 6.0, 3, timed=True)
    for ledger in (plain, long):
        replayed(ledger, "random")
    assert plain.spent <= 6.0 < max(long.spent, long.seconds) and min(long.spent, long.seconds) <= 6.0
    assert long.history[: len(plain.history)] == plain.history
    assert [mark.seconds for mark in long.history] == pytest.approx(np.arange(1, len(long.history) + 1))
    assert sum(mark.seconds <= 6.0 for mark in long.history) == 6
    assert sum(mark.spent <= 6.0 for mark in long.history) == len(plain.history) > 0
