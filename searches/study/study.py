"""A study: create its run folder, run it, resume it. Optuna's storage is the one source of truth."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import optuna
from optuna.storages import BaseStorage

from analysis.devices.base import DeviceAway
from analysis.store.records import TrialRecord
from analysis.store.runs import STUDY_FILE
from analysis.store.status import keep_status
from archspace.support.errors import InputError
from searches.config.beginning import check_beginning
from searches.config.study import StudyConfig
from searches.data.kept import kept_fingerprint
from searches.study.board import write_hyperparameters
from searches.study.bracket import RungState
from searches.study.claims import Claim
from searches.study.data import fingerprinted, fixed_fields, open_data, task_on
from searches.study.draining import Drain
from searches.study.files import files_of
from searches.study.gate import Gate
from searches.study.given import check_weights, fitted, settled
from searches.study.joining import HOME, Role, note_study
from searches.study.judge import Judge, MeasuredElsewhere
from searches.study.judgement import Judgement, judgement
from searches.study.leases import LET_GO_ATTR, LeaseLost
from searches.study.measurer import Measurer
from searches.study.outages import TRANSIENT, enduring
from searches.study.progress import Progress
from searches.study.queue import claims
from searches.study.run_folder import check_folder, check_name, open_run, open_study, with_runtime
from searches.study.rung_trials import RungTrials, sampled_trials
from searches.study.runner import Runner, TrainedElsewhere
from searches.study.screening import Screen
from searches.study.sharing import Sharing
from searches.study.space import SearchSpace
from searches.study.status import Often, status_of
from searches.study.storage import close_storage, open_storage
from searches.study.streaks import Streaks
from searches.study.trials import LOST, Trials
from searches.study.turns import QUEUED, TWIN
from searches.supernet.inherited import heir_of
from searches.training.device import check_device

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
    drain: Drain
    tensorboard: bool = False
    status: Often = field(default_factory=Often)

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
        if role.trains:
            check_device(config.device)
        config = with_runtime(settled(config), folder)
        if role.home and not (folder / STUDY_FILE).is_file():
            check_beginning(config)
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
        if own_storage:
            check_name(storage, config, folder)
        main = open_study(storage, config.name, config, known, judged.sampler)
        given = open_study(storage, f"{config.name}/given", config, known, judged.sampler)
        if not own_storage:
            open_run(config, folder, known)
        judged.keep(folder)
        home = role.home and note_study(main, config, folder)
        files = files_of(config, storage)
        wanted = len(config.given)
        sharing = Sharing(storage, config.lease_s, files, not home or config.artifacts is not None)
        first = Trials(given, folder, "given-", wanted, wanted, sharing)
        study = cls(
            config,
            folder,
            Judge(config, task, measurer, gate, known, config.measures and not role.measures, heir),
            space,
            first,
            sampled_trials(config, main, folder, sharing, first),
            storage,
            role,
            judged,
            Drain(main),
            tensorboard,
        )
        study.mirror()
        return study

    def mirror(self) -> None:
        """Writes into the run folder what other machines have finished."""
        self.given.mirror()
        self.sampled.mirror()

    def note_status(self, *, always: bool = False) -> None:
        """Keeps in the run folder how the study stands, for its page; now and then, or ``always``."""
        if self.role.home and (always or self.status.due()):
            keep_status(self.folder, status_of(self.config, self.sampled.study, self.given.study))

    @property
    def kinds(self) -> tuple[Trials, Trials]:
        """The given trials, then the sampled ones."""
        return self.given, self.sampled

    @property
    def runner(self) -> Runner:
        """What runs one trial."""
        return Runner(
            self.config,
            self.folder,
            self.judge,
            self.space,
            self.given,
            self.sampled,
            self.judged,
            self.tensorboard,
        )

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
        """Runs trials until there is nothing left to do, or a person asks for the end (:class:`Drain`).

        Any number of processes may do so at once.

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
            self.note_status()
            progress.ended(self.known())

        drained = partial(enduring, self.drain.asked)
        for trials, claim in claims(self.kinds, measure, on_wait if wait else None, drained):
            record = self._ended(trials, claim, progress)
            if record is None:
                continue
            if isinstance(record, RungState):
                progress.at_rung(trials.label(claim.trial.number), record, self.known())
                continue
            if self.tensorboard and record.spec is not None:
                write_hyperparameters(self.folder, record)
            progress.finished(record, self.known())
            self.note_status()
            streaks.ended(record)

    def _ended(self, trials: Trials, claim: Claim, progress: Progress) -> TrialRecord | RungState | None:
        """The record of a claimed trial that has ended, or its state if it paused at a rung.

        ``None`` where it waits for a device, or is another worker's by now.
        """
        label = trials.label(claim.trial.number)
        try:
            with trials.held(claim):
                try:
                    record = self.runner.run(trials, claim, progress)
                except DeviceAway as away:
                    log.warning("trial %s: waits: %s", label, away)
                    trials.leave(claim)
                    return None
                except TrainedElsewhere:
                    log.info("trial %s: another trial trains this network now; waits for it", label)
                    trials.leave(claim, TWIN)
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
        except KeyboardInterrupt:
            with suppress(*LOST, *TRANSIENT, InputError):  # nothing waits for a storage that does not answer
                trials.enter(claim, {LET_GO_ATTR: claim.lease.token})
            raise
        except LeaseLost:
            log.warning("trial %s: another worker has taken it up meanwhile; this result is dropped", label)
            claim.release()
            return None
        return record
