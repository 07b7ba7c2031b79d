"""Tasks by name."""

from __future__ import annotations

from archspace.preprocessing import Preprocessing
from searches.tasks.base import Task
from searches.tasks.classification import Classification
from searches.tasks.dataset import Split
from searches.tasks.detection import Detection
from searches.tasks.multilabel import MultiLabel
from searches.tasks.segmentation import Segmentation

TASKS: dict[str, type[Task]] = {
    "classification": Classification,
    "multilabel": MultiLabel,
    "segmentation": Segmentation,
    "detection": Detection,
}
"""Task classes by the task of the spec."""


def make_task(name: str, train: Split, val: Split, preprocessing: Preprocessing) -> Task:
    """The task of that name on these splits."""
    return TASKS[name](train, val, preprocessing)
