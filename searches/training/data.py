"""The data of a training run as a task, with the spec that fits them."""

from __future__ import annotations

import logging

from analysis.store.fingerprint import DataFingerprint
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import read_spec
from archspace.support.errors import FieldError
from searches.config.parts import Crop
from searches.config.recipe import Size
from searches.config.training import TrainConfig, TrainData
from searches.data.dataset import Split, checked_request
from searches.data.fingerprint import Source, fingerprint_of, fingerprint_of_text
from searches.data.identify import TEXT
from searches.data.joining import joined
from searches.data.own import own_of
from searches.data.statistics import statistics
from searches.data.text import load_text
from searches.tasks.base import Task
from searches.tasks.language import Language
from searches.tasks.table import TASKS, make_task
from searches.training.layout import layout_for

log = logging.getLogger(__name__)


def load_task(config: TrainConfig) -> tuple[Task, ArchSpec]:
    """Returns the task on the data, and the spec with the classes that they have and the size at which training ends.

    Raises:
        InputError: no spec, no data, data that cannot be used, or a recipe that asks for what the task does not have.
    """
    task, spec, _ = load_known_task(config)
    return task, spec


def load_known_task(config: TrainConfig) -> tuple[Task, ArchSpec, DataFingerprint]:
    """Returns what :func:`load_task` does, and the fingerprint of the data."""
    if config.spec is None:
        raise FieldError("spec", None, "a training run names its network", "espnetv2-0.5")
    spec = read_spec(config.spec) if isinstance(config.spec, str) else ArchSpec.from_dict(config.spec)
    if config.data.channels not in (None, spec.channels):
        spec = spec.replace(channels=config.data.channels)
    layout = layout_for(spec.task, config.data)
    last = config.training.plan()[-1].last_size
    size = spec.input_size if layout == TEXT else last or config.data.input_size or spec.input_size
    task, known = _language(config.data) if layout == TEXT else _images(config.data, spec, size)
    for stage in config.training.plan():
        task.check(stage)
    return task, _fitting(spec, task, size), known


def image_source(data: TrainData, spec: ArchSpec, name: str, size: Size, crop: Crop = "squash") -> Source:
    """Returns one split of a run's pictures, all of it, as a network of ``spec`` takes them; decoded at ``size`` later.

    Raises:
        InputError: the data have no such split, or cannot be used.
    """
    return Source(checked_request(
        layout_for(spec.task, data), name, root=data.root, input_size=size, channels=spec.channels, task=spec.task,
        seed=data.seed, crop=crop, own=own_of(data),
    ))  # fmt: skip


def image_split(data: TrainData, spec: ArchSpec, name: str, size: Size, crop: Crop = "squash") -> Split:
    """Returns one split of a run's pictures as :func:`image_source` has it, decoded."""
    return image_source(data, spec, name, size, crop).split


def _language(data: TrainData) -> tuple[Task, DataFingerprint]:
    if data.root is None:
        raise FieldError("--data", None, "needs the folder of the text, or one text file")
    if data.use_val:
        raise FieldError("data.use_val", True, "is of pictures; a text has data.splits", "false")
    splits = {name: load_text(data.root, name, splits=data.files) for name in ("train", "val")}
    task = Language(splits["train"].head(data.train), splits["val"].head(data.val))
    return task, fingerprint_of_text(splits, data.root, data.name)


def _images(data: TrainData, spec: ArchSpec, size: Size) -> tuple[Task, DataFingerprint]:
    """The task; its validation split is decoded at the ``size`` of the trained network, as ``evaluate`` reads it."""
    decoded = data.input_size or spec.input_size
    sources = {
        "train": image_source(data, spec, "train", decoded),
        "val": image_source(data, spec, "val", size, data.crop),
    }
    train, val = sources["train"].split.head(data.train), sources["val"].split.head(data.val)
    if data.use_val:
        train = joined(train, image_split(data, spec, "val", decoded).head(data.val))
    return make_task(spec.task, train, val, statistics(train)), fingerprint_of(sources, data.name)


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
