"""``archspace evaluate``: a checkpoint's metrics on a split of a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from analysis.quantities import QUANTITIES, metrics_of
from archspace.network import Network
from archspace.spec.named import NamedNetwork
from archspace.spec.naming import find_network
from archspace.support.errors import FieldError, InputError
from archspace.support.numbers import fixed
from searches.config.training import TrainData
from searches.data.dataset import Split, load_split
from searches.data.identify import TEXT
from searches.data.text import UNKNOWN, load_text
from searches.tasks.base import ImageTask, Task
from searches.tasks.language import Language, described
from searches.tasks.table import TASKS, make_task
from searches.training.data import layout_for
from searches.training.device import check_device

MOST_UNKNOWN = 0.5
"""Share of unknown words at which a text is not one for a language model."""


def evaluate(
    text: str, root: Path | None, layout: str | None, split_name: str, device: str, as_json: bool
) -> None:
    """Prints the metrics on a split of the trained network that ``text`` names.

    Raises:
        InputError: the network or the data cannot be used, or they do not fit each other.
    """
    check_device(device)
    named, console = find_network(text, accept="answers", field="NET"), Console(stderr=True)
    network = named.load()
    spec = network.spec
    layout = layout_for(spec.task, TrainData(layout=layout, root=root))
    made: tuple[Task, dict[str, Any]] = (
        _text(named, network, root, split_name, console)
        if layout == TEXT
        else _images(text, network, layout, root, split_name)
    )
    task, about = made
    target = torch.device(device)
    network.to(target, memory_format=torch.channels_last)  # type: ignore[call-overload]
    columns = (TextColumn("evaluating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        line = bar.add_task("", total=len(task.val))
        found = task.evaluate(network, task.val, target, on_batch=lambda items: bar.advance(line, items))
    result = {
        "checkpoint": text, "network": spec.label, "arch_id": spec.arch_id, "task": spec.task,
        "layout": layout, "split": split_name, task.counts: len(task.val), **about,
        "device": device, **found.to_dict(),
    }  # fmt: skip
    if as_json:
        print(json.dumps(result))  # noqa: T201
    else:
        _print(result, task.counts)


def _images(
    text: str, network: Network, layout: str, root: Path | None, split_name: str
) -> tuple[ImageTask, dict[str, Any]]:
    """The split at the size of the checkpoint's network, and what is to be said of it."""
    spec, preprocessing = network.spec, network.preprocessing
    if preprocessing is None:
        raise InputError(f"{text}: does not say how images become its input; save it with its preprocessing")
    split = load_split(
        layout, split_name, root=root, input_size=spec.input_size, channels=spec.channels, task=spec.task
    )
    _check_classes(text, network, split)
    return make_task(spec.task, split, split, preprocessing), {"input_size": list(spec.input_size)}


def _text(
    named: NamedNetwork, network: Network, root: Path | None, split_name: str, console: Console
) -> tuple[Language, dict[str, Any]]:
    """The split in the words of the checkpoint, and what is to be said of it."""
    if root is None:
        raise FieldError("--data", None, "needs the folder of the text, or one text file")
    notes = named.notes()
    words = notes.get("classes")
    if not isinstance(words, list) or len(words) != network.spec.classes or UNKNOWN not in words:
        known = len(words) if isinstance(words, list) else "no"
        rule = f"keeps {known} words, its network scores {network.spec.classes}"
        raise InputError(f"{named.text}: {rule}; save it with its vocabulary as notes['classes']")
    split = load_text(root, split_name, vocabulary=words)
    unknown = np.count_nonzero(split.tokens == words.index(UNKNOWN)) / len(split)
    if unknown > MOST_UNKNOWN:
        rule = f"{100 * unknown:.0f} % of its words are not among the {len(words)} of {named.text}"
        raise FieldError("--data", f"{root}, {split.name}", f"{rule}: they do not belong together")
    if notes.get("trained_on") == described(split):
        console.print(
            f"{split.name} is the text that {named.text} was trained on; its perplexity says little",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    return Language(split, split), {"file": split.name, "words": len(words)}


def _check_classes(text: str, network: Network, split: Split) -> None:
    """The network must have as many outputs as its task needs for the classes of the data."""
    outputs, classes = network.spec.classes, len(split.classes)
    if outputs not in TASKS[network.spec.task].outputs(classes):
        rule = f"{text} has {outputs} classes, the data have {classes}: they do not belong together"
        background = ", the background among them" if network.spec.task == "detection" else ""
        raise FieldError("--data", classes, rule + background, outputs - bool(background))


def _print(result: dict[str, Any], counted: str) -> None:
    console = Console(highlight=False)
    console.print(
        f"{result['network']} on {result[counted]} {counted} of {result['layout']} {result['split']}, measured"
    )
    for one in metrics_of(result["task"]):
        if one.name in result:
            unit = f" {one.unit}" if one.unit else ""
            shown = fixed(result[one.name], one.digits)
            console.print(f"{shown:>{8 - len(unit)}}{unit}  {one.by_task.get(result['task'], one.title)}")
    by_class = {
        name: f"{one.short} ({one.unit})"
        for name, one in QUANTITIES.items()
        if name.startswith("class_") and isinstance(result.get(name), dict)
    }
    if by_class:
        table = Table("class", *by_class.values())
        for row in result[next(iter(by_class))]:
            table.add_row(row, *(fixed(result[name].get(row)) for name in by_class))
        console.print(table)
