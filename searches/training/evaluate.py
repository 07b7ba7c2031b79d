"""A network's metrics on a split of a data set."""

from __future__ import annotations

import copy
import os
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archspace.network import Network
from archspace.spec.named import NamedNetwork
from archspace.spec.naming import find_network
from archspace.support.errors import FieldError, InputError
from searches.config.parts import Crop
from searches.config.training import TrainData
from searches.data.dataset import Split
from searches.data.fingerprint import Source, fingerprint_of
from searches.data.identify import TEXT
from searches.data.opening import request_of, text_source
from searches.data.text import UNKNOWN
from searches.tasks.base import ImageTask, Task
from searches.tasks.language import Language, described
from searches.tasks.table import TASKS, make_task
from searches.training.device import check_device
from searches.training.layout import data_of, layout_for

MOST_UNKNOWN = 0.5
"""Share of unknown words at which a text is not one for a language model."""


def evaluate(
    network: Network | str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    split: str = "val",
    layout: str | None = None,
    device: str = "cpu",
    crop: Crop | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Returns the metrics of a trained network on a split of a data set, as ``archspace evaluate --json`` has them.

    Args:
        network: a loaded network, which is left as it is; or what names one with weights (a checkpoint, ``RUN:N``, a
            training or export folder, a published ``.pth``). A language model comes from a file, which keeps its words.
        data: the data set's folder; if that and ``layout`` are left out, the data that the network's training folder
            or study names, as many images of them too.
        split: ``train``, ``val`` or ``test``.
        layout: of the data; seen from the folder if left out.
        device: ``cpu`` or ``cuda``.
        crop: how pictures of another aspect become the input, ``squash`` or ``centre``; as the network was judged in
            its training if left out, and the middle of the picture for published classifiers.
        progress: a bar on standard error.

    Returns:
        ``accuracy``, ``map``, ``miou``, ... in percent and by class, with network, data and split; plain data for JSON.

    Raises:
        InputError: the network or the data cannot be used, or they do not fit each other.
    """
    check_device(device)
    console = Console(stderr=True, quiet=not progress)
    named, loaded = _loaded(network)
    name = loaded.spec.label if named is None else named.text
    spec = loaded.spec
    asked = data_of(named, data, layout)
    layout = layout_for(spec.task, asked)
    made: tuple[Task, dict[str, Any]] = (
        _text(named, loaded, asked, split, console)
        if layout == TEXT
        else images_task(name, loaded, layout, asked, split, crop or usual_crop(named, loaded))
    )
    task, about = made
    target = torch.device(device)
    loaded.to(target, memory_format=torch.channels_last)  # type: ignore[call-overload]
    columns = (TextColumn("evaluating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not progress) as bar:
        line = bar.add_task("", total=len(task.val))
        evaluation = task.evaluate(loaded, task.val, target, on_batch=lambda items: bar.advance(line, items))
    return {
        "checkpoint": name, "network": spec.label, "arch_id": spec.arch_id, "task": spec.task,
        "layout": layout, "split": split, task.counts: len(task.val), **about,
        "device": device, **evaluation.to_dict(),
    }  # fmt: skip


def _loaded(network: Network | str | os.PathLike[str]) -> tuple[NamedNetwork | None, Network]:
    """What was named, where something was, and a network of our own to move to the device."""
    if isinstance(network, str | os.PathLike):
        named = find_network(os.fspath(network), accept="answers", field="NET")
        return named, named.load()
    if network.spec.task == "language":
        rule = "a language model is evaluated from its checkpoint, which keeps its words"
        raise InputError(f"evaluate: {network.spec.label}: {rule}; give the file")
    return None, copy.deepcopy(network)


def usual_crop(named: NamedNetwork | None, network: Network) -> Crop:
    """Returns how a network was judged: as its training says, or as authors judge classifiers on ImageNet."""
    if named is not None and named.published and network.spec.task == "classification":
        return "centre"
    return "centre" if named is not None and named.notes().get("crop") == "centre" else "squash"


def images_task(
    path: str, network: Network, layout: str, data: TrainData, split_name: str, crop: Crop
) -> tuple[ImageTask, dict[str, Any]]:
    """Returns the split at the size of the checkpoint's network, and what is to be said of it.

    Raises:
        InputError: the network does not say how images become its input, or the data cannot be used.
    """
    spec, preprocessing = network.spec, network.preprocessing
    if preprocessing is None:
        raise InputError(f"{path}: does not say how images become its input; save it with its preprocessing")
    source = Source(request_of(
        data, split_name, task=spec.task, layout=layout, size=spec.input_size, channels=spec.channels, crop=crop
    ))  # fmt: skip
    split = source.split.head({"train": data.train, "val": data.val}.get(split_name))
    _check_classes(path, network, split)
    known = fingerprint_of({split_name: source}, None)
    about = {"input_size": list(spec.input_size), "crop": crop, "data": known.record_of(split_name)}
    return make_task(spec.task, split, split, preprocessing), about


def _text(
    named: NamedNetwork | None, network: Network, data: TrainData, split_name: str, console: Console
) -> tuple[Language, dict[str, Any]]:
    """The split in the words of the checkpoint, and what is to be said of it."""
    assert named is not None
    notes, path = named.notes(), named.text
    words = notes.get("classes")
    if not isinstance(words, list) or len(words) != network.spec.classes or UNKNOWN not in words:
        known = len(words) if isinstance(words, list) else "no"
        rule = f"keeps {known} words, its network scores {network.spec.classes}"
        raise InputError(f"{path}: {rule}; save it with its vocabulary as notes['classes']")
    source = text_source(data, split_name, words)
    split = source.split.head({"train": data.train, "val": data.val}.get(split_name))
    unknown = np.count_nonzero(split.tokens == words.index(UNKNOWN)) / len(split)
    if unknown > MOST_UNKNOWN:
        rule = f"{100 * unknown:.0f} % of its words are not among the {len(words)} of {path}"
        raise FieldError("--data", f"{data.root}, {split.name}", f"{rule}: they do not belong together")
    if notes.get("trained_on") == described(split):
        console.print(
            f"{split.name} is the text that {path} was trained on; its perplexity says little",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    record = fingerprint_of({split_name: source}, None).record_of(split_name)
    return Language(split, split), {"file": split.name, "words": len(words), "data": record}


def _check_classes(path: str, network: Network, split: Split) -> None:
    """The network must have as many outputs as its task needs for the classes of the data."""
    outputs, classes = network.spec.classes, len(split.classes)
    if outputs not in TASKS[network.spec.task].outputs(classes):
        rule = f"{path} has {outputs} classes, the data have {classes}: they do not belong together"
        background = ", the background among them" if network.spec.task == "detection" else ""
        raise FieldError("--data", classes, rule + background, outputs - bool(background))
