"""What a run folder says of the rungs of its study: how much was trained, and what waits. No torch, no optuna."""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from analysis.store.records import TrialRecord

RUNGS_ATTR = "rungs"
"""A trial's attribute in the storage of a study with rungs: how far it has come, and the epochs counted for it."""

AT = "at"
"""In how a metric at a rung was taken: when, ISO 8601 in UTC."""

_STATES = """SELECT t.state, a.value_json FROM trials t JOIN studies s USING (study_id)
JOIN trial_user_attributes a ON a.trial_id = t.trial_id AND a.key = ? WHERE s.study_name = ?"""
_GIVEN = """SELECT COUNT(*) FROM trials t JOIN studies s USING (study_id)
WHERE s.study_name = ? AND t.state = 'COMPLETE'"""


@dataclass(frozen=True, slots=True)
class Rungs:
    """How far a study with rungs has come.

    Attributes:
        done: full trainings that its epochs come to, and given networks that were trained.
        paused: networks that wait at a rung.
    """

    done: int
    paused: int


def has_rungs(config: Mapping[str, Any]) -> bool:
    """Returns whether a study, as plain data, compares its networks at rungs."""
    return bool((config.get("judging") or {}).get("rungs"))


def full_epochs(config: Mapping[str, Any]) -> int:
    """Returns epochs of a full training of a study, as plain data."""
    training = config.get("training") or {}
    each = int(training.get("epochs") or 1)
    stages: list[Mapping[str, Any]] = list(training.get("stages") or [{}])
    return sum(int(stage.get("epochs") or each) for stage in stages)


def spent_until(trials: Sequence[TrialRecord]) -> dict[str, int] | None:
    """Returns by label the epochs that all trials of a study had been trained for when this one ended.

    ``None`` where a trained one does not say for how many it was trained, as those of an earlier archspace.
    """
    if any(trial.values and trial.epochs is None for trial in trials):
        return None
    spent: list[tuple[str, int]] = []
    for trial in trials:
        before = 0
        for rung in sorted(trial.rungs, key=int):
            spent.append((str(trial.rungs[rung].how.get(AT) or trial.finished or ""), int(rung) - before))
            before = int(rung)
        spent.append((trial.finished or "", (trial.epochs or 0) - before))
    spent.sort()
    times, sums = [at for at, _ in spent], [0, *accumulate(epochs for _, epochs in spent)]
    return {trial.label: sums[bisect_right(times, trial.finished or "")] for trial in trials}


def rungs_in(tables: sqlite3.Connection, name: str, epochs: int) -> Rungs:
    """Returns how far a study has come, from Optuna's tables.

    Args:
        tables: Optuna's.
        name: of the study.
        epochs: of a full training.

    Raises:
        sqlite3.Error: the tables are not as expected.
    """
    given = tables.execute(_GIVEN, (f"{name}/given",)).fetchone()[0]
    states = [(ended, json.loads(text)) for ended, text in tables.execute(_STATES, (RUNGS_ATTR, name))]
    spent = sum(state["cost"] for _, state in states)
    paused = sum(ended == "RUNNING" and state["paused"] for ended, state in states)
    return Rungs(spent // epochs + given, paused)
