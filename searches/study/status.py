"""How a study stands, seen from its storage while others work on it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from analysis.store.rungs import full_epochs, has_rungs
from analysis.store.running import held_locks
from analysis.store.status import RunStatus, Worked
from archspace.support.machine import machine
from searches.config.study import StudyConfig
from searches.study.bracket import Bracket
from searches.study.leases import BEATEN_ATTR, LET_GO_ATTR, LOCK_FILE, Lease, utc_now
from searches.study.turns import AT_RUNG, AWAY_ATTR, QUEUED, TWIN

RECENT = 50
"""Trials that ended last, whose rate is that of the study."""

NOTED_S = 10.0
"""Between two statuses that are kept in the run folder."""

WAITS = {
    True: "waits for its device", QUEUED: "waits for the machine that measures", AT_RUNG: "paused at a rung",
    TWIN: "waits for another trial of its network",
}  # fmt: skip


class Often:
    """Lets something be done no oftener than every so many seconds."""

    def __init__(self, seconds: float = NOTED_S) -> None:
        self._seconds, self._last = seconds, -math.inf

    def due(self) -> bool:
        """Returns whether it is time again, and counts from now if it is."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


def status_of(config: StudyConfig, sampled: optuna.Study, given: optuna.Study) -> RunStatus:
    """Returns how a study stands.

    Args:
        config: the study.
        sampled, given: its Optuna studies.
    """
    kinds = {"given-": given.get_trials(deepcopy=False), "": sampled.get_trials(deepcopy=False)}
    trials = [trial for some in kinds.values() for trial in some]
    wanted = config.trials + len(config.given)
    done: float = sum(trial.state == TrialState.COMPLETE for trial in trials)
    if has_rungs(plain := config.model_dump(mode="json")):
        bracket = Bracket(config.levels, config.judging.reduction, config.trials)
        done = (
            sum(one.state == TrialState.COMPLETE for one in kinds["given-"])
            + bracket.spent(kinds[""]).trainings
        )
        assert bracket.epochs == full_epochs(plain)
    locks = held_locks()
    working = tuple(
        _worked(f"{prefix}{trial.number}", trial, locks)
        for prefix, some in kinds.items()
        for trial in some
        if trial.state == TrialState.RUNNING
    )
    per_hour = _per_hour(trials)
    left = None
    if per_hour and any(one.state == "runs" for one in working):
        left = max(0.0, wanted - done) / per_hour * 3600
    failed = [one for one in trials if one.state == TrialState.FAIL]
    return RunStatus(
        name=config.name, at=utc_now(), done=done, wanted=wanted, working=working, per_hour=per_hour, left_s=left,
        ended=dict(Counter(str(one.user_attrs.get("state", one.state.name.lower())) for one in trials
                           if one.state.is_finished())),
        failures=dict(Counter(str(one.user_attrs.get("reason", "no reason was kept")) for one in failed)),
    )  # fmt: skip


def _worked(label: str, trial: FrozenTrial, locks: frozenset[int]) -> Worked:
    lease, why = Lease.of(trial.user_attrs), trial.user_attrs.get(AWAY_ATTR, False)
    if lease is None:
        return Worked(trial=label, state=WAITS.get(why, "nobody has it"))
    heard = str(trial.user_attrs.get(BEATEN_ATTR) or lease.since)
    state = "silent" if _age_s(max(heard, lease.since)) > lease.seconds else "runs"
    if lease.machine == machine():
        state = "runs" if _inode(Path(lease.folder) / LOCK_FILE) in locks else "died"
    if trial.user_attrs.get(LET_GO_ATTR) == lease.token and (state == "died" or lease.machine != machine()):
        state = "stopped"
    return Worked(
        trial=label, state=state, host=lease.host, process=lease.process, since=lease.since,
        heard=max(heard, lease.since),
    )  # fmt: skip


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return -1


def _age_s(when: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(when)).total_seconds()


def _per_hour(trials: Sequence[FrozenTrial]) -> float | None:
    """Trials an hour of those that ended well last, each counted from the one before it."""
    ends = sorted(
        one.datetime_complete
        for one in trials
        if one.state == TrialState.COMPLETE and one.datetime_complete is not None
    )[-RECENT:]
    if len(ends) < 2 or ends[0] == ends[-1]:
        return None
    return 3600 * (len(ends) - 1) / (ends[-1] - ends[0]).total_seconds()
