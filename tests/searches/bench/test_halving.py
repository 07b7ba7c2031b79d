"""Rungs on a yardstick."""

from __future__ import annotations

import pytest

from searches.bench.halving import Ladder
from searches.bench.yardstick import Ledger, Yardstick
from tests.searches.bench.spaces import made_up


@pytest.fixture(scope="module")
def stick() -> Yardstick:
    return made_up()


def test_a_third_goes_on_and_pays_only_for_what_is_new(stick: Yardstick) -> None:
    ledger = Ledger(stick, 1e9, 0)
    ladder = Ladder(ledger)
    assert ladder.epochs == [1, 5]
    done = [index for begun in range(9) for index, _ in ladder.after(begun)]
    assert 3 <= len(done) < 9 and ledger.finished == sorted(done)
    ended = sum(5 * stick.epoch_cost[index] for index in done)
    begun = sum(stick.epoch_cost[index] for index in range(9) if index not in done)
    assert ledger.spent == pytest.approx(ended + begun)


def test_without_rungs_every_network_is_trained_to_the_end(stick: Yardstick) -> None:
    ledger = Ledger(stick, 1e9, 0)
    ladder = Ladder(ledger, whole=True)
    assert [list(ladder.after(index)) for index in (4, 2, 4)] == [
        [(index, ledger.seen[index])] for index in (4, 2, 4)
    ]
    assert ledger.spent == pytest.approx(5 * (stick.epoch_cost[4] + stick.epoch_cost[2]))


def test_a_network_that_comes_again_is_not_trained_again_but_makes_room(stick: Yardstick) -> None:
    ledger = Ledger(stick, 1e9, 0)
    ladder = Ladder(ledger)
    assert not list(ladder.after(7)) and ladder.waits(7)
    assert not list(ladder.after(7)) and ledger.spent == pytest.approx(stick.epoch_cost[7])
    assert list(ladder.after(7)) == [(7, ledger.seen[7])], "asked for three times, it is the best third"
    assert ladder.done(7) and not ladder.waits(7)
    assert list(ladder.after(7)) == [(7, ledger.seen[7])]
