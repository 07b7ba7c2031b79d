"""The rungs of a study, from what its storage has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from analysis.store.records import Measurement
from searches.study.bracket import RUNGS_ATTR, Bracket, RungState, point_of

START = RungState(goal=1, cost=1)


def at_rung(quality: float, macs: float, goal: int = 1) -> RungState:
    """A trial that waits at a rung with what it has there."""
    state = START
    for epochs in (1, 2):
        if epochs <= goal:
            metric = Measurement("miou", quality, "%", "measured")
            state = replace(state, goal=epochs)
            state = state.pausing(f"net {macs}", "then", "now", metric, [-quality, macs])
    return state


def frozen(
    states: Sequence[RungState | None], ended: dict[int, TrialState] | None = None, **attrs: Any
) -> list[FrozenTrial]:
    """Trials with these states, running unless they ended."""
    study = optuna.create_study(directions=["maximize", "minimize"])
    for number, state in enumerate(states):
        how = (ended or {}).get(number, TrialState.RUNNING)
        held = {} if state is None else {RUNGS_ATTR: state.to_dict()}
        values = [1.0, 1.0] if how == TrialState.COMPLETE else None
        study.add_trial(create_trial(state=how, values=values, user_attrs={**held, **attrs}))
    return study.get_trials(deepcopy=False)


@pytest.fixture
def bracket() -> Bracket:
    return Bracket([1, 2, 4], 3, 8)


def test_the_highest_rung_goes_first_and_the_state_says_up_to_where(bracket: Bracket) -> None:
    low = [at_rung(50 + n, 1e6 - n) for n in range(3)]
    promoted = bracket.promoted(frozen(low))
    assert promoted is not None and promoted[0].number == 2
    assert (promoted[1].goal, promoted[1].cost, promoted[1].paused) == (2, 2, False)
    assert promoted[1].reached == 1 and promoted[1].rungs["1"].value == 52
    high = [at_rung(60 + n, 1e6 - n, goal=2) for n in range(3)]
    promoted = bracket.promoted(frozen([*low, *high]))
    assert promoted is not None and promoted[0].number == 5 and promoted[1].goal == 4


def test_what_runs_or_has_ended_counts_at_its_rungs_but_goes_on_no_more(bracket: Bracket) -> None:
    states = [at_rung(50 + n, 1e6 - n) for n in range(3)]
    going = bracket.promoted(frozen(states))
    assert going is not None
    assert bracket.promoted(frozen([*states[:2], going[1]])) is None
    for how in (TrialState.PRUNED, TrialState.FAIL, TrialState.COMPLETE):
        assert bracket.promoted(frozen(states, {2: how})) is None
    more = [at_rung(10, 2e6 + n) for n in range(3)]
    following = bracket.promoted(frozen([*states[:2], going[1], *more]))
    assert following is not None and following[0].number == 1


def test_the_budget_counts_what_was_trained_and_what_is_being_trained(bracket: Bracket) -> None:
    states = [None, START, at_rung(50, 1e6), at_rung(60, 1e6, goal=2), RungState(goal=4, cost=4)]
    trials = frozen(states)
    spent = bracket.spent(trials)
    assert spent.trainings == pytest.approx((1 + 1 + 1 + 2 + 4) / 4) and spent.paused == 2
    full = frozen([RungState(goal=4, cost=4)] * 8, {0: TrialState.COMPLETE})
    assert bracket.has_room(trials) and not bracket.has_room(full)
    assert bracket.has_room(frozen([RungState(goal=4, cost=4)] * 8)), "one at least comes to the end"


def test_a_network_that_waits_is_found_again(bracket: Bracket) -> None:
    trials = frozen([at_rung(50, 1e6), at_rung(60, 2e6)], {1: TrialState.COMPLETE})
    found = bracket.with_network(trials, "net 1000000.0")
    assert found is not None and found.number == 0
    assert bracket.with_network(trials, "net 2000000.0") is None, "its values hold for the new one"


def test_a_value_that_is_no_number_comes_last(bracket: Bracket) -> None:
    states = [at_rung(float("nan"), 1.0), at_rung(40, 1e6), at_rung(30, 2e6)]
    assert states[0].points["1"] == [None, 1.0]
    promoted = bracket.promoted(frozen(states))
    assert promoted is not None and promoted[0].number == 1


def test_macs_stand_in_for_what_only_a_device_can_say() -> None:
    known = {
        "miou": Measurement("miou", 40.0, "%", "measured"),
        "macs": Measurement("macs", 5e6, "MACs", "counted"),
    }
    assert point_of(("miou", "latency_ms"), known) == [-40.0, 5e6]
    assert point_of(("macs", "miou"), known) == [5e6, -40.0]
