"""Which trials are meant: the best in the task's metric, the whole front, the given networks."""

from __future__ import annotations

import pytest

from analysis.store.picks import pick_trial, pick_trials
from analysis.store.records import StudyRecord
from archspace.support.errors import FieldError, InputError
from tests.reports.runs import study_of, trial


def study() -> StudyRecord:
    """Three trials on the front, one behind it, two given ones (one with two seeds), a copy and a failure."""
    return study_of(
        trial("given-0", 0, {"macs": 5e6, "miou": 50.0}, given="espnet"),
        trial("given-1", 1, {"macs": 5e6, "miou": 51.0}, given="espnet #2"),
        trial("0", 0, {"macs": 1e6, "miou": 40.0}),
        trial("1", 1, {"macs": 2e6, "miou": 55.0}),
        trial("2", 2, {"macs": 9e6, "miou": 60.0}),
        trial("3", 3, {"macs": 9e6, "miou": 60.0}, duplicate_of="2"),
        trial("4", 4, {}, state="failed", reason="loss is NaN"),
        given=[{"name": "espnet", "spec": "espnet"}, {"name": "espnet #2", "spec": "espnet", "repeat_of": "espnet"}],
    )  # fmt: skip


def labels(*picks: str, **bounds: float) -> list[str]:
    return [one.label for one, _ in pick_trials(study(), picks, bounds)]


def test_best_is_the_best_in_the_tasks_metric_whatever_the_first_objective_is() -> None:
    assert study().objectives[0].name == "macs"
    assert pick_trial(study(), "best", {}).label == "2"


def test_many_are_picked_each_once() -> None:
    assert labels("front") == ["2", "1", "0"]
    assert labels("given") == ["given-0"]
    assert labels("3", "best", "1") == ["2", "1"]
    assert labels("front", macs=3e6) == ["1", "0"]
    assert pick_trials(study(), ["best", "front", "2"], {})[0][1] == "best, front, 2"


@pytest.mark.parametrize(
    ("picks", "says"),
    [
        (["9"], "no such trial"),
        (["4"], "failed, not trained"),
        ([], "chooses nothing"),
        (["fronts"], "front"),
    ],
)
def test_what_is_not_there_is_refused(picks: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        pick_trials(study(), picks, {})


def test_a_trial_that_is_not_there_is_refused_by_what_named_it() -> None:
    with pytest.raises(FieldError, match=r"^RUN:N: '9': "):
        pick_trial(study(), "9", {}, field="RUN:N")


def test_a_study_without_given_networks_or_complete_trials_says_so() -> None:
    bare = study_of(trial("0", 0, {}, state="failed", reason="loss is NaN"))
    with pytest.raises(FieldError, match="given no network"):
        pick_trials(bare, ["given"], {})
    with pytest.raises(InputError, match="no trial is complete"):
        pick_trials(bare, ["front"], {})
