"""Replays of methods, and the statistics on them against closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from archspace.support.errors import InputError
from searches.bench.methods import NEED_SCORES, replayed
from searches.bench.replay import Replays, holm, median_interval, replay_all, signed_rank, standings
from searches.bench.yardstick import Ledger, Yardstick
from tests.searches.bench.spaces import made_up


def replays(**histories: list[list[tuple[float, float]]]) -> Replays:
    return Replays("made up", 10.0, dict.fromkeys(histories, 0.0), histories)


def test_a_curve_holds_what_was_reached_until_more_is() -> None:
    one = replays(a=[[(2.0, 0.25), (5.0, 0.75)], []])
    curve = one.curves("a")
    assert curve.shape == (2, len(one.compute)) and not curve[1].any()
    assert set(curve[0][one.compute < 2.0]) == {0.0}
    assert set(curve[0][(one.compute >= 2.0) & (one.compute < 5.0)]) == {0.25}
    assert set(curve[0][one.compute >= 5.0]) == {0.75}
    assert one.finals("a").tolist() == [0.75, 0.0]
    assert one.reaching("a", 0.5).tolist() == [5.0, math.inf]


@pytest.mark.slow
def test_standing_of_a_method_that_is_always_ahead() -> None:
    slow = [[(1.0, 0.1), (8.0, 0.5 + seed / 100)] for seed in range(12)]
    fast = [[(1.0, 0.2), (2.0, 0.8 + seed / 100)] for seed in range(12)]
    first, last = standings(replays(random=slow, ours=fast))
    assert (first.method, last.method) == ("ours", "random")
    assert first.compute == 2.0 and first.share == pytest.approx(0.2) and first.reached == 12
    assert first.low <= first.median <= first.high
    assert first.p == {
        "random": pytest.approx(2 * 0.5**12)
    }  # all twelve signs are one: the smallest p there is
    with pytest.raises(InputError, match="random is what all are compared to"):
        standings(replays(ours=fast))


def test_equal_replays_are_no_evidence() -> None:
    assert signed_rank(np.ones(5), np.ones(5)) == 1.0


@pytest.mark.parametrize(
    ("values", "corrected"),
    [
        ({"a": 0.01}, {"a": 0.01}),
        ({"a": 0.01, "b": 0.04, "c": 0.03}, {"a": 0.03, "c": 0.06, "b": 0.06}),
        ({"a": 0.5, "b": 0.9}, {"a": 1.0, "b": 1.0}),
    ],
)
def test_holm(values: dict[str, float], corrected: dict[str, float]) -> None:
    assert holm(values) == pytest.approx(corrected)


def test_interval_of_the_median_covers_it_as_often_as_it_says() -> None:
    samples = np.random.default_rng(3).normal(size=(40, 300))
    low, high = median_interval(samples)
    assert 0.90 < float(((low <= 0) & (high >= 0)).mean()) < 0.99


@pytest.mark.slow
def test_replays_of_real_methods_repeat_on_any_number_of_processes() -> None:
    stick: Yardstick = made_up()
    names, progress = ["random", "screened"], []
    one = replay_all(stick, names, budget=6.0, seeds=2, workers=2, on_done=lambda *at: progress.append(at))
    other = replay_all(stick, names, budget=6.0, seeds=2)
    assert progress[-1] == (4, 4) and set(one) == {"spent", "seconds"}
    for told, told_so in one.items():
        assert told_so.histories == other[told].histories and told_so.compute_is == told
        assert all(at <= 6.0 for runs in told_so.histories.values() for run in runs for at, _ in run)
    with pytest.raises(InputError, match=r"budget: 0\.1: the costliest network must be affordable"):
        replay_all(stick, names, budget=0.1)
    with pytest.raises(InputError, match="unknown method"):
        replay_all(stick, ["nosuch"], budget=6.0)
    with pytest.raises(InputError, match="has no zero-cost scores"):
        replay_all(stick, ["screened+scores"], budget=6.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", NEED_SCORES)
def test_scores_are_paid_for_and_help_where_they_are_good(name: str) -> None:
    stick = made_up()
    scored = replace(stick, score_names=("truth",), scores=stick.truth[:, None], score_share=0.02)
    volumes = {}
    for share in (0.02, 2.0):
        ledger = replayed(Ledger(replace(scored, score_share=share), 12.0, 0), name)
        volumes[share] = ledger.history[-1].volume
        trained = sum(stick.epoch_cost[i] * stick.epochs for i in ledger.finished)
        assert trained < ledger.spent
    assert volumes[0.02] > volumes[2.0]
