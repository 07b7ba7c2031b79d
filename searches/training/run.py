"""One network, trained as a recipe says, in a folder from which it goes on when killed."""

from __future__ import annotations

import json
import logging
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from analysis.counts.complexity import count
from analysis.store.environment import environment
from analysis.store.fingerprint import DataFingerprint
from analysis.store.runs import TRAIN_FILE
from archspace.build import build
from archspace.checkpoint import WEIGHTS_FILE, save
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from archspace.support.files import write_text
from archspace.support.locks import try_lock
from archspace.support.terminal import working
from searches.config.training import TrainConfig
from searches.data.kept import keep_fingerprint, kept_fingerprint
from searches.tasks.base import Evaluation, Task
from searches.tasks.language import Language
from searches.training.callbacks import Callbacks, Recorder, Shown
from searches.training.data import load_known_task
from searches.training.device import check_device
from searches.training.logs import logging_to
from searches.training.loop import fit
from searches.training.range_test import FILES as RANGE_FILES
from searches.training.range_test import RangeQuestion, answer
from searches.training.resolve import resolved
from searches.training.start import start_from
from searches.training.steps import TrainingError
from searches.training.tensorboard_log import Board, require_tensorboard

log = logging.getLogger(__name__)

METRICS_FILE = "metrics.json"
LOG_FILE = "train.log"
LOCK_FILE = "lock"


@dataclass(frozen=True, slots=True, eq=False)
class TrainResult:
    """What a training run came to.

    Attributes:
        folder: the run folder: weights, metrics, history, curves and log.
        network: the trained network, in eval mode, on the CPU or the run's device.
        metrics: the content of ``metrics.json``: the task's metrics on the validation split (percentages where the
            name does not say otherwise), and how they were taken.
        headline: the task's metric in words.
    """

    folder: Path
    network: Network
    metrics: Mapping[str, Any]
    headline: str


def train(
    network: ArchSpec | str | os.PathLike[str],
    recipe: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    changes: Mapping[str, Any] | None = None,
    input_size: tuple[int, int] | None = None,
    progress: bool = False,
    tensorboard: bool = False,
) -> TrainResult:
    """Trains one network by a recipe, or goes on with the run in its folder, and returns network and metrics.

    Killed at any time, the same call goes on and comes to the same weights.

    Args:
        network: a spec; or text that names one (a preset, a file, ``RUN:N``), a run folder, a YAML file of a whole
            run, or a built-in recipe that names its network.
        recipe: a built-in training recipe, a YAML file, or such a file's fields as a mapping (``name``, ``data``,
            ``training``); where ``network`` is a whole run it is left out.
        out: the run folder; that of ``network``, else ``runs/`` and the recipe's name, if left out.
        changes: values that replace the recipe's, by dotted field (``{"training.epochs": 2, "data.root": "camvid"}``).
        input_size: (H, W) of the network's input and of the decoded images; the recipe's and the spec's if left out.
        progress: a live line on a terminal, elsewhere a line an epoch on standard error; silent if left out.
        tensorboard: also write scalars and images for TensorBoard.

    Raises:
        InputError: anything the user gave cannot be used.
        TrainingError: the loss is not finite.
    """
    config = resolved(network, recipe, changes or {}, input_size)
    folder = _folder_of(config, network, out)
    console = Console(stderr=True, quiet=not progress)
    return train_config(
        config,
        folder,
        console,
        f"to go on: archspace train {shlex.quote(str(folder))}",
        tensorboard=tensorboard,
    )


