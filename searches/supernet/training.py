"""A supernet, trained in a folder from which it goes on when killed."""

from __future__ import annotations

import json
import logging
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console

from analysis.store.environment import environment
from analysis.store.fingerprint import DataFingerprint
from archspace.network import Network
from archspace.support.errors import FieldError, InputError
from archspace.support.files import write_text
from archspace.support.locks import try_lock
from archspace.support.numbers import counted
from archspace.support.terminal import working
from archspace.support.text_files import read_json
from searches.config.changes import first_difference
from searches.config.recipe import Stage
from searches.config.training import TrainConfig
from searches.data.kept import keep_fingerprint, kept_fingerprint
from searches.study.data import fingerprinted, fixed_fields, open_data, task_on
from searches.study.space import SearchSpace
from searches.supernet.config import SUPERNET_FILE, SupernetConfig, read_supernet
from searches.supernet.files import SHARED_FILE, load_shared, save_shared
from searches.supernet.inherited import Heir, of_images
from searches.supernet.sandwich import SandwichStepper
from searches.supernet.subnets import Subnets
from searches.supernet.supernet import Supernet
from searches.tasks.base import ImageTask, Task
from searches.training.callbacks import Callbacks, Recorder, Shown
from searches.training.device import check_device
from searches.training.logs import logging_to
from searches.training.loop import Callback, Epoch, fit
from searches.training.run import LOCK_FILE, LOG_FILE, METRICS_FILE

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    config: SupernetConfig
    folder: Path
    task: ImageTask
    data: DataFingerprint
    supernet: Supernet


class Spent(Callback):
    """CPU seconds of training, of which a process that goes on knows its own epochs alone."""

    def begun(self, done: Sequence[Epoch]) -> None:
        """Starts the clock."""
        self.before, self.epochs, self.began, self.seconds = len(done), 0, time.process_time(), 0.0

    def epoch(self, epoch: Epoch) -> None:
        """Counts the epoch, and all that it took with those before."""
        self.epochs, self.seconds = self.epochs + 1, time.process_time() - self.began

    def whole(self, folder: Path) -> float | None:
        """Returns those of all epochs, each counted as the mean of those seen here; ``None`` where none was ever."""
        if self.epochs:
            return round(self.seconds * (self.before + self.epochs) / self.epochs, 2)
        path = folder / METRICS_FILE
        return float(read_json(path)["cpu_seconds"]) if path.is_file() else None


def train_supernet(config: SupernetConfig, folder: Path, console: Console) -> dict[str, Any]:
    """Trains the shared weights of a study's networks, or goes on with them, and returns what came out.

    Killed at any time, the same call goes on and comes to the same weights.

    Args:
        config: the supernet.
        folder: where it is kept.
        console: where the run is shown: a live line on a terminal, else a line an epoch; not at all if quiet.

    Raises:
        InputError: the folder holds something else, the data cannot be used, or networks of the space cannot share.
        TrainingError: the loss is not finite.
    """
    check_device(config.study.device)
    check_supernet_folder(config, folder)
    before = torch.get_num_threads()
    torch.set_num_threads(config.study.threads)
    try:
        with working("reading the data and naming the channels of the space's networks", quiet=console.quiet):
            sources = open_data(config.study)
            data = kept_fingerprint(
                folder, fingerprinted(config.study, sources), named=config.study.data.name is not None,
                began=(folder / SUPERNET_FILE).is_file(),
            )  # fmt: skip
            task = of_images(task_on(config.study, sources))
            space = SearchSpace(config.study.space, fixed_fields(config.study, task))
            subnets = Subnets(space, config.study.seed)
            begun = (folder / SHARED_FILE).is_file()
            supernet = load_shared(subnets, folder)[0] if begun else Supernet.of(space, config.study.seed)
        folder.mkdir(parents=True, exist_ok=True)
        lock = try_lock(folder / LOCK_FILE)
        if lock is None:
            raise InputError(f"{folder}: another process is training here")
        try:
            write_text(folder / SUPERNET_FILE, config.to_yaml())
            keep_fingerprint(folder, data)
            if not begun:
                save_shared(supernet, folder, {"epochs": 0})
            with logging_to(folder, not (console.is_terminal or console.quiet), LOG_FILE):
                return _train(_Run(config, folder, task, data, supernet), console)
        finally:
            lock.release()
    finally:
        torch.set_num_threads(before)


