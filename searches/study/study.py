"""A study: create its run folder, run it, resume it. Optuna's storage is the one source of truth."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage

from analysis.devices.base import DeviceAway
from analysis.store.records import TrialRecord, unstable
from analysis.store.runs import STUDY_FILE
from archspace.support.errors import SpecError
from searches.config.study import StudyConfig
from searches.data.kept import kept_fingerprint
from searches.study.board import boards_of, write_hyperparameters
from searches.study.bracket import RungState
from searches.study.claims import Claim, Ours, constrain
from searches.study.data import fingerprinted, fixed_fields, open_data, task_on
from searches.study.files import files_of
from searches.study.gate import Gate
from searches.study.given import answering, check_weights, fitted, settled
from searches.study.joining import HOME, Role, note_study
from searches.study.judge import Judge, MeasuredElsewhere, counted, now, recorder
from searches.study.judgement import Judgement, judgement, predictions
from searches.study.leases import LeaseLost
from searches.study.measurer import Measurer
from searches.study.progress import Progress
from searches.study.queue import claims
from searches.study.run_folder import check_folder, open_run, open_study, with_runtime
from searches.study.rung_trials import RungTrials, paused_at, same_network, sampled_trials
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
from searches.training.resume import remove_state

log = logging.getLogger(__name__)


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
        files = files_of(config, storage)
        wanted = len(config.given)
        sharing = Sharing(storage, config.lease_s, files, not home or config.artifacts is not None)
        study = cls(
            config,
            folder,
            Judge(config, task, measurer, gate, known, config.measures and not role.measures, heir),
            space,
            Trials(given, folder, "given-", wanted, wanted, sharing),
            sampled_trials(config, main, folder, sharing),
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
            if isinstance(record, RungState):
                progress.at_rung(trials.label(claim.trial.number), record, self.known())
                continue
            if self.tensorboard and record.spec is not None:
                write_hyperparameters(self.folder, record)
            progress.finished(record, self.known())
            streaks.ended(record)

    def _ended(self, trials: Trials, claim: Claim, progress: Progress) -> TrialRecord | RungState | None:
        """The record of a claimed trial that has ended, or its state if it paused at a rung.

        ``None`` where it waits for a device, or is another worker's by now.
        """
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
                if isinstance(record, RungState):
                    assert isinstance(trials, RungTrials), "others do not pause"
                    trials.pause(claim, record)
                else:
                    trials.finish(claim, record, self.config.objectives)
        except LeaseLost:
            log.warning("trial %s: another worker has taken it up meanwhile; this result is dropped", label)
            claim.release()
            return None
        return record

    def _run_one(self, trials: Trials, claim: Claim, progress: Progress) -> TrialRecord | RungState:
        """One trial's record, or its state if it paused at a rung.

        What is already known of the same network is not measured again.
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
        reason = constrain(claim, known, self.config.constraints)
        if reason:
            return make(state="infeasible", measurements=known, reason=reason, **common)
        twin = answering(self.config, self.kinds, spec.arch_id) if given is None or given.alike else None
        if twin is not None:
            constrain(claim, twin.measurements, self.config.constraints)
            return make(
                state=twin.state, values=dict(twin.values), measurements=twin.measurements, reason=twin.reason,
                duplicate_of=twin.duplicate_of or twin.label, **common,
            )  # fmt: skip
        if (other := same_network(trials, claim, spec.arch_id)) is not None:
            return make(state="stopped", measurements=known, duplicate_of=other[0], reason=other[1], **common)
        if given is None and (hopeless := self.judged.hopeless(spec, self.known())) is not None:
            constrain(claim, hopeless.predicted, self.config.constraints)
            known |= hopeless.predicted
            return make(state="infeasible", measurements=known, reason=hopeless.reason, **common)
        epochs, folder = sum(stage.epochs for stage in recipe.plan()), trials.path(number)
        adopted = self.judged.adopted(spec, folder) if given is None or given.alike else None
        if adopted is not None:
            taken = seed if adopted.seed is None else adopted.seed
            make = recorder(label, number, taken, started, given, self.judge.data)
        progress.started(label, spec, known, epochs if rung is None else rung.goal)
        try:
            with Callbacks(
                Ours(claim), progress, *boards_of(self.judge, self.folder, label, self.tensorboard)
            ) as callback:
                if adopted is None and rung is not None and rung.goal < epochs:
                    known |= self.judge.rung(spec, recipe, seed, folder, callback, rung.goal)
                    return paused_at(rung, self.judge, spec.arch_id, started, known)
                known |= self.judge.judge(
                    spec, recipe, seed, folder, callback, weights=weights, on_progress=progress.note
                )
        except DeviceAway:
            raise
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
