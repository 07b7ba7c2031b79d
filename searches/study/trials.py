"""Trials in the study's Optuna storage: claimed by one worker at a time, taken up again after a crash."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from analysis.store.records import TrialRecord
from analysis.store.runs import TRIALS_FOLDER, write_record
from searches.study.claims import Claim
from searches.study.draining import STOP_ATTR
from searches.study.files import pulled, pushed
from searches.study.known import RECORD_ATTR, REPLACED_ATTR, STATES, Known, attributes
from searches.study.leases import BEAT_ATTR, BEATS, LEASE_ATTR, Lease, LeaseLost, Watch, beaten, heartbeat
from searches.study.mirror import Mirror
from searches.study.outages import enduring
from searches.study.sharing import ALONE, Sharing
from searches.study.tables import TableStorage
from searches.study.transactional import Alone, Param, Transactional
from searches.study.turns import AWAY_ATTR, QUEUED, TWIN, comes, trains

log = logging.getLogger(__name__)

LOST = (LeaseLost, UpdateFinishedTrialError, KeyError)
"""How a write fails that comes too late: another worker has the trial, it has ended, or it is gone with its study."""


class Trials:
    """The trials of one kind (sampled or given) of a run.

    Args:
        study: their Optuna study.
        folder: the run folder.
        prefix: of their labels and folders (``""`` or ``"given-"``).
        target: how many are to finish as complete.
        bound: how many may be begun at most.
        sharing: what the study is shared through with other processes.
        before: the kinds of trials that come before these: a network that they train is not trained here too.
    """

    def __init__(
        self,
        study: optuna.Study,
        folder: Path,
        prefix: str,
        target: int,
        bound: int,
        sharing: Sharing = ALONE,
        before: Sequence[Trials] = (),
    ) -> None:
        self.study, self.folder, self.prefix = study, folder, prefix
        self.target, self.bound, self._before = target, bound, before
        storage = sharing.storage
        self._storage = storage if isinstance(storage, Transactional) else Alone(study._storage)
        self._sharing, self._watch = sharing, Watch()
        self._known = Known(keep=not isinstance(storage, TableStorage))
        self._mirror = Mirror(folder, sharing.files)

    def label(self, number: int) -> str:
        """Returns name of trial ``number`` and of its folder."""
        return f"{self.prefix}{number}"

    def path(self, number: int) -> Path:
        """Folder of trial ``number``."""
        return self.folder / TRIALS_FOLDER / self.label(number)

    def transaction(self) -> AbstractContextManager[None]:
        """Makes what a block does with the study one step among all processes."""
        return self._storage.transaction(self.study._study_id)

    def claim(self, *, waiting: bool = False, queued: bool = False) -> Claim | None:
        """Returns a trial to run: one that nobody holds any more, else a new one; ``None`` when there is nothing to do.

        Of two processes, wherever they run, one gets it: the lease is read and written in one step.

        Args:
            waiting: take one that waits for its device instead (:meth:`leave`), no other.
            queued: take one that no machine has tried to measure yet before any other.
        """
        claim = enduring(lambda: self._claim(waiting, queued))
        if claim is not None and not claim.new and self._sharing.files is not None:
            label, path = self.label(claim.trial.number), self.path(claim.trial.number)
            pulled(self._sharing.files, label, path, anew=claim.moved)
        return claim

    def _claim(self, waiting: bool, queued: bool) -> Claim | None:
        with self.transaction():
            trials, known = self._listed(), self._known
            running = [trials[number] for number in sorted(known.open)]
            away = {frozen.number: frozen.user_attrs.get(AWAY_ATTR, False) for frozen in running}
            first = [frozen for frozen in running if queued and away[frozen.number] == QUEUED]
            others = [one for trials in self._before for one in trials.running()]
            here = [one for one in running if comes(one, running, others, waiting)]
            for frozen in (*first, *here):
                if (claim := self._take(frozen)) is not None:
                    return claim
            return None if waiting else self._following(trials, known.complete + len(running))

    def running(self) -> list[FrozenTrial]:
        """Returns the trials that have not ended, as they are now."""
        return self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def trained_elsewhere(self, claim: Claim, arch_id: str) -> bool:
        """Looks at the storage: whether another trial trains this network now."""
        self._listed()
        running = [one for trials in (self, *self._before) for one in trials.running()]
        return any(trains(one, arch_id) for one in running if one._trial_id != claim.trial._trial_id)

    def _following(self, trials: Sequence[FrozenTrial], counted: int) -> Claim | None:
        """A new trial, if there is to be one beside those that are ``counted``: complete, or to become so."""
        if counted >= self.target or len(trials) >= self.bound:
            return None
        return self._hold(self._storage.create_new_trial(self.study._study_id), len(trials))

    def _listed(self) -> list[FrozenTrial]:
        """All trials as they are now; samplers that ask for them in this thread get the same list."""
        trials = self.study.get_trials(deepcopy=False)
        self.study._thread_local.cached_all_trials = trials
        self._known.update(trials, self.study.user_attrs)
        return trials

    def _take(self, frozen: FrozenTrial) -> Claim | None:
        """A claim on a running trial that nobody holds any more."""
        lease = Lease.of(frozen.user_attrs)
        why = self._watch.why_free(
            frozen.number, frozen.user_attrs, self.path(frozen.number), self._sharing.lease_s
        )
        if why is None:
            return None
        twin = frozen.user_attrs.get(AWAY_ATTR) == TWIN
        log.info(
            "trial %s: %s%s",
            self.label(frozen.number),
            "its turn has come" if twin else "taken up again",
            why,
        )
        self._watch.forget(frozen.number)
        if twin:
            self._storage.enter(frozen._trial_id, {AWAY_ATTR: False})
        claim = self._hold(frozen._trial_id, frozen.number, 0 if lease is None else lease.term + 1, new=False)
        if frozen.user_attrs.get(STOP_ATTR):  # asked for while nobody had it
            claim.stopped.set()
        return replace(claim, moved=lease is None or not lease.is_of(self.path(frozen.number)))

    def _hold(self, trial_id: int, number: int, term: int = 0, *, new: bool = True) -> Claim:
        """Enters a lease of this process; within the transaction in which the trial was seen to be free."""
        lease = Lease.here(self.path(number), self._sharing.lease_s, term)
        self._storage.enter(trial_id, {LEASE_ATTR: lease.to_dict()})
        trial = optuna.Trial(self.study, trial_id)
        assert trial.number == number, "trials are numbered in their order, from 0"
        return Claim(trial, lease, lease.mark(), new)

    def enter(
        self, claim: Claim, attributes: Mapping[str, Any], params: Mapping[str, Param] = MappingProxyType({})
    ) -> None:
        """Enters attributes and parameters of a claimed trial.

        Raises:
            LeaseLost: another worker has the trial, or has ended it.
        """
        with self._ours(claim):
            self._storage.enter(claim.trial._trial_id, attributes, params)

    def held(self, claim: Claim) -> AbstractContextManager[None]:
        """Renews a claim while the block runs; ``claim.lost`` is set if another worker has the trial."""
        return heartbeat(lambda: self._renew(claim), claim.lease.seconds / BEATS, claim.lost)

    def _renew(self, claim: Claim) -> bool:
        try:
            with self._ours(claim):
                beat = int(self._storage.attribute(claim.trial._trial_id, BEAT_ATTR) or 0) + 1
                self._storage.enter(claim.trial._trial_id, beaten(beat))
                if self._storage.attribute(claim.trial._trial_id, STOP_ATTR):
                    claim.stopped.set()
        except LeaseLost:
            return False
        self.look()
        return True

    def _check(self, claim: Claim) -> None:
        """Makes sure, within a transaction, that a trial is still this claim's.

        Raises:
            LeaseLost: it is another one's.
        """
        held = self._storage.attribute(claim.trial._trial_id, LEASE_ATTR)
        if held is None or held["token"] != claim.lease.token:
            raise LeaseLost

    def look(self) -> int:
        """Looks at the counters of the trials that others hold; returns how many of them have not run out."""
        return sum(self._watch.is_held(frozen.number, frozen.user_attrs) for frozen in self.running())

    def leave(self, claim: Claim, why: bool | str = True) -> None:
        """Leaves a trial running that is trained; it is claimed again as ``waiting``.

        Args:
            claim: of the trial.
            why: its device is away; with :data:`QUEUED`, another machine holds it; with :data:`TWIN`, another trial
                trains its network, so that nothing was done for it.

        Raises:
            LeaseLost: another worker has the trial, or has ended it.
        """
        if why != TWIN:
            self._send(claim)
        enduring(lambda: self.enter(claim, {AWAY_ATTR: why, LEASE_ATTR: None}))
        claim.release()

    def finish(self, claim: Claim, record: TrialRecord, objectives: tuple[str, ...]) -> None:
        """Enters the record in the storage and ends the trial, in one step, then writes ``record.json``.

        Raises:
            LeaseLost: another worker has the trial, or has ended it; nothing was written.
        """
        values = [record.values[name] for name in objectives] if record.values else None
        self._send(claim)
        enduring(lambda: self._finish(claim, record, values))
        self._known.add(record)
        write_record(self.folder, record)
        claim.release()

    def _send(self, claim: Claim) -> None:
        claim.check()
        if self._sharing.files is not None and self._sharing.sends:
            pushed(self._sharing.files, self.label(claim.trial.number), self.path(claim.trial.number))

    def _finish(self, claim: Claim, record: TrialRecord, values: Sequence[float] | None) -> None:
        data, trial_id = json.loads(json.dumps(record.to_dict())), claim.trial._trial_id
        try:
            with self._ours(claim), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # constraints are experimental; one taken up may have them
                self._storage.enter(trial_id, {**self._attributes(claim, record), RECORD_ATTR: data})
                for rule, amount in claim.constraints.items():
                    claim.trial.set_constraint(rule, amount)
                self._end(trial_id, TrialState.COMPLETE if values else STATES[record.state], values)
        except LeaseLost:
            if not self._entered(claim, data):
                raise

    def _attributes(self, claim: Claim, record: TrialRecord) -> dict[str, Any]:
        return attributes(record)

    def _entered(self, claim: Claim, data: Mapping[str, Any]) -> bool:
        """Whether this claim did end its trial: the storage may go away after the end and before it said so."""
        with suppress(*LOST), self.transaction():
            self._check(claim)
            return bool(self._storage.attribute(claim.trial._trial_id, RECORD_ATTR) == data)
        return False

    def _end(self, trial_id: int, state: TrialState, values: Sequence[float] | None) -> None:
        """Ends a trial as ``study.tell`` does, which reads it twice more."""
        study, storage = self.study, self.study._storage
        study.sampler.after_trial(study, storage.get_trial(trial_id), state, values)
        storage.set_trial_state_values(trial_id, state, values)
        study._thread_local.cached_all_trials = None

    @contextmanager
    def _ours(self, claim: Claim) -> Iterator[None]:
        """A transaction with a claimed trial, which fails as one where the trial is not ours any more."""
        try:
            with self.transaction():
                self._check(claim)
                yield
        except LOST as error:
            raise LeaseLost from error

    def replace(self, record: TrialRecord) -> None:
        """Replaces the record of a trial that ended, in the storage and in its folder: numbers were taken again."""
        self.study.set_user_attr(f"{REPLACED_ATTR}{record.label}", record.to_dict())
        write_record(self.folder, record)

    def finished(self) -> Sequence[TrialRecord]:
        """Returns records of all trials that ended, by number, each as it was entered last."""
        self._known.update(self.study.get_trials(deepcopy=False), self.study.user_attrs)
        return self._known.records

    @property
    def known(self) -> Sequence[TrialRecord]:
        """The same as they were when the storage was last looked at, with those that ended here since."""
        return self._known.records

    def of_network(self, arch_id: str) -> Sequence[TrialRecord]:
        """Returns those of :attr:`known` that are of one network."""
        return self._known.of_network(arch_id)

    def mirror(self) -> None:
        """Writes into the run folder what is new in the storage, with the files that other machines sent."""
        self._mirror.write(self.finished())
