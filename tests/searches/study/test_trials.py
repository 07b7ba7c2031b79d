"""Trials are claimed by one process at a time, whatever another one does meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from analysis.store.records import TrialRecord
from searches.study.trials import Trials


def record(label: str) -> TrialRecord:
    return TrialRecord(
        label=label, number=int(label), state="complete", seed=0, started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:00:01Z", values={"accuracy": 50.0},
    )  # fmt: skip


@pytest.mark.parametrize("target", [1, 2])
def test_a_trial_that_ends_while_another_process_looks_is_not_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: int
) -> None:
    study = optuna.create_study(direction="maximize")
    trials = Trials(study, tmp_path, "", target, 9)
    claim = trials.claim()
    assert claim is not None
    seen = study.get_trials(deepcopy=True)

    def slowly(**how: Any) -> list[optuna.trial.FrozenTrial]:
        """What was in the storage just before the trial ended, as a process has it that is about to lock it."""
        monkeypatch.undo()
        trials.finish(claim, record("0"), ("accuracy",))
        return seen

    monkeypatch.setattr(study, "get_trials", slowly)
    following = trials.claim()
    assert (None if following is None else following.trial.number) == (None if target == 1 else 1)


def test_what_a_dead_process_left_is_taken_up_again(tmp_path: Path) -> None:
    trials = Trials(optuna.create_study(direction="maximize"), tmp_path, "", 1, 9)
    dead = trials.claim()
    assert dead is not None and trials.claim() is None
    dead.lock.release()
    again = trials.claim()
    assert again is not None and again.trial.number == dead.trial.number
