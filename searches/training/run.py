"""``archspace train``: one network, trained as a recipe says, in a folder from which it goes on when killed."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from analysis.counts.complexity import count
from analysis.store.environment import environment
from analysis.store.runs import TRAIN_FILE
from archspace.build import build
from archspace.checkpoint import WEIGHTS_FILE, save
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import find_network, read_spec
from archspace.support.errors import FieldError, InputError
from archspace.support.files import write_text
from searches.config.training import TrainConfig, read_train, train_recipes
from searches.tasks.base import Evaluation, Task
from searches.tasks.language import Language
from searches.training.callbacks import Callbacks, Recorder, Shown
from searches.training.data import load_task
from searches.training.device import check_device
from searches.training.logs import log_to
from searches.training.loop import fit
from searches.training.range_test import FILES as RANGE_FILES
from searches.training.range_test import RangeQuestion, answer
from searches.training.tensorboard_log import Board, require_tensorboard

log = logging.getLogger(__name__)

METRICS_FILE = "metrics.json"
LOG_FILE = "train.log"


def train(
    what: str, recipe: str | None, changes: Mapping[str, Any], size: tuple[int, int] | None, out: Path | None,
    as_json: bool, *, tensorboard: bool = False, ranged: RangeQuestion | None = None,
) -> None:  # fmt: skip
    """Trains a network, or goes on with the run in a folder, and prints its metrics.

    Args:
        what: a network of any form with a spec, a run folder, a YAML file of a whole run, or a built-in recipe that
            names its network.
        recipe: a built-in training recipe or a YAML file; where ``what`` is a whole run it is left out.
        changes: values that replace the recipe's, by dotted field.
        size: (H, W) of the network's input and of the decoded images; the recipe's and the spec's if left out.
        tensorboard: also write scalars and images for TensorBoard.
        ranged: instead of training, find a learning rate.

    Raises:
        InputError: anything the user gave cannot be used.
        TrainingError: the loss is not finite.
    """
    config = resolved(what, recipe, changes, size)
    check_device(config.device)
    if tensorboard:
        require_tensorboard()
    torch.set_num_threads(config.threads)
    task, spec = load_task(config)
    torch.manual_seed(config.seed)
    network = build(spec)
    if config.init is not None:
        start_from(network, str(config.init), task)
    console, device = Console(stderr=True), torch.device(config.device)
    if ranged is not None:
        answer(ranged, network, task, config, out or Path("runs") / f"{config.name}-range", console, as_json)
        return
    folder = out or (Path(what) if Path(what, TRAIN_FILE).is_file() else Path("runs") / config.name)
    open_folder(folder, config, spec)
    log_to(folder, console=not console.is_terminal, name=LOG_FILE)
    log.info("%s: %s (%s) on %d %s", folder, spec.label, spec.arch_id, len(task.train), task.counts)
    recorder = Recorder(folder, spec.label, task)
    boards = [Board(folder, task, device)] if tensorboard else []
    stage = config.training.plan()[-1]
    with Shown(config, task, console) as shown, Callbacks(shown, recorder, *boards) as callback:
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
            console.print(f"stopped; to go on: archspace train {folder}", highlight=False)
            raise
        found = task.evaluate(network, task.val, device, size=stage.input_size)
        if history and history[-1].value is None:
            callback.evaluated(network, found, sum(epoch.images for epoch in history), stage.input_size)
    recorder.finish()
    finish(folder, network, task, config, found, as_json)


def resolved(
    what: str, recipe: str | None, changes: Mapping[str, Any], size: tuple[int, int] | None
) -> TrainConfig:
    """The run that the user means.

    Raises:
        InputError: a name, file or field is wrong.
    """
    path = Path(what)
    if (path / TRAIN_FILE).is_file():
        if recipe is not None:
            raise FieldError("--recipe", recipe, f"{what} is a run with a recipe of its own", "leave it out")
        return changed(read_train(str(path / TRAIN_FILE)), changes)
    if recipe is None:
        if (
            path.suffix in (".yaml", ".yml")
            and path.is_file()
            and "training:" in path.read_text(encoding="utf-8")
        ):
            return changed(read_train(what), changes)
        if what in train_recipes() and not path.exists():
            return changed(read_train(what), changes)
        raise FieldError("--recipe", None, "says how the network is trained", "scenes")
    config = read_train(recipe)
    spec = read_spec(what)
    if size is not None and spec.task == "language":
        rule = "is of images; a text is read in windows of training.window tokens"
        raise FieldError("--input", size, rule, "leave it out")
    spec = spec.replace(input_size=size) if size is not None else spec
    sizes = (
        {} if size is None else {"data.input_size": size, "training.input_size": None, "training.sizes": ()}
    )
    return changed(config, {"spec": spec.to_dict(), **sizes, **changes})


def changed(config: TrainConfig, changes: Mapping[str, Any]) -> TrainConfig:
    """``config`` with values replaced by dotted field (``training.epochs``); stages take epochs and batch too."""
    from searches.config.training import parse_train

    data = config.model_dump(mode="json")
    for name, value in changes.items():
        inner = data
        *outer, last = name.split(".")
        for part in outer:
            inner = inner[part]
        inner[last] = value
        if outer == ["training"]:
            for stage in data["training"]["stages"]:
                stage.pop(last, None)
    return parse_train(data, "train")


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


def start_from(network: Network, text: str, task: Task) -> None:
    """Puts the weights that ``text`` names into ``network``: the encoder must fit, the head is taken where it does.

    Raises:
        InputError: the encoders differ, or two language models have different words.
    """
    named = find_network(text, accept="weights", field="--init")
    other = named.load()
    try:
        network.encoder.load_state_dict(other.encoder.state_dict())
    except RuntimeError:
        rule = f"has the encoder of {other.spec.label}, not of {network.spec.label}"
        raise InputError(f"--init: {text}: {rule}") from None
    if isinstance(task, Language) and named.notes().get("classes") != list(task.classes):
        raise InputError(f"--init: {text}: knows other words than the training text's")
    try:
        network.head.load_state_dict(other.head.state_dict())
        log.info("%s: encoder and head taken", text)
    except RuntimeError:
        log.info(
            "%s: encoder taken; the head starts afresh, as it is for another task or other classes", text
        )


def finish(
    folder: Path, network: Network, task: Task, config: TrainConfig, found: Evaluation, as_json: bool
) -> None:
    """Writes weights and metrics and prints what came out."""
    notes = {"classes": list(task.classes), "recipe": config.name, "seed": config.seed}
    if isinstance(task, Language):
        notes["trained_on"] = task.describe()
    save(network.eval(), folder / WEIGHTS_FILE, preprocessing=task.preprocessing, notes=notes)
    cost = count(network.spec)
    result = {
        "run": str(folder), "network": network.spec.label, "arch_id": network.spec.arch_id,
        task.counts: len(task.val), "split": "val", "origin": "measured", **found.to_dict(),
        "counted": {"params": cost.params, "macs": cost.macs},
        "how": {"device": config.device, "threads": config.threads, "seed": config.seed, **environment()},
    }  # fmt: skip
    write_text(folder / METRICS_FILE, json.dumps(result, indent=2) + "\n")
    if as_json:
        print(json.dumps(result))  # noqa: T201
        return
    console = Console(highlight=False)
    console.print(
        f"{network.spec.label}: {task.metric} {found.value:.2f} on {len(task.val)} validation {task.counts}"
    )
    console.print(f"weights: {folder / WEIGHTS_FILE}")
