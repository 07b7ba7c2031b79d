"""The data of a study: its two splits opened, fingerprinted, and made the task that its networks are judged on."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.store.fingerprint import DataFingerprint
from searches.config.parts import Crop
from searches.config.study import StudyConfig
from searches.data.dataset import checked_request
from searches.data.fingerprint import Source, fingerprint_of
from searches.data.own import own_of
from searches.data.statistics import statistics
from searches.tasks.base import ImageTask
from searches.tasks.table import make_task


def open_data(config: StudyConfig) -> dict[str, Source]:
    """Returns the splits of the study, ``train`` and ``val``, listed and not yet decoded.

    Raises:
        InputError: the data are missing or cannot be used.
    """
    data = config.data

    def source(name: str, size: tuple[int, int], crop: Crop) -> Source:
        request = checked_request(
            data.layout, name, root=data.root, input_size=size, channels=data.channels, task=config.task,
            seed=data.seed, crop=crop, own=own_of(data),
        )  # fmt: skip
        return Source(request)

    return {
        "train": source("train", data.input_size, "squash"),
        "val": source("val", config.input_size, data.crop),
    }


def fingerprinted(config: StudyConfig, sources: Mapping[str, Source]) -> DataFingerprint:
    """Returns the fingerprint of the study's data.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    return fingerprint_of(sources, config.data.name)


def task_on(config: StudyConfig, sources: Mapping[str, Source]) -> ImageTask:
    """Returns the study's data, loss and metric.

    Raises:
        InputError: a file cannot be used.
    """
    train = sources["train"].split.head(config.data.train)
    val = sources["val"].split.head(config.data.val)
    return make_task(config.task, train, val, statistics(train))


def fixed_fields(config: StudyConfig, task: ImageTask) -> dict[str, object]:
    """Returns the fields of every network of the study that task and data give."""
    return {
        "task": config.task, "classes": task.outputs(len(task.classes))[0],
        "input_size": list(config.input_size), "channels": config.data.channels,
    }  # fmt: skip
