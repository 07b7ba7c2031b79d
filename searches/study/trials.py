"""Trials in the study's Optuna storage: claimed by one worker at a time, taken up again after a crash."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from analysis.store.records import TrialRecord
from analysis.store.runs import RECORD_FILE, TRIALS_FOLDER, write_record
from archspace.support.locks import Held, locked, try_lock

log = logging.getLogger(__name__)

RECORD_ATTR = "record"
AWAY_ATTR = "away"
REPLACED_ATTR = "record of "
"""Begins the study's attribute that has a trial's newer record: attributes of a trial that ended cannot change."""
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
STATES = {"complete": TrialState.COMPLETE, "infeasible": TrialState.PRUNED, "failed": TrialState.FAIL}


@dataclass(frozen=True, slots=True)
class Claim:
    """A running trial that this process holds."""

    trial: optuna.Trial
    lock: Held


class Trials:
    """The trials of one kind (sampled or given) of a run.

    Args:
        study: their Optuna study.
        folder: the run folder.
        prefix: of their labels and folders (``""`` or ``"given-"``).
        target: how many are to finish as complete.
        bound: how many may be begun at most.
    """

    def __init__(self, study: optuna.Study, folder: Path, prefix: str, target: int, bound: int) -> None:
        self.study, self.folder, self.prefix = study, folder, prefix
        self.target, self.bound = target, bound

    def label(self, number: int) -> str:
        """Returns name of trial ``number`` and of its folder."""
        return f"{self.prefix}{number}"

    def path(self, number: int) -> Path:
        """Folder of trial ``number``."""
        return self.folder / TRIALS_FOLDER / self.label(number)

    def claim(self, *, waiting: bool = False) -> Claim | None:
        """Returns a trial to run: one that a dead process left, else a new one; ``None`` when there is nothing to do.

        Args:
            waiting: take one that waits for its device instead (:meth:`leave`); no other.
        """
        with locked(self.folder / "study.lock"):
            trials = self.study.get_trials(deepcopy=False)
            complete = sum(frozen.state == TrialState.COMPLETE for frozen in trials)
            running = 0
            for frozen in trials:
                if frozen.state != TrialState.RUNNING:
                    continue
                if (AWAY_ATTR in frozen.user_attrs) != waiting:
                    running += 1
                    continue
                lock = self._lock(frozen.number)
                if lock is None:
                    running += 1
                    continue
                state = self.study._storage.get_trial(frozen._trial_id).state
                if state == TrialState.RUNNING:
                    log.info("trial %s: taken up again", self.label(frozen.number))
                    return Claim(optuna.Trial(self.study, frozen._trial_id), lock)
                lock.release()  # it has ended since the trials were listed
                complete += state == TrialState.COMPLETE
            if waiting:
                return None
            if complete + running >= self.target or len(trials) >= self.bound:
                return None
            trial = self.study.ask()
            lock = self._lock(trial.number)
            assert lock is not None, "a new trial's lock is free"
            return Claim(trial, lock)

    def _lock(self, number: int) -> Held | None:
        return try_lock(self.path(number) / "lock")

    def leave(self, claim: Claim) -> None:
        """Leaves a trial running whose device is away; it is claimed again as ``waiting``."""
        claim.trial.set_user_attr(AWAY_ATTR, True)
        claim.lock.release()

    def finish(self, claim: Claim, record: TrialRecord, objectives: tuple[str, ...]) -> None:
        """Enters the record in the storage, then ends the trial, then writes ``record.json``."""
        for name, value in attributes(record).items():
            claim.trial.set_user_attr(name, value)
        claim.trial.set_user_attr(RECORD_ATTR, record.to_dict())
        values = [record.values[name] for name in objectives] if record.values else None
        state = TrialState.COMPLETE if values else STATES[record.state]
        self.study.tell(claim.trial, values, state=state)
        write_record(self.folder, record)
        claim.lock.release()

    def replace(self, record: TrialRecord) -> None:
        """Replaces the record of a trial that ended, in the storage and in its folder: numbers were taken again."""
        self.study.set_user_attr(f"{REPLACED_ATTR}{record.label}", record.to_dict())
        write_record(self.folder, record)

    def finished(self) -> Iterator[TrialRecord]:
        """Records of all trials that ended, by number, each as it was entered last."""
        replaced = self.study.user_attrs
        for frozen in self.study.get_trials(deepcopy=False, states=FINISHED):
            data = replaced.get(f"{REPLACED_ATTR}{self.label(frozen.number)}")
            record = _record(frozen) if data is None else TrialRecord.from_dict(data)
            if record is not None:
                yield record

    def mirror(self) -> None:
        """Writes every ``record.json`` that a crash kept from being written, or from being replaced."""
        for record in self.finished():
            path = self.folder / TRIALS_FOLDER / record.label / RECORD_FILE
            if not path.is_file() or (record.first and '"first"' not in path.read_text(encoding="utf-8")):
                write_record(self.folder, record)


def attributes(record: TrialRecord) -> dict[str, Any]:
    """Returns what a person looks for in a trial: its network and how it ended, and every number in its own unit."""
    words = {
        "label": record.label, "network": record.network, "arch_id": record.arch_id, "given": record.given,
        "duplicate_of": record.duplicate_of, "state": record.state, "reason": record.reason,
    }  # fmt: skip
    numbers = {name: one.value for name, one in record.measurements.items()}
    return {name: value for name, value in (words | numbers).items() if value is not None}


def _record(frozen: FrozenTrial) -> TrialRecord | None:
    data = frozen.user_attrs.get(RECORD_ATTR)
    if data is None:
        return None
    return TrialRecord.from_dict(json.loads(data) if isinstance(data, str) else data)
