"""The trials of a study with rungs: they pause with the state of their training, go on from it, or are stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from analysis.store.records import Measurement, TrialRecord
from analysis.store.rungs import RUNGS_ATTR
from archspace.support.numbers import counted
from searches.config.study import StudyConfig
from searches.study.bracket import Bracket, RungState, Spent, point_of
from searches.study.claims import Claim
from searches.study.files import pulled
from searches.study.judge import Judge, now
from searches.study.leases import LEASE_ATTR
from searches.study.outages import enduring
from searches.study.sharing import ALONE, Sharing
from searches.study.trials import Trials
from searches.study.turns import AT_RUNG, AWAY_ATTR

ASKS_PER_TRIAL, SPARE_ASKS = 20, 50
"""A study ends after this many suggestions a wanted trial, plus these, however few were feasible."""


log = logging.getLogger(__name__)


class RungTrials(Trials):
    """The sampled trials of a study with rungs.

    A trial that pauses stays running in the storage, without a lease. Who may go on is decided within the transaction
    in which it is claimed.

    Args:
        study, folder, bound, sharing, before: as of :class:`Trials`.
        bracket: the rungs.
    """

    def __init__(
        self, study: optuna.Study, folder: Path, bound: int, bracket: Bracket, sharing: Sharing = ALONE,
        before: Sequence[Trials] = (),
    ) -> None:  # fmt: skip
        super().__init__(study, folder, "", bracket.target, bound, replace(sharing, sends=True), before)
        self.bracket = bracket

    def _following(self, trials: Sequence[FrozenTrial], counted: int) -> Claim | None:
        """The trial that goes on from its rung, else a new one, as long as the budget lasts."""
        if not self.bracket.has_room(trials):
            return None
        promoted = self.bracket.promoted(trials)
        if promoted is not None:
            label, reached = self.label(promoted[0].number), promoted[1].reached
            log.info("trial %s: goes on after epoch %d", label, reached)
            return self._from_rung(*promoted)
        claim = super()._following(trials, 0)
        return None if claim is None else replace(claim, rung=self.bracket.first)

    def _take(self, frozen: FrozenTrial) -> Claim | None:
        claim = super()._take(frozen)
        return None if claim is None else replace(claim, rung=self.bracket.state(frozen))

    def _from_rung(self, frozen: FrozenTrial, state: RungState) -> Claim:
        """A claim on a trial that waits at a rung."""
        claim = self._hold(frozen._trial_id, frozen.number, new=False)
        self._storage.enter(frozen._trial_id, {RUNGS_ATTR: state.to_dict(), AWAY_ATTR: False})
        return replace(claim, moved=True, rung=state)

    def pause(self, claim: Claim, state: RungState) -> None:
        """Leaves a trial at its rung, from where it goes on when it is promoted.

        Raises:
            LeaseLost: another worker has the trial, or has ended it.
        """
        self._send(claim)
        waits = {RUNGS_ATTR: state.to_dict(), AWAY_ATTR: AT_RUNG, LEASE_ATTR: None}
        enduring(lambda: self.enter(claim, waits))
        claim.release()

    def paused(self) -> Claim | None:
        """Claims a trial that waits at a rung, to end it there; ``None`` when there is none, or another trial runs.

        Whoever runs it ends those that wait, as some may go on yet.
        """
        claim = enduring(self._paused)
        if claim is not None and self._sharing.files is not None:
            label, path = self.label(claim.trial.number), self.path(claim.trial.number)
            pulled(self._sharing.files, label, path, anew=True)
        return claim

    def _paused(self) -> Claim | None:
        with self.transaction():
            trials = [one for one in self._listed() if one.state == TrialState.RUNNING]
            waiting = [one for one in trials if self.bracket.waits(one)]
            if not waiting or len(waiting) < len(trials):
                return None
            return self._from_rung(waiting[0], replace(self.bracket.state(waiting[0]), paused=False))

    def _attributes(self, claim: Claim, record: TrialRecord) -> dict[str, Any]:
        assert claim.rung is not None, "every trial of a study with rungs has one"
        cost = self.bracket.levels[0] if record.duplicate_of else record.epochs or 0
        state = replace(claim.rung, paused=False, cost=cost)
        return {**super()._attributes(claim, record), RUNGS_ATTR: state.to_dict()}

    def spent(self) -> Spent:
        """Returns how far the study has come."""
        return self.bracket.spent(self.study.get_trials(deepcopy=False))

    def of_same_network(self, arch_id: str) -> tuple[str, str] | None:
        """Returns the label of a trial of this network that came to a rung and no farther, if one did, and in words."""
        other = self.bracket.with_network(self.study.get_trials(deepcopy=False), arch_id)
        if other is None:
            return None
        label, epochs = self.label(other.number), self.bracket.state(other).reached
        return label, f"the same network as trial {label}, then trained for {counted(epochs, 'epoch')}"


def sampled_trials(
    config: StudyConfig, study: optuna.Study, folder: Path, sharing: Sharing, given: Trials
) -> Trials:
    """Returns the sampled trials of a study, which come after the given ones."""
    levels = config.levels
    if len(levels) == 1:
        bound = ASKS_PER_TRIAL * config.trials + SPARE_ASKS
        return Trials(study, folder, "", config.trials, bound, sharing, (given,))
    bracket = Bracket(levels, config.judging.reduction, config.trials)
    bound = ASKS_PER_TRIAL * bracket.networks + SPARE_ASKS
    return RungTrials(study, folder, bound, bracket, sharing, (given,))


def same_network(trials: Trials, claim: Claim, arch_id: str) -> tuple[str, str] | None:
    """Returns who has brought the network of a trial that begins to a rung, and no farther; label, and in words."""
    begins = claim.rung is not None and not claim.rung.reached
    return trials.of_same_network(arch_id) if begins and isinstance(trials, RungTrials) else None


def spent_by(trials: Trials) -> Callable[[], Spent] | None:
    """Returns what says how far a study with rungs has come, ``None`` for one without."""
    return trials.spent if isinstance(trials, RungTrials) else None


def paused_at(
    rung: RungState, judge: Judge, arch_id: str, started: str, known: Mapping[str, Measurement]
) -> RungState:
    """Returns the state of a trial that pauses at its goal, with what is known of its network there."""
    point = point_of(judge.config.objectives, known)
    return rung.pausing(arch_id, started, now(), known[judge.task.metric], point)
