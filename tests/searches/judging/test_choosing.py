"""Which candidate is the best one: gains, limits, costs, what others are training, predictors, zero-cost scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from searches.judging.choosing import Chooser, Goal, Networks, joined, stratum, with_scores
from searches.judging.features import ABSENT, Encoder, axes_of

GOALS = [Goal("accuracy", maximised=True), Goal("macs")]


def networks(widths: np.ndarray, *, trained: bool = True) -> Networks:
    """Networks whose accuracy and costs grow with their width."""
    values = {"macs": 1e6 * widths, "latency_ms": 2 * widths}
    if trained:
        values |= {"accuracy": 50 + 30 * np.sqrt(widths)}
    else:
        del values["latency_ms"]
    return Networks(widths[:, None], values, np.ones(len(widths), dtype=np.bool_))


KNOWN = networks(np.array([0.1, 0.2, 0.5, 0.9, 0.3, 0.7, 0.4, 0.8]))


def chooser(*goals: Goal, limits: tuple[Goal, ...] = (), **errors: float) -> Chooser:
    return Chooser(goals or GOALS, limits, counted=frozenset(["macs"]), errors=errors)


def test_what_fills_the_front_is_worth_more_than_what_stands_beside_it() -> None:
    candidates = networks(np.array([0.11, 0.6, 0.91]), trained=False)
    judged = chooser().judged(KNOWN, candidates, np.ones(3))
    assert judged.order()[0] == 1 and set(judged.guesses) == {"accuracy"}
    assert judged.guesses["accuracy"].mean == pytest.approx(50 + 30 * np.sqrt([0.11, 0.6, 0.91]), abs=0.5)


def test_the_same_gain_for_less_is_worth_more() -> None:
    two = networks(np.array([0.6, 0.6]), trained=False)
    assert chooser().judged(KNOWN, two, np.array([2.0, 1.0])).order().tolist() == [1, 0]


def test_a_network_costlier_than_all_that_were_trained_can_be_worth_its_training() -> None:
    candidates = networks(np.array([0.85, 1.3]), trained=False)
    gain = chooser().judged(KNOWN, candidates, np.ones(2)).gain
    assert gain[1] > gain[0] > 0


def test_one_lucky_training_does_not_hide_what_is_beside_it() -> None:
    near = networks(np.array([0.51]), trained=False)

    def gain(luck: float) -> float:
        known = networks(np.linspace(0.1, 0.9, 33))
        known.values["accuracy"][16] += luck
        return float(chooser().judged(known, near, np.ones(1)).gain[0])

    assert gain(4.0) > gain(0.0) > 0


def test_what_another_worker_trains_is_not_chosen_again() -> None:
    candidates, running = (networks(np.array(w), trained=False) for w in ([0.14, 0.25], [0.14]))
    one = chooser()
    assert one.judged(KNOWN, candidates, np.ones(2)).order()[0] == 0
    assert one.judged(KNOWN, candidates, np.ones(2), running).order()[0] == 1


def test_a_limit_on_what_is_measured_makes_what_breaks_it_worthless() -> None:
    limit = Goal("latency_ms", high=1.0)
    candidates = networks(np.array([0.15, 0.6]), trained=False)
    judged = chooser(limits=(limit,)).judged(KNOWN, candidates, np.ones(2))
    assert judged.gain[0] > 0 and judged.gain[1] < 1e-3 * judged.gain[0]
    assert judged.guesses["latency_ms"].mean == pytest.approx([0.3, 1.2], rel=0.1)
    least = Goal("accuracy", maximised=True, low=70.0)
    judged = chooser(least, GOALS[1]).judged(KNOWN, candidates, np.ones(2))
    assert judged.gain[0] < 1e-3 * judged.gain[1]


def test_a_predictor_is_corrected_by_what_was_measured_and_passed_over_where_it_refuses() -> None:
    goals = (GOALS[0], Goal("latency_ms"))
    known = replace(KNOWN, predicted={"latency_ms": 1.5 * KNOWN.values["latency_ms"]})
    widths = np.array([0.15, 0.6])
    candidates = replace(
        networks(widths, trained=False), predicted={"latency_ms": np.array([3 * 0.15, float("nan")])}
    )
    guess = chooser(*goals, latency_ms=0.02).judged(known, candidates, np.ones(2)).guesses["latency_ms"]
    assert guess.mean == pytest.approx(2 * widths, rel=0.1)
    assert guess.deviation[0] == pytest.approx(0.02 * 0.3, rel=0.01)


@pytest.mark.parametrize("goals", [GOALS[:1], [*GOALS, Goal("latency_ms")], [Goal("macs")]])
def test_one_to_three_objectives_of_any_kind(goals: list[Goal]) -> None:
    judged = chooser(*goals).judged(KNOWN, networks(np.linspace(0.05, 1.2, 9), trained=False), np.ones(9))
    assert np.isfinite(judged.worth).all() and (judged.gain >= -1e-12).all() and judged.gain.max() > 0


def test_without_a_feasible_network_the_likeliest_to_be_one_is_sought() -> None:
    none = replace(KNOWN, feasible=np.zeros(len(KNOWN), dtype=np.bool_))
    limit = Goal("latency_ms", high=0.15)
    judged = chooser(limits=(limit,)).judged(none, networks(np.array([0.05, 0.9]), trained=False), np.ones(2))
    assert judged.order()[0] == 0


def test_scores_as_a_feature_teach_what_the_table_does_not_say() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.uniform(0, 1, 40)
    flat = Networks(
        np.zeros((40, 1)),
        {"accuracy": 50 + 30 * hidden, "macs": np.full(40, 1e6)},
        np.ones(40, dtype=np.bool_),
    )
    known, candidates = (
        Networks(
            flat.table[part], {name: v[part] for name, v in flat.values.items()}, flat.feasible[part]
        )
        for part in (slice(30), slice(30, None))
    )  # fmt: skip
    one = chooser(GOALS[0])
    plain = one.judged(known, candidates, np.ones(10))
    scores = (hidden[:30, None], hidden[30:, None], np.empty((0, 1)))
    helped = with_scores(one, "feature", scores, known, candidates, np.ones(10), None, plain)
    assert int(np.argmax(helped.guesses["accuracy"].mean)) == int(np.argmax(hidden[30:]))
    filtered = with_scores(one, "filter", scores, known, candidates, np.ones(10), None, plain)
    assert np.isneginf(filtered.worth).sum() == 5 and hidden[30:][
        np.isneginf(filtered.worth)
    ].max() <= np.median(hidden[30:])


def test_ranks_are_joined_and_what_has_no_score_is_last() -> None:
    scores = np.array([[1.0, 5.0], [2.0, float("nan")], [3.0, 9.0]])
    assert joined(scores).tolist() == [0.25, 0.25, 1.0] and joined(scores[:1]).tolist() == [1.0]


def test_strata_go_from_the_cheapest_to_the_dearest() -> None:
    cost = np.array([5.0, 1.0, 4.0, 2.0, 3.0, 6.0])
    assert [sorted(cost[stratum(cost, 3, number)]) for number in range(4)] == [[1, 2], [3, 4], [5, 6], [1, 2]]
    assert len(stratum(cost[:2], 5, 4)) == 1


def test_what_a_network_drops_does_not_tell_it_from_another() -> None:
    from archspace.spec.archspec import ArchSpec

    encoder = Encoder(
        axes_of({"unit": ["eesp", "mobilenet"], "branches": [2, 4], "width": [0.5, 1.0], "classes": [2]})
    )
    specs = [
        ArchSpec("espnetv2", classes=4, input_size=32, **fields)
        for fields in ({"unit": "eesp", "branches": 2}, {"unit": "mobilenet", "width": 0.5}, {"unit": "eesp"})
    ]
    rows = encoder(specs, np.array([[10.0, 100.0]] * 3))
    assert rows[:, 2:].tolist() == [[1, 0, 0, 1], [0, 1, ABSENT, 0], [1, 0, 1, 1]]
    scaled = encoder.ranged(np.array([[10.0, 10.0], [1000.0, 1000.0]]))
    assert scaled(specs[:1], np.array([[100.0, 1e5]]))[0, :2].tolist() == [0.5, 2.0]
