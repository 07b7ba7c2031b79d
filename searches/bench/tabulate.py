"""Training every network of a small space with every seed, in pieces, on some processes at once."""

from __future__ import annotations

import math
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from analysis.counts.complexity import count
from analysis.quantities import QUANTITIES
from analysis.store.environment import environment
from analysis.store.fingerprint import DataFingerprint
from archspace.build import build
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from archspace.support.locks import try_lock
from archspace.support.plugins import load_plugins
from archspace.support.seeds import check_seeds
from searches.bench.grid import check_rows, grid
from searches.bench.table import Row, Table
from searches.config.beginning import check_beginning
from searches.config.changes import first_difference
from searches.config.recipe import Stage
from searches.config.study import StudyConfig, parse_config
from searches.data.dataset import Split
from searches.data.kept import refuse_other_data
from searches.study.data import fingerprinted, fixed_fields, open_data, task_on
from searches.study.space import SearchSpace
from searches.tasks.base import ImageTask, Task
from searches.training.device import check_device
from searches.training.loop import Callback, Epoch, TrainingError, fit

OnTrained = Callable[[Table, str], None]
"""Called with the table after each training or measurement, and with what it came to in words."""

WATCH_S = 2.0


@dataclass(frozen=True, slots=True)
class Trained:
    """One training: the metric after every epoch, NaN from where it diverged, and CPU seconds."""

    metric: tuple[float, ...]
    seconds: float


def tabulate(
    config: StudyConfig, path: Path, *, seeds: int = 3, minutes: float | None = None,
    on_trained: OnTrained | None = None,
) -> Table:  # fmt: skip
    """Trains what the table at ``path`` lacks, writing it after every training, and returns it.

    Every training follows from the network and its seed alone: killed at any time, the same call goes on and comes to
    the same table.

    Args:
        config: space, data and training; each network is trained with ``config.threads`` on ``config.workers``
            processes.
        seeds: trainings of each network.
        minutes: begin no training after so many; ``None`` for all of them.

    Raises:
        InputError: the table is another study's, another process works on it, or a training fails.
    """
    check_seeds(seeds)
    check_device(config.device)
    with held(path):
        sources = open_data(config)
        data = fingerprinted(config, sources)
        task = judged_at_input(task_on(config, sources))
        table, specs = opened(config, path, task, data, seeds)
        try:
            return _trained(config, path, table, specs, minutes, on_trained)
        except BrokenProcessPool:
            rule = "a training process ended without a word (killed, or out of memory)"
            raise InputError(f"{path}: {rule}; the same command goes on") from None


def _trained(
    config: StudyConfig, path: Path, table: Table, specs: Mapping[str, ArchSpec], minutes: float | None,
    on_trained: OnTrained | None,
) -> Table:  # fmt: skip
    began, stretch = time.monotonic(), _stretch()
    due = iter(table.missing)
    with _pool(config) as pool:
        running: dict[Future[Trained], tuple[int, str]] = {}
        while True:
            free = config.workers - len(running)
            if minutes is None or time.monotonic() < began + 60 * minutes:
                for seed, key in islice(due, free):
                    running[pool.submit(_train, specs[key].to_dict(), seed)] = (seed, key)
            if not running:
                return table
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                seed, key = running.pop(future)
                trained = future.result()
                row = table.rows[key].with_training(seed, trained.metric, trained.seconds)
                table = _noted(table.with_row(row), stretch)
                table.save(path)
                if on_trained is not None:
                    last = trained.metric[-1]
                    came = "diverged" if math.isnan(last) else f"{last:.2f}"
                    on_trained(table, f"{specs[key].label}, seed {seed}: {came}")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Holds a table, so that one process at a time writes it.

    Raises:
        InputError: another process works on it.
    """
    lock = try_lock(path.with_name(f".{path.name}.lock"))
    if lock is None:
        raise InputError(f"{path}: another process works on this table")
    try:
        yield
    finally:
        lock.release()


def opened(
    config: StudyConfig, path: Path, task: Task, data: DataFingerprint, seeds: int
) -> tuple[Table, Mapping[str, ArchSpec]]:
    """Returns the table at ``path``, or a new one of this study, and the networks of its rows.

    Raises:
        InputError: the table is of another study, was made on other data, or has rows that are none of its networks.
    """
    if not path.exists():
        check_beginning(config)
    fixed = fixed_fields(config, task)
    cells = grid(SearchSpace(config.space, fixed)).cells
    specs = {cell.spec.arch_id: cell.spec for cell in cells}
    stages = config.training.plan()
    metric = "miou_at_input" if config.task == "segmentation" else task.metric
    new = Table(
        study=_without_paths(config), fixed=fixed,
        metric={"name": metric, "unit": QUANTITIES[task.metric].unit, "split": "val", task.counts: len(task.val)},
        epochs=sum(stage.epochs for stage in stages), train_images=_inputs(task, stages[-1]), seeds=tuple(range(seeds)),
        data=data,
        rows={
            key: Row(key, cells[i].params, {"params": cost.params, "macs": cost.macs})
            for i, (key, cost) in enumerate((key, count(spec)) for key, spec in specs.items())
        },
    )  # fmt: skip
    if not path.exists():
        return new, specs
    kept = Table.load(path)
    differs = first_difference(_as_read_today(kept.study, config), new.study)
    if differs is not None:
        name, held, given = differs
        raise InputError(
            f"{path}: holds a table of another study ({name}: {held} -> {given}); give another --out"
        )
    refuse_other_data(str(path), kept.data, data)
    check_rows(kept, cells)
    rows = {key: kept.rows.get(key, row) for key, row in new.rows.items()}
    return replace(kept, seeds=tuple(dict.fromkeys((*kept.seeds, *range(seeds)))), rows=rows), specs


def judged_at_input(task: Task) -> Task:
    """Returns the task with masks judged at the size of the input: at the labels' own it would outweigh training."""
    if not isinstance(task, ImageTask):
        return task

    def at_input(split: Split) -> Split:
        return replace(split, own_mask=None)

    return type(task)(at_input(task.train), at_input(task.val), task.preprocessing)


