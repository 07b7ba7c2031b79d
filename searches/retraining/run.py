"""Retrain chosen networks of a study: each trained in full, judged once, measured, exported; goes on when killed."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from torch import Tensor

from analysis.store.environment import environment
from analysis.store.records import Measurement, unstable
from analysis.store.retrained import (
    RETRAINED_FOLDER,
    Agreement,
    Retrained,
    RetrainedRecord,
    Setting,
    agreements,
    read_retrained,
    retrained_networks,
    write_retrained,
)
from analysis.store.runs import read_run
from archspace.checkpoint import WEIGHTS_FILE, load
from archspace.export.export import ExportError, export
from archspace.network import Network
from archspace.plan.design import NETWORKS
from archspace.support.errors import InputError
from archspace.support.locks import try_lock
from archspace.support.terminal import working
from archspace.support.text_files import read_json
from searches.data.dataset import Split
from searches.data.text import TextSplit
from searches.retraining.card import retrained_card
from searches.retraining.judging import Judged, check_data, judged, measured_or_reason, why_not_test
from searches.retraining.plan import Job, Plan, Wanted, plan, words_of
from searches.training.data import source_of
from searches.training.device import check_device
from searches.training.run import METRICS_FILE, train_config
from searches.training.steps import TrainingError

log = logging.getLogger(__name__)

EXPORT_FOLDER = "export"
REAL_IMAGES = 4
TO_GO_ON = "to go on: the same command"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainResults:
    """What a retraining came to.

    Attributes:
        run: the study's run folder.
        records: the networks that were asked for and are done, in the order of the picks, a record a seed.
        failed: by folder, why a network is not done.
    """

    run: Path
    records: tuple[RetrainedRecord, ...]
    failed: Mapping[str, str]

    @property
    def networks(self) -> tuple[Retrained, ...]:
        """The networks of :attr:`records`: the search's value, and mean and spread over the seeds; best first."""
        return retrained_networks(read_run(self.run), self.records)

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """How well the search's order of all networks that were ever retrained in the run is that of full training."""
        return agreements(retrained_networks(read_run(self.run), read_retrained(self.run)))

    def folder(self, record: RetrainedRecord) -> Path:
        """Returns the training folder of a network; it names the network in every command."""
        return self.run / RETRAINED_FOLDER / record.folder


def retrain(
    run: str | os.PathLike[str],
    pick: str | int | Sequence[str | int] = "knee",
    recipe: str | None = None,
    *,
    epochs: int | None = None,
    seeds: int = 1,
    seed: int | None = None,
    data: str | os.PathLike[str] | None = None,
    use_val: bool = False,
    from_trial: bool = False,
    device: str | None = None,
    threads: int | None = None,
    replace: bool = False,
    bounds: Mapping[str, float] | None = None,
    progress: bool = False,
) -> RetrainResults:
    """Trains chosen networks of a study in full, judges each once on the test split, measures and exports it.

    Each is a training folder ``RUN/retrained/TRIAL-seedSEED`` with its export in it. With the same call, what is
    done is not done again, and what was killed goes on.

    Args:
        run: a study's run folder, or what :func:`searches.search` returned.
        pick: ``knee``, ``best``, a trial's number, ``front``, ``given``; or several of them.
        recipe: a built-in training recipe or a YAML file, at the study's input size; the study's own training section
            with ten times the epochs if left out.
        epochs: of every stage.
        seeds: trainings of each network, with one seed after another.
        seed: the first; the study's if left out.
        data: the data set's folder, where it moved.
        use_val: learn from the validation images too; needs a test split.
        from_trial: start from the trial's weights instead of from scratch.
        device, threads: of the training; the study's if left out.
        replace: train anew what was retrained in another way, instead of refusing.
        bounds: by quantity, in its own unit, what ``knee``, ``best`` and ``front`` must keep.
        progress: a live view on a terminal, elsewhere lines on standard error; silent if left out.

    Raises:
        InputError: no such run, pick or recipe, the data are gone, or a folder holds another training.
    """
    wanted = Wanted(
        picks=words_of(pick), recipe=recipe, epochs=epochs, seeds=seeds, seed=seed,
        data=None if data is None else Path(data), use_val=use_val, from_trial=from_trial, device=device,
        threads=threads, replace=replace, bounds=bounds or {},
    )  # fmt: skip
    todo = plan(Path(run), wanted)
    check_ready(todo)
    return run_plan(todo, Console(stderr=True, quiet=not progress))


def run_plan(todo: Plan, console: Console) -> RetrainResults:
    """Does what is planned, network after network; :func:`check_ready` comes first.

    Raises:
        InputError: the data cannot be used, or the disk is full.
    """
    records, failed = [], {}
    for number, job in enumerate(todo.jobs, 1):
        console.print(
            f"[{number} of {len(todo.jobs)}] {job.name}", markup=False, highlight=False, soft_wrap=True
        )
        lock = try_lock(job.folder.parent / f".{job.folder.name}.lock")
        if lock is None:
            failed[job.folder.name] = "another process is at it"
            continue
        try:
            records.append(_done(todo, job, console))
        except TrainingError as error:
            failed[job.folder.name] = str(error)
        finally:
            lock.release()
    return RetrainResults(run=todo.run, records=tuple(records), failed=failed)


