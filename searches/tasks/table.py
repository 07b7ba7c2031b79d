"""Tasks by name."""

from __future__ import annotations

from archspace.preprocessing import Preprocessing
from archspace.support.errors import FieldError, closest
from archspace.support.registry import Registry
from searches.data.dataset import Split
from searches.data.statistics import statistics
from searches.data.text import TextSplit
from searches.tasks.base import ImageTask, Task
from searches.tasks.classification import Classification
from searches.tasks.detection import Detection
from searches.tasks.language import Language
from searches.tasks.multilabel import MultiLabel
from searches.tasks.segmentation import Segmentation

TASKS: Registry[type[Task]] = Registry("task")
"""Task classes by the task of the spec."""

TASKS.register("classification")(Classification)
TASKS.register("multilabel")(MultiLabel)
TASKS.register("segmentation")(Segmentation)
TASKS.register("detection")(Detection)
TASKS.register("language")(Language)


def image_tasks() -> dict[str, type[ImageTask]]:
    """Returns the task classes of images, by name."""
    return {name: task for name, task in TASKS.items() if issubclass(task, ImageTask)}


def task_of(
    name: str,
    train: Split | TextSplit,
    val: Split | TextSplit,
    preprocessing: Preprocessing | None = None,
) -> Task:
    """Returns the task of that name on these data.

    Args:
        name: of the task.
        train, val: pictures or texts.
        preprocessing: of pictures; normalised by the training split's statistics if left out.

    Raises:
        FieldError: the task is not one on such data.
    """
    if isinstance(train, Split) and isinstance(val, Split):
        return make_task(name, train, val, preprocessing or statistics(train))
    if not isinstance(train, TextSplit) or not isinstance(val, TextSplit) or TASKS[name] is not Language:
        raise FieldError("task", name, "is no task of these data", "language")
    return Language(train, val)


def make_task(name: str, train: Split, val: Split, preprocessing: Preprocessing) -> ImageTask:
    """Returns the task of that name on these images.

    Raises:
        FieldError: there is no such task of images.
    """
    task = TASKS[name]
    if not issubclass(task, ImageTask):
        raise FieldError("task", name, "is no task of images", closest(name, list(image_tasks())))
    return task(train, val, preprocessing)