def _inputs(task: Task, stage: Stage) -> int:
    """Inputs of an epoch, for which MACs are counted: images, or windows of a text."""
    return len(task.train) // (stage.window if task.carries else 1)


_OPEN: dict[str, Any] = {}
"""What a worker process keeps between trainings: its study and task."""


def _open(config: StudyConfig, parent: int) -> None:
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    load_plugins(one.module for one in config.plugins)
    torch.set_num_threads(config.threads)
    _OPEN.update(config=config, task=judged_at_input(task_on(config, open_data(config))))


def _watch(parent: int) -> None:
    """Ends this process when its parent is gone."""
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)


def _train(fields: Mapping[str, Any], seed: int) -> Trained:
    config, task = _OPEN["config"], _OPEN["task"]
    torch.manual_seed(seed)
    before = time.process_time()
    recipe = config.training.model_copy(update={"evaluate_every": 1})
    network = build(ArchSpec.from_dict(dict(fields)))
    curve = Curve()
    with suppress(TrainingError):  # it diverged: so would it every time
        fit(network, task, recipe, seed=seed, device=torch.device(config.device), callback=curve)
    lost = sum(stage.epochs for stage in recipe.plan()) - len(curve.values)
    return Trained((*curve.values, *[math.nan] * lost), time.process_time() - before)


class Curve(Callback):
    """Keeps the metric after every epoch of a training."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def epoch(self, epoch: Epoch) -> None:
        """An epoch ended."""
        known = epoch.value is not None and math.isfinite(epoch.value)
        self.values.append(epoch.value if known and epoch.value is not None else math.nan)


@contextmanager
def _pool(config: StudyConfig) -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(config.workers, context, initializer=_open, initargs=(config, os.getpid()))
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _stretch() -> dict[str, Any]:
    return {**environment(("torch", "numpy")), "trainings": 0}


def _noted(table: Table, stretch: dict[str, Any]) -> Table:
    """The table with one training more in this stretch of the computing; equal stretches are one."""
    same = {name: value for name, value in stretch.items() if name != "trainings"}
    made = [dict(one) for one in table.made]
    for one in made:
        if {name: value for name, value in one.items() if name != "trainings"} == same:
            one["trainings"] += 1
            return replace(table, made=tuple(made))
    return replace(table, made=(*made, {**same, "trainings": 1}))


def _as_read_today(kept: Mapping[str, Any], config: StudyConfig) -> Mapping[str, Any]:
    """What a table keeps of its study with the defaults of fields that came after it, or as it stands."""
    try:
        return _without_paths(
            parse_config({"objectives": config.objectives, "trials": config.trials, **kept})
        )
    except InputError:
        return kept


def _without_paths(config: StudyConfig) -> dict[str, Any]:
    """The fields of a study that say what its numbers are."""
    fields = config.model_dump(mode="json")
    fields["data"].pop("root")
    kept = ("name", "task", "data", "space", "training", "threads", "device", "plugins")
    return {name: fields[name] for name in kept}