def train_config(
    config: TrainConfig, folder: Path, console: Console, to_go_on: str, *, tensorboard: bool = False,
    brief: bool = False,
) -> TrainResult:  # fmt: skip
    """Trains the network of a whole run in ``folder``, or goes on with it; else as :func:`train`.

    Args:
        config: the run.
        folder: the run folder.
        console: where the run is shown: a live line on a terminal, else a line an epoch; not at all if quiet.
        to_go_on: what a person who stops it reads.
        tensorboard: also write scalars and images for TensorBoard.
        brief: no row for each epoch on a terminal, and the curves as a page alone.
    """
    before = torch.get_num_threads()
    try:
        with working("reading the data and building the network", quiet=console.quiet):
            run = _prepared(config, tensorboard=tensorboard)
        known = kept_fingerprint(
            folder, run.data, named=config.data.name is not None, began=(folder / TRAIN_FILE).is_file()
        )
        open_folder(folder, run.config, run.network.spec)
        keep_fingerprint(folder, known)
        run = replace(run, data=known)
        with (
            logging_to(folder, not (console.is_terminal or console.quiet), LOG_FILE),
            _alone(folder),
        ):
            shown = Shown(config, run.task, console, rows=not brief)
            try:
                return _run(run, folder, shown, to_go_on, tensorboard=tensorboard, picture=not brief)
            except TrainingError as error:
                log.debug("failed: %s", error)  # 'archspace runs' reads it; the user is told by the caller
                raise
    finally:
        torch.set_num_threads(before)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps every other process from training in the folder.

    Raises:
        InputError: one does.
    """
    held = try_lock(folder / LOCK_FILE)
    if held is None:
        raise InputError(f"{folder}: another process is training here")
    try:
        yield
    finally:
        held.release()


def find_rate(
    what: str, recipe: str | None, changes: Mapping[str, Any], size: tuple[int, int] | None, out: Path | None,
    as_json: bool, question: RangeQuestion,
) -> None:  # fmt: skip
    """Prints a learning rate for a run that :func:`train` would do, found by raising it until the loss diverges.

    Raises:
        InputError: anything the user gave cannot be used.
    """
    run = _prepared(resolved(what, recipe, changes, size))
    folder = out or Path("runs") / f"{run.config.name}-range"
    answer(question, run.network, run.task, run.config, folder, Console(stderr=True), as_json)


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """A run before its first step."""

    config: TrainConfig
    task: Task
    network: Network
    data: DataFingerprint

    @property
    def record(self) -> dict[str, Any]:
        """What weights and metrics say of the data."""
        val = len(self.task.val)
        train = len(self.task.train) - (val if self.config.data.use_val else 0)
        return self.data.record({"train": train, "val": val})


def _prepared(config: TrainConfig, *, tensorboard: bool = False) -> _Run:
    """The run with its data loaded and its network built."""
    check_device(config.device)
    if tensorboard:
        require_tensorboard()
    torch.set_num_threads(config.threads)
    task, spec, data = load_known_task(config)
    torch.manual_seed(config.seed)
    built = build(spec)
    if config.init is not None:
        start_from(built, str(config.init), task)
    return _Run(config, task, built, data)


def _folder_of(
    config: TrainConfig, network: ArchSpec | str | os.PathLike[str], out: str | os.PathLike[str] | None
) -> Path:
    if out is not None:
        return Path(out)
    if not isinstance(network, ArchSpec) and Path(network, TRAIN_FILE).is_file():
        return Path(network)
    return Path("runs") / config.name


def _run(
    run: _Run, folder: Path, shown: Shown, to_go_on: str, tensorboard: bool, picture: bool
) -> TrainResult:
    """Trains to the end, evaluates, and writes what came out."""
    config, task, network = run.config, run.task, run.network
    spec, device = network.spec, torch.device(config.device)
    log.info("%s: %s (%s) on %d %s", folder, spec.label, spec.arch_id, len(task.train), task.counts)
    recorder = Recorder(folder, spec.label, task)
    boards = [Board(folder, task, device)] if tensorboard else []
    with shown, Callbacks(shown, recorder, *boards) as callback:
        try:
            history = fit(
                network,
                task,
                config.training,
                seed=config.seed,
                device=device,
                folder=folder,
                callback=callback,
            )
        except KeyboardInterrupt:
            shown.console.print(f"stopped; {to_go_on}", highlight=False)
            raise
        evaluation = task.evaluate(network, task.val, device)
        if history and history[-1].value is None:
            callback.evaluated(network, evaluation, sum(epoch.images for epoch in history), spec.input_size)
    recorder.finish(picture=picture)
    return finish(folder, run, evaluation)


def open_folder(folder: Path, config: TrainConfig, spec: ArchSpec) -> None:
    """Makes the run folder; what it holds must be this run (the state says so), or no more than a range test.

    Raises:
        InputError: the folder holds something else.
    """
    held = [item for item in folder.iterdir() if item.stem != RANGE_FILES] if folder.exists() else []
    if held and not (folder / TRAIN_FILE).is_file():
        raise InputError(f"{folder}: not empty and not a training run; give another --out")
    resolved_spec = config.model_copy(update={"spec": spec.to_dict()})
    write_text(folder / TRAIN_FILE, resolved_spec.to_yaml())


def finish(folder: Path, run: _Run, evaluation: Evaluation) -> TrainResult:
    """Writes weights and metrics, and returns what came out."""
    config, task, network = run.config, run.task, run.network
    network.class_names = task.class_names
    notes: dict[str, Any] = {"recipe": config.name, "seed": config.seed, "data": run.record}
    if config.data.crop != "squash":
        notes["crop"] = config.data.crop
    if isinstance(task, Language):
        notes["trained_on"] = task.describe()
    save(network.eval(), folder / WEIGHTS_FILE, preprocessing=task.preprocessing, notes=notes)
    network.preprocessing = task.preprocessing
    cost = count(network.spec)
    learned = ("train", "val") if config.data.use_val else ("train",)
    gpu = {"gpu": torch.cuda.get_device_name(config.device)} if config.device.startswith("cuda") else {}
    result = {
        "run": str(folder), "network": network.spec.label, "arch_id": network.spec.arch_id,
        task.counts: len(task.val), "split": "val", "input_size": list(network.spec.input_size),
        "crop": config.data.crop, "data": run.record, "trained_on": list(learned), "origin": "measured",
        **evaluation.to_dict(),
        "counted": {"params": cost.params, "macs": cost.macs},
        "how": {"device": config.device, **gpu, "threads": config.threads, "seed": config.seed, **environment()},
    }  # fmt: skip
    write_text(folder / METRICS_FILE, json.dumps(result, indent=2) + "\n")
    seen = ", which it has learned from" if config.data.use_val else ""
    headline = f"{task.metric} {evaluation.value:.2f} on {len(task.val)} validation {task.counts}{seen}"
    return TrainResult(folder, network, result, headline)
