"""One trial of a study: its network drawn, held against what is known, trained and measured, as a record."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis.devices.base import DeviceAway
from analysis.store.records import TrialRecord, unstable
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import SpecError
from searches.config.study import StudyConfig
from searches.study.board import boards_of
from searches.study.bracket import RungState
from searches.study.claims import Claim, Ours, constrain
from searches.study.draining import STOPPED_BY_HAND, Stopped
from searches.study.drawing import drawn
from searches.study.given import answering, fitted
from searches.study.judge import Judge, counted, now, recorder
from searches.study.judgement import Judgement, predictions
from searches.study.outages import enduring
from searches.study.progress import Progress
from searches.study.rung_trials import paused_at, same_network
from searches.study.samplers import derived_seed
from searches.study.space import SearchSpace
from searches.study.trials import Trials
from searches.study.turns import NETWORK_ATTR
from searches.training.callbacks import Callbacks
from searches.training.resume import remove_state

log = logging.getLogger(__name__)


class TrainedElsewhere(Exception):
    """Another trial of the study is at the same network now; its result will hold for this one too."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs one trial after the other; the attributes are those of :class:`searches.study.study.Study`."""

    config: StudyConfig
    folder: Path
    judge: Judge
    space: SearchSpace
    given: Trials
    sampled: Trials
    judged: Judgement
    tensorboard: bool

    def _network(self, params: Mapping[str, Any]) -> str | None:
        """The id of the network of some parameters; ``None`` where it cannot be built."""
        try:
            return self.space.spec(self.space.fields(params)).arch_id
        except SpecError:
            return None

    def _answer(self, trials: Trials, claim: Claim, spec: ArchSpec) -> TrialRecord | None:
        """A trial whose record holds for this network too, ``None`` where it is to be trained.

        Raises:
            TrainedElsewhere: another trial is at it.
        """
        kinds = (self.given, self.sampled)
        twin = answering(self.config, kinds, spec.arch_id)
        if twin is not None or (claim.rung is not None and claim.rung.reached):
            return twin
        if trials is self.given:
            enduring(lambda: trials.enter(claim, {NETWORK_ATTR: spec.arch_id}))
        if enduring(lambda: trials.trained_elsewhere(claim, spec.arch_id)):
            raise TrainedElsewhere
        return answering(self.config, kinds, spec.arch_id)  # one may have ended since the trial was claimed

    def run(self, trials: Trials, claim: Claim, progress: Progress) -> TrialRecord | RungState:
        """One trial's record, or its state if it paused at a rung.

        What is already known of the same network is not measured again.

        Raises:
            TrainedElsewhere: another trial is at this network.
            DeviceAway, MeasuredElsewhere, LeaseLost: as of the judge and the claim.
        """
        number, started, label = claim.trial.number, now(), trials.label(claim.trial.number)
        given = self.config.reference[number] if trials is self.given else None
        seed = derived_seed(self.config.seed, label) if given is None or given.seed is None else given.seed
        recipe = self.config.training if given is None else self.config.recipe_of(given)
        weights = None if given is None else given.weights
        if (rung := claim.rung) is not None:
            started = rung.started or started
            if rung.reached == rung.goal:  # whoever was to end it there was killed
                return replace(rung, paused=True)
        make = recorder(label, number, seed, started, given, self.judge.data)
        if given is not None:
            params: dict[str, Any] = {}
            spec = fitted(given, self.space.fixed)
        else:
            params = drawn(trials, claim, self.space.distributions(), self._network)
            fields = self.space.fields(params)
            try:
                spec = self.space.spec(fields)
            except SpecError as error:
                claim.constraints["spec"] = 1.0
                return make(state="infeasible", params=params, reason=str(error))
        known = counted(spec, (*self.config.objectives, *self.config.constraints))
        common: dict[str, Any] = {
            "spec": spec.to_dict(), "arch_id": spec.arch_id, "network": spec.label, "params": params,
            "predicted": predictions(claim.trial) if given is None else {},
        }  # fmt: skip
        reason = constrain(claim, known, self.config.constraints)
        if reason:
            return make(state="infeasible", measurements=known, reason=reason, **common)
        alike = given is None or given.alike
        if alike and (twin := self._answer(trials, claim, spec)) is not None:
            constrain(claim, twin.measurements, self.config.constraints)
            return make(
                state=twin.state, values=dict(twin.values), measurements=twin.measurements, reason=twin.reason,
                duplicate_of=twin.duplicate_of or twin.label, **common,
            )  # fmt: skip
        if (other := same_network(trials, claim, spec.arch_id)) is not None:
            return make(state="stopped", measurements=known, duplicate_of=other[0], reason=other[1], **common)
        seen = [*self.given.known, *self.sampled.known]
        if given is None and (hopeless := self.judged.hopeless(spec, seen)) is not None:
            constrain(claim, hopeless.predicted, self.config.constraints)
            known |= hopeless.predicted
            return make(state="infeasible", measurements=known, reason=hopeless.reason, **common)
        epochs, folder = sum(stage.epochs for stage in recipe.plan()), trials.path(number)
        adopted = self.judged.adopted(spec, folder) if alike else None
        if adopted is not None:
            taken = seed if adopted.seed is None else adopted.seed
            make = recorder(label, number, taken, started, given, self.judge.data)
        progress.started(label, spec, known, epochs if rung is None else rung.goal)
        ours = Ours(claim)
        try:
            with Callbacks(
                ours, progress, *boards_of(self.judge, self.folder, label, self.tensorboard)
            ) as callback:
                if adopted is None and rung is not None and rung.goal < epochs:
                    known |= self.judge.rung(spec, recipe, seed, folder, callback, rung.goal)
                    return paused_at(rung, self.judge, spec.arch_id, started, known)
                known |= self.judge.judge(
                    spec, recipe, seed, folder, callback, weights=weights, on_progress=progress.note
                )
        except DeviceAway:
            raise
        except Stopped:
            remove_state(folder)
            return make(
                state="stopped", measurements=known, reason=STOPPED_BY_HAND, epochs=ours.epochs,
                rungs={} if rung is None else rung.rungs, **common,
            )  # fmt: skip
        except (RuntimeError, MemoryError) as error:
            log.exception("trial %s failed", label)
            remove_state(folder)
            reason = f"{type(error).__name__}: {error}"
            return make(state="failed", measurements=known, reason=reason, epochs=None, **common)
        if adopted is not None:
            known = self.judged.marked(known, self.judge.task.metric, adopted)
        for name, reasons in unstable(known, self.config.asked).items():
            progress.warn(f"trial {label}: {name} is unstable: {'; '.join(reasons)}")
        reason = constrain(claim, known, self.config.constraints)
        return make(
            state="infeasible" if reason else "complete", reason=reason, measurements=known,
            values={name: known[name].value for name in self.config.objectives},
            rungs={} if rung is None else rung.rungs, **common,
            epochs=0 if weights or adopted or self.judge.heir else epochs,
        )  # fmt: skip
