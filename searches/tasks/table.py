"""Tasks by name."""

from __future__ import annotations

from archspace.preprocessing import Preprocessing
from searches.data.dataset import Split
from searches.tasks.base import ImageTask, Task
from searches.tasks.classification import Classification
from searches.tasks.detection import Detection
from searches.tasks.language import Language
from searches.tasks.multilabel import MultiLabel
from searches.tasks.segmentation import Segmentation

IMAGE_TASKS: dict[str, type[ImageTask]] = {
    "classification": Classification,
    "multilabel": MultiLabel,
    "segmentation": Segmentation,
    "detection": Detection,
}
"""Task classes of images by the task of the spec."""

TASKS: dict[str, type[Task]] = {**IMAGE_TASKS, "language": Language}
"""All task classes by the task of the spec."""


def make_task(name: str, train: Split, val: Split, preprocessing: Preprocessing) -> ImageTask:
    """The task of that name on these images."""
    return IMAGE_TASKS[name](train, val, preprocessing)
