"""The data of a training run as a task, with the spec that fits them."""

from __future__ import annotations

import logging

from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import read_spec
from archspace.support.errors import FieldError
from searches.config.parts import Crop
from searches.config.recipe import Size
from searches.config.training import TrainConfig, TrainData
from searches.data.dataset import Split, load_split
from searches.data.identify import TEXT, identify
from searches.data.joining import joined
from searches.data.statistics import statistics
from searches.data.text import load_text
from searches.tasks.base import Task
from searches.tasks.language import Language
from searches.tasks.table import TASKS, make_task

log = logging.getLogger(__name__)


def load_task(config: TrainConfig) -> tuple[Task, ArchSpec]:
    """Returns the task on the data, and the spec with the classes that they have and the size at which training ends.

    Raises:
        InputError: no spec, no data, data that cannot be used, or a recipe that asks for what the task does not have.
    """
    if config.spec is None:
        raise FieldError("spec", None, "a training run names its network", "espnetv2-0.5")
    spec = read_spec(config.spec) if isinstance(config.spec, str) else ArchSpec.from_dict(config.spec)
    layout = layout_for(spec.task, config.data)
    last = config.training.plan()[-1].last_size
    size = spec.input_size if layout == TEXT else last or config.data.input_size or spec.input_size
    task = _language(config.data) if layout == TEXT else _images(config.data, spec, size)
    for stage in config.training.plan():
        task.check(stage)
    return task, _fitting(spec, task, size)


def layout_for(task: str, data: TrainData) -> str:
    """Returns the layout of the data, which must be text for a language model and pictures for any other task.

    Raises:
        InputError: there are no data, or they are of the other kind.
    """
    layout = data.layout or (identify(data.root) if data.root is not None else None)
    if layout is None:
        near = "--data FOLDER" if task == "language" else "--layout scenes"
        raise FieldError("--data", None, "needs a folder, or --layout of built-in data", near)
    if (layout == TEXT) != (task == "language"):
        rule = f"the data are {'text' if layout == TEXT else 'pictures'}, the network's task is {task}"
        raise FieldError("data.layout", layout, rule, "a network of eru" if layout == TEXT else TEXT)
    if data.splits and layout != TEXT:
        raise FieldError(
            "data.splits", data.splits, "is of texts; pictures are read as they lie", "leave it out"
        )
    return layout


def image_split(data: TrainData, spec: ArchSpec, name: str, size: Size, crop: Crop = "squash") -> Split:
    """Returns one split of a run's pictures as a network of ``spec`` takes them, decoded at ``size``; all of it.

    Raises:
        InputError: the data have no such split, or cannot be used.
    """
    return load_split(
        layout_for(spec.task, data), name, root=data.root, input_size=size, channels=spec.channels, task=spec.task,
        seed=data.seed, crop=crop,
    )  # fmt: skip


def _language(data: TrainData) -> Language:
    if data.root is None:
        raise FieldError("--data", None, "needs the folder of the text, or one text file")
    if data.use_val:
        raise FieldError("data.use_val", True, "is of pictures; a text has data.splits", "false")
    train, val = (load_text(data.root, name, splits=data.splits) for name in ("train", "val"))
    return Language(train.head(data.train), val.head(data.val))


def _images(data: TrainData, spec: ArchSpec, size: Size) -> Task:
    """The task; its validation split is decoded at the ``size`` of the trained network, as ``evaluate`` reads it."""
    decoded = data.input_size or spec.input_size
    train = image_split(data, spec, "train", decoded).head(data.train)
    val = image_split(data, spec, "val", size, data.crop).head(data.val)
    if data.use_val:
        train = joined(train, image_split(data, spec, "val", decoded).head(data.val))
    return make_task(spec.task, train, val, statistics(train))


def _fitting(spec: ArchSpec, task: Task, size: Size) -> ArchSpec:
    """The spec with as many classes as the data have, and the input size at which training ends."""
    classes = len(task.classes)
    fitting = TASKS[spec.task].outputs(classes)
    if spec.classes not in fitting:
        log.info(
            "the data have %d classes: the network gets %d instead of %d", classes, fitting[0], spec.classes
        )
        spec = spec.replace(classes=fitting[0])
    if size != spec.input_size:
        log.info("training ends at %s: the network's input too, not %s", list(size), list(spec.input_size))
        spec = spec.replace(input_size=size)
    return spec
