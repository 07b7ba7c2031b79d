"""A study: create its run folder, run it, resume it. Optuna's storage is the one source of truth."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.storages import BaseStorage

from analysis.devices.base import DeviceAway
from analysis.store.constraints import broken, violations
from analysis.store.records import Measurement, TrialRecord, unstable
from analysis.store.runs import STUDY_FILE
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import SpecError
from searches.config.study import StudyConfig
from searches.data.kept import kept_fingerprint
from searches.study.board import write_hyperparameters
from searches.study.claims import Claim, Ours
from searches.study.data import fingerprinted, fixed_fields, open_data, task_on
from searches.study.files import files_of
from searches.study.gate import Gate
from searches.study.given import check_weights, fitted, settled
from searches.study.joining import HOME, Role, note_study
from searches.study.judge import Judge, MeasuredElsewhere, counted, now, recorder
from searches.study.judgement import Judgement, judgement, predictions
from searches.study.leases import LeaseLost
from searches.study.measurer import Measurer
from searches.study.progress import Progress
from searches.study.queue import claims
from searches.study.run_folder import check_folder, open_run, open_study, with_runtime
from searches.study.samplers import derived_seed
from searches.study.screening import Screen
from searches.study.sharing import Sharing
from searches.study.space import SearchSpace
from searches.study.storage import close_storage, open_storage
from searches.study.streaks import Streaks
from searches.study.trials import QUEUED, Trials
from searches.supernet.inherited import heir_of
from searches.training.callbacks import Callbacks
from searches.training.device import check_device
from searches.training.steps import TrainingError
from searches.training.tensorboard_log import Board

log = logging.getLogger(__name__)

ASKS_PER_TRIAL, SPARE_ASKS = 20, 50
"""A study ends after this many suggestions a wanted trial, plus these, however few were feasible."""


@dataclass(frozen=True, slots=True)
class Study:
    """A study that is ready to run in this process."""

    config: StudyConfig
    folder: Path
    judge: Judge
    space: SearchSpace
    given: Trials
    sampled: Trials
    storage: BaseStorage
    role: Role
    judged: Judgement
    tensorboard: bool = False

    @classmethod
    def open(
        cls, config: StudyConfig, folder: Path, *, fresh: bool = False, tensorboard: bool = False,
        role: Role = HOME,
    ) -> Study:  # fmt: skip
        """Opens or creates the study: data, space and storage are checked before anything is written.

        Args:
            config: the study.
            folder: its run folder.
            fresh: measure even what the cache has.
            tensorboard: also write each trial for TensorBoard.
            role: what this process does for the study.

        Raises:
            InputError: anything the user gave cannot be used.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        check_device(config.device)
        config = with_runtime(settled(config), folder)
        check_folder(config, folder)
        sources = open_data(config)
        known = kept_fingerprint(
            folder, fingerprinted(config, sources), named=config.data.name is not None,
            began=(folder / STUDY_FILE).is_file(),
        )  # fmt: skip
        task = task_on(config, sources)
        space = SearchSpace(config.space, fixed_fields(config, task))
        check_weights(config, space.fixed, task.classes)
        example = space.example(config.seed) if config.trials else fitted(config.reference[0], space.fixed)
        screen = Screen(space, config.constraints)
        if config.trials:
            screen.check(config.seed)
        gate = Gate(folder)
        measurer = Measurer.of(config, fresh=fresh, gate=gate) if role.measures else None
        if measurer is not None:
            measurer.check(example)
        heir = heir_of(config, task, known, [fitted(one, space.fixed) for one in config.reference])
        judged = judgement(config, folder, screen, task, known, measures=role.measures)
        own_storage = config.storage is None  # another one may hold another study or other data
        if own_storage:
            open_run(config, folder, known)
        storage = open_storage(config, folder)
        main = open_study(storage, config.name, config, known, judged.sampler)
        given = open_study(storage, f"{config.name}/given", config, known, judged.sampler)
        if not own_storage:
            open_run(config, folder, known)
        judged.keep(folder)
        home = role.home and note_study(main, config, folder)
        files, bound = files_of(config, storage), ASKS_PER_TRIAL * config.trials + SPARE_ASKS
        wanted = len(config.given)
        sharing = Sharing(storage, config.lease_s, files, not home or config.artifacts is not None)
        study = cls(
            config,
            folder,
            Judge(config, task, measurer, gate, known, config.measures and not role.measures, heir),
            space,
            Trials(given, folder, "given-", wanted, wanted, sharing),
            Trials(main, folder, "", config.trials, bound, sharing),
            storage,
            role,
            judged,
            tensorboard,
        )
        study.mirror()
        return study

    def mirror(self) -> None:
        """Writes into the run folder what other machines have finished."""
        self.given.mirror()
        self.sampled.mirror()

    @property
    def kinds(self) -> tuple[Trials, Trials]:
        """The given trials, then the sampled ones."""
        return self.given, self.sampled

    def records(self) -> list[TrialRecord]:
        """Returns every trial that ended: given ones first."""
        return [*self.given.finished(), *self.sampled.finished()]

    def known(self) -> list[TrialRecord]:
        """Returns the same as the storage was last seen, which is when a trial was claimed."""
        return [*self.given.known, *self.sampled.known]

    def replace(self, record: TrialRecord) -> None:
        """Replaces the record of a trial that ended."""
        (self.given if record.label.startswith(self.given.prefix) else self.sampled).replace(record)

    def close(self) -> None:
        """Closes the storage."""
        close_storage(self.storage)

    def run(self, progress: Progress, *, wait: bool = False) -> None:
        """Runs trials until there is nothing left to do; any number of processes may do so at once.

        Args:
            progress: who is told.
            wait: wait for the trials that other processes still run, on whatever machine, to take up those of one that
                is lost.

        Raises:
            InputError: trial after trial fails, or the disk is full.
        """
        streaks = Streaks(self.folder)
        self.judge.gate.on_pause = progress.paused
        measure = self.config.measure if self.role.measures else None

        def on_wait() -> None:
            progress.idle()
            self.mirror()
            progress.ended(self.known())

        for trials, claim in claims(self.kinds, measure, on_wait if wait else None):
            record = self._ended(trials, claim, progress)
            if record is None:
                continue
            if self.tensorboard and record.spec is not None:
                write_hyperparameters(self.folder, record)
            progress.finished(record, self.known())
            streaks.ended(record)

    def _ended(self, trials: Trials, claim: Claim, progress: Progress) -> TrialRecord | None:
        """The record of a claimed trial that has ended; ``None`` where it waits, or is another worker's by now."""
        label = trials.label(claim.trial.number)
        try:
            with trials.held(claim):
                try:
                    record = self._run_one(trials, claim, progress)
                except DeviceAway as away:
                    log.warning("trial %s: waits: %s", label, away)
                    trials.leave(claim)
                    return None
                except MeasuredElsewhere:
                    log.info("trial %s: trained; waits for the machine that measures", label)
                    trials.leave(claim, QUEUED)
                    return None
                trials.finish(claim, record, self.config.objectives)
        except LeaseLost:
            log.warning("trial %s: another worker has taken it up meanwhile; this result is dropped", label)
            claim.release()
            return None
        return record

    def _run_one(self, trials: Trials, claim: Claim, progress: Progress) -> TrialRecord:
        """One trial's record; what is already known of the same network is not measured again."""
        number, started = claim.trial.number, now()
        label = trials.label(number)
        given = self.config.reference[number] if trials is self.given else None
        seed = derived_seed(self.config.seed, label) if given is None or given.seed is None else given.seed
        recipe = self.config.training if given is None else self.config.recipe_of(given)
        weights = None if given is None else given.weights
        make = recorder(label, number, seed, started, given, self.judge.data)
        if given is not None:
            params: dict[str, Any] = {}
            spec = fitted(given, self.space.fixed)
        else:
            params = trials.drawn(claim, self.space.distributions())
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
        reason = self._constrain(claim, known)
        if reason:
            return make(state="infeasible", measurements=known, reason=reason, **common)
        twin = self._twin(spec) if given is None or given.alike else None
        if twin is not None:
            self._constrain(claim, twin.measurements)
            return make(
                state=twin.state, values=dict(twin.values), measurements=twin.measurements, reason=twin.reason,
                duplicate_of=twin.duplicate_of or twin.label, **common,
            )  # fmt: skip
        if given is None and (hopeless := self.judged.hopeless(spec, self.known())) is not None:
            self._constrain(claim, hopeless.predicted)
            known |= hopeless.predicted
            return make(state="infeasible", measurements=known, reason=hopeless.reason, **common)
        adopted = self.judged.adopted(spec, trials.path(number)) if given is None or given.alike else None
        if adopted is not None:
            make = recorder(
                label, number, seed if adopted.seed is None else adopted.seed, started, given, self.judge.data
            )
        progress.started(label, spec, known, sum(stage.epochs for stage in recipe.plan()))
        try:
            with Callbacks(Ours(claim), progress, *self._boards(label)) as callback:
                known |= self.judge.judge(
                    spec, recipe, seed, trials.path(number), callback, weights=weights, on_progress=progress.note,
                )  # fmt: skip
        except DeviceAway:
            raise
        except (TrainingError, RuntimeError, MemoryError) as error:
            log.exception("trial %s failed", label)
            return make(
                state="failed", measurements=known, reason=f"{type(error).__name__}: {error}", **common
            )
        if adopted is not None:
            known = self.judged.marked(known, self.judge.task.metric, adopted)
        for name, reasons in unstable(known, self.config.asked).items():
            progress.warn(f"trial {label}: {name} is unstable: {'; '.join(reasons)}")
        reason = self._constrain(claim, known)
        return make(
            state="infeasible" if reason else "complete", reason=reason, measurements=known,
            values={name: known[name].value for name in self.config.objectives}, **common,
        )  # fmt: skip

    def _boards(self, label: str) -> list[Board]:
        """What writes a trial's curves for TensorBoard, where that was asked for."""
        device = torch.device(self.config.device)
        return [Board(self.folder, self.judge.task, device, label)] if self.tensorboard else []

    def _constrain(self, claim: Claim, known: Mapping[str, Measurement]) -> str | None:
        """Notes for the sampler how far each known constraint is kept; the broken ones in words."""
        claim.constraints.update(violations(known, self.config.constraints))
        return broken(known, self.config.constraints)

    def _twin(self, spec: ArchSpec) -> TrialRecord | None:
        """A trial of the same network, trained as all are, whose numbers hold for this one too."""
        apart = {one.name for one in self.config.reference if not one.alike}
        known = (*self.given.of_network(spec.arch_id), *self.sampled.of_network(spec.arch_id))
        return next((record for record in known if record.values and record.given not in apart), None)
