"""The data of a study: its two splits opened, fingerprinted, and made the task that its networks are judged on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.store.fingerprint import DataFingerprint
from searches.config.data import TEXT
from searches.config.parts import fixed_by_data
from searches.config.study import StudyConfig
from searches.data.fingerprint import fingerprint_of
from searches.data.opening import AnySource, open_splits
from searches.tasks.base import Task
from searches.tasks.table import task_of


def open_data(config: StudyConfig) -> dict[str, AnySource]:
    """Returns the splits of the study, ``train`` and ``val``, listed and not yet decoded.

    Raises:
        InputError: the data are missing or cannot be used.
    """
    data, size = config.data, config.input_size
    return open_splits(
        data, task=config.task, layout=data.layout, decoded=data.input_size or size, size=size,
        channels=data.channels,
    )  # fmt: skip


def fingerprinted(config: StudyConfig, sources: Mapping[str, AnySource]) -> DataFingerprint:
    """Returns the fingerprint of the study's data.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    return fingerprint_of(sources, config.data.name)


def task_on(config: StudyConfig, sources: Mapping[str, AnySource]) -> Task:
    """Returns the study's data, loss and metric.

    Raises:
        InputError: a file cannot be used, or the recipe asks for what the task does not have.
    """
    train = sources["train"].split.head(config.data.train)
    val = sources["val"].split.head(config.data.val)
    task = task_of(config.task, train, val)
    for recipe in (config.training, *map(config.recipe_of, config.reference)):
        for stage in recipe.plan():
            task.check(stage)
    return task


def fixed_fields(config: StudyConfig, task: Task) -> dict[str, object]:
    """Returns the fields of every network of the study that task and data give."""
    known = {
        "task": config.task, "classes": task.outputs(len(task.classes))[0],
        "input_size": list(config.input_size), "channels": config.data.channels,
    }  # fmt: skip
    return {name: known[name] for name in fixed_by_data(config.task)}


def judged_on(config: StudyConfig) -> dict[str, Any]:
    """Returns what the record of a metric says of how the data were shown: nothing of a text."""
    data = config.data
    shown = {} if data.layout == TEXT else {"input_size": list(config.input_size), "crop": data.crop}
    return {"layout": data.layout, **shown}