def check_ready(todo: Plan) -> str | None:
    """Refuses what this machine or these data do not have, before anything is trained.

    Returns:
        The reason why the validation split will judge the networks, or None where the test split does.

    Raises:
        InputError: no such device, the data are not the study's, or nothing would be left to judge the networks on.
    """
    config = todo.jobs[0].config
    check_device(config.device)
    check_data(todo.run, config)
    return why_not_test(config)


def _done(todo: Plan, job: Job, console: Console) -> RetrainedRecord:
    """The record of a network, from wherever it stands to the end."""
    before = job.before
    if before is not None and job.differs is None:
        console.print("  done before", highlight=False)
        return before
    if job.differs is not None:
        _removed(job.folder)
    network = _trained(job, console)
    with working("judging", quiet=console.quiet):
        result = judged(job.folder, job.config, network)
    with working("measuring", quiet=console.quiet or not todo.study.asked_of_device) as now:
        measured, unmeasured = measured_or_reason(todo.run, todo.study, network, now)
    record = _record(job, network, result, before)
    notes = tuple(note for note in (result.reason, unmeasured, *_doubts(todo, measured)) if note)
    record = replace(record, measurements={**record.measurements, **measured}, notes=notes)
    with working("exporting", quiet=console.quiet):
        record = _exported(todo, job, network, record)
    write_retrained(job.folder, record)
    log.info("%s: %s", job.folder, record.setting.words)
    return record


def _doubts(todo: Plan, measured: Mapping[str, Measurement]) -> list[str]:
    """Which of the numbers that the study asks for are unstable, and why."""
    doubts = unstable(measured, todo.study.asked)
    return [f"{name} is unstable: {'; '.join(reasons)}" for name, reasons in doubts.items()]


def _trained(job: Job, console: Console) -> Network:
    """The trained network; a training that has ended is not begun again."""
    if (job.folder / METRICS_FILE).is_file() and (job.folder / WEIGHTS_FILE).is_file():
        return load(job.folder / WEIGHTS_FILE)
    result = train_config(job.config, job.folder, console, TO_GO_ON, brief=True)
    return result.network.cpu().eval()


def _record(job: Job, network: Network, result: Judged, before: RetrainedRecord | None) -> RetrainedRecord:
    data, spec = job.config.data, network.spec
    learned = ("train", "val") if data.use_val else ("train",)
    learned_from = sum(len(_split(job, network, name)) for name in learned)
    setting = Setting(
        recipe=job.recipe.name, epochs=job.recipe.epochs, start="trial" if job.config.init else "scratch",
        trained_on=learned, images=learned_from, split=result.split, judged_images=result.images,
        counts=result.counts,
    )  # fmt: skip
    earlier = 0 if before is None else before.test_evaluations
    return RetrainedRecord(
        trial=job.trial.label, seed=job.seed, picked=job.picked, folder=job.folder.name, network=spec.label,
        arch_id=spec.arch_id, metric=result.metric.name, setting=setting,
        measurements={result.metric.name: result.metric}, test_evaluations=earlier + (result.split == "test"),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        how={
            "training": job.config.training.model_dump(mode="json"), "seed": job.seed, "device": job.config.device,
            "threads": job.config.threads, "data": read_json(job.folder / METRICS_FILE)["data"], **environment(),
        },
    )  # fmt: skip


def _split(job: Job, network: Network, name: str) -> Split | TextSplit:
    """A split as the network reads it."""
    data = job.config.data
    return source_of(data, network.spec, name, size=data.input_size).split


def _real_inputs(job: Job, network: Network) -> Tensor | None:
    """The first validation images as the network's input; ``None`` of a text."""
    if network.preprocessing is None:
        return None
    val = source_of(job.config.data, network.spec, "val").split
    assert isinstance(val, Split), "a network with preprocessing reads images"
    return network.preprocessing.apply(np.asarray(val.images[:REAL_IMAGES]))


def _exported(todo: Plan, job: Job, network: Network, record: RetrainedRecord) -> RetrainedRecord:
    """Exports the network into its folder; one that no format has a form for is none the worse trained."""
    real = _real_inputs(job, network)
    try:
        export(
            network, job.folder / EXPORT_FOLDER, real_inputs=real, card=retrained_card(todo.record, record)
        )
    except ExportError as error:
        return replace(record, notes=(*record.notes, f"not exported: {error}"))
    except InputError as error:
        if not NETWORKS[network.spec.network].reads.sequence:
            raise
        return replace(record, notes=(*record.notes, f"not exported: {error}"))
    return replace(record, exported=True)


def _removed(folder: Path) -> None:
    """Takes a training folder away, at once for whoever looks at it."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    folder.rename(old)
    shutil.rmtree(old, ignore_errors=True)
