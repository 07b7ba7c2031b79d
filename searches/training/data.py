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
from searches.data.fingerprint import fingerprint_of
from searches.data.identify import TEXT
from searches.data.joining import joined, joined_texts
from searches.data.opening import AnySource, open_source, open_splits
from searches.data.text import TextSplit
from searches.tasks.base import Task
from searches.tasks.table import TASKS, task_of
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
    task, known = _opened(config.data, spec, layout, size)
    for stage in config.training.plan():
        task.check(stage)
    return task, _fitting(spec, task, size), known


def source_of(
    data: TrainData, spec: ArchSpec, name: str, crop: Crop = "squash", size: Size | None = None
) -> AnySource:
    """Returns one split of a run's data, all of it, as a network of ``spec`` takes it; decoded later.

    Args:
        data: of the run.
        spec: the network.
        name: ``train``, ``val`` or ``test``.
        crop: how pictures of another aspect become the input.
        size: (H, W) at which pictures are decoded; the network's if left out.

    Raises:
        InputError: the data have no such split, or cannot be used.
    """
    return open_source(
        data, name, task=spec.task, layout=layout_for(spec.task, data), size=size or spec.input_size,
        channels=spec.channels, crop=crop,
    )  # fmt: skip


def _opened(data: TrainData, spec: ArchSpec, layout: str, size: Size) -> tuple[Task, DataFingerprint]:
    """The task; pictures of val are decoded at the ``size`` of the trained network, as ``evaluate`` reads them."""
    decoded = data.input_size or spec.input_size
    sources = open_splits(
        data, task=spec.task, layout=layout, decoded=decoded, size=size, channels=spec.channels
    )
    train, val = sources["train"].split.head(data.train), sources["val"].split.head(data.val)
    if data.use_val:
        more = source_of(data, spec, "val", size=decoded).split.head(data.val)
        train = (
            joined_texts(train, more)
            if isinstance(train, TextSplit) and isinstance(more, TextSplit)
            else joined(train, more)  # type: ignore[arg-type]
        )
    return task_of(spec.task, train, val), fingerprint_of(sources, data.name)


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