def _train(run: _Run, console: Console) -> dict[str, Any]:
    config, folder, task, supernet = run.config, run.folder, run.task, run.supernet
    study, device, spent = config.study, torch.device(config.study.device), Spent()
    make = partial(_stepper, supernet, config)
    recorder = Recorder(folder, f"supernet {study.name}", task)
    shown = Shown(TrainConfig(training=study.training), task, console)
    log.info("%s: %s on %d images", folder, said(supernet), len(task.train))
    weights = cast(
        Network, supernet.weights
    )  # of a network, fit asks for no more than its spec and its parameters
    with shown, Callbacks(shown, recorder, spent) as callback:
        try:
            history = fit(
                weights, task, study.training, seed=study.seed, device=device, folder=folder, callback=callback,
                make_stepper=make,
            )  # fmt: skip
        except KeyboardInterrupt:
            console.print(
                f"stopped; to go on: archspace supernet train {shlex.quote(str(folder))}", highlight=False
            )
            raise
    supernet.weights.cpu()
    heir = Heir(supernet, config, task, folder)
    ends = {}
    for name, spec in (("largest", supernet.subnets.largest), ("smallest", supernet.subnets.smallest)):
        judged = heir.judged(spec)
        evaluation = judged.evaluation
        ends[name] = {
            "network": spec.label,
            "arch_id": spec.arch_id,
            "spec": spec.to_dict(),
            **evaluation.to_dict(),
            "expected": judged.expected,
        }
        if name == "largest":
            recorder.evaluated(supernet.weights, evaluation, sum(e.images for e in history), study.input_size)
    recorder.finish(picture=False)
    result = {
        "supernet": str(folder), "study": study.name, "metric": task.metric, "origin": "predicted", **ends,
        "shared_params": sum(value.numel() for value in supernet.weights.parameters()),
        "epochs": len(history), "random": config.random, "norm_images": config.norm_images,
        "data": run.data.record({"train": len(task.train), "val": len(task.val)}),
        "cpu_seconds": spent.whole(folder),
        "seconds": round(sum(epoch.seconds for epoch in history), 2),
        "how": {"device": study.device, "threads": study.threads, "seed": study.seed, **environment()},
    }  # fmt: skip
    save_shared(supernet, folder, {"epochs": len(history), "seconds": result["seconds"]})
    write_text(folder / METRICS_FILE, json.dumps(result, indent=2) + "\n")
    return result


def _stepper(
    supernet: Supernet, config: SupernetConfig, network: Network, task: Task, stage: Stage, device: torch.device,
    teacher: object,
) -> SandwichStepper:  # fmt: skip
    return SandwichStepper(supernet, config.random, config.norm_images, task, stage, device)


def training_record(folder: Path) -> dict[str, Any]:
    """Returns what the training of the supernet in a folder came to.

    Raises:
        InputError: it is not trained to the end.
    """
    path = folder / METRICS_FILE
    if not path.is_file():
        raise InputError(f"{folder}: is not trained to the end; to go on: archspace supernet train {folder}")
    return dict(read_json(path))


def said(supernet: Supernet) -> str:
    """Returns what a supernet is, in a few words."""
    shared = sum(value.numel() for value in supernet.weights.parameters())
    subnets = supernet.subnets
    networks = (
        f"{counted(len(subnets.enumerated), 'network')} share" if subnets.enumerated else "networks share"
    )
    return (
        f"{networks} {shared / 1e6:.2f} M weights, from {subnets.smallest.label} to {subnets.largest.label}"
    )


def check_supernet_folder(config: SupernetConfig, folder: Path) -> None:
    """Refuses a folder that holds anything but this supernet.

    Raises:
        InputError: it holds something else, or another supernet; the message has the field that differs.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; give another --out")
    if not (folder / SUPERNET_FILE).is_file():
        if any(folder.iterdir()):
            raise InputError(f"{folder}: not empty and not a supernet; give another --out")
        return
    held, new = (one.model_dump(mode="json") for one in (read_supernet(folder), config))
    for one in (held, new):  # where the data lie says nothing of what they are
        one["study"]["data"].pop("root")
        one["study"].pop("workers")
    differs = first_difference(held, new)
    if differs is not None:
        name, was, given = differs
        rule = f"{folder} holds a supernet with another value, {was}; give another --out"
        raise FieldError(name, given, rule, was)
