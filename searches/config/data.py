"""The data of a study, and the rules for what is said of one's own: names of classes, void, how train is divided."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from archspace.support.errors import FieldError, closest
from searches.config.parts import Crop, Part

Classes: TypeAlias = list[str] | dict[int, str]
"""Names in the order of the class indices, or by the value that each has in the masks."""

Void: TypeAlias = int | list[int]

DIVIDED = ("val", "test")
"""Splits that may be a part of train."""

MOST_CLASSES = 255
LARGEST_VALUE = 2**16


def check_classes(classes: Classes | None) -> Classes | None:
    """Returns names of classes as they are.

    Raises:
        FieldError: no name, more than a mask can hold, an empty one, one twice, or a value that no mask has.
    """
    if classes is None:
        return None
    names = list(classes.values()) if isinstance(classes, dict) else classes
    if not 1 <= len(names) <= MOST_CLASSES:
        raise FieldError("data.classes", len(names), f"must be 1 to {MOST_CLASSES} names", "[ground, disc]")
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise FieldError("data.classes", twice, "is named twice")
    if any(not name.strip() for name in names):
        raise FieldError("data.classes", "", "a class has no name")
    for value in classes if isinstance(classes, dict) else ():
        if not 0 <= value < LARGEST_VALUE:
            raise FieldError("data.classes", value, f"a value in a mask is 0 to {LARGEST_VALUE - 1}")
    return classes


def check_void(void: Void | None) -> Void | None:
    """Returns the values that are void as they are.

    Raises:
        FieldError: a value that no mask has.
    """
    for value in [void] if isinstance(void, int) else void or []:
        if not 0 <= value < LARGEST_VALUE:
            raise FieldError("data.void", value, f"a value in a mask is 0 to {LARGEST_VALUE - 1}", 255)
    return void


def check_shares(splits: Mapping[str, object]) -> None:
    """Refuses shares of train that cannot be taken from it.

    Raises:
        FieldError: a split that is none, a share that is not between 0 and 1, or shares that leave nothing to train.
    """
    total = 0.0
    for name, share in splits.items():
        if name not in DIVIDED:
            rule = "is what is left of train" if name == "train" else "unknown split"
            raise FieldError(f"data.splits.{name}", share, rule, closest(name, list(DIVIDED)) or "val")
        if not isinstance(share, float) or not 0 < share < 1:
            raise FieldError(f"data.splits.{name}", share, "must be a share of train between 0 and 1", 0.2)
        total += share
    if total >= 1:
        rule = f"add up to {total:g}, which leaves nothing to train on"
        raise FieldError("data.splits", dict(splits), rule, "{val: 0.2, test: 0.1}")


class DataConfig(Part):
    """Which data, at which size.

    Attributes:
        layout: ``scenes`` and ``digits`` are built in; the others (``imagefolder``, ``segnet``, ...) read ``root``.
        root: the data set's folder; ``--data`` replaces it.
        name: what tables, pages and records call the data; the folder's name, or the layout's if left out.
        input_size: (H, W) in pixels to which every image is resized.
        channels: 1 (grey) or 3 (RGB).
        train, val: use so many images of the split; all of them if left out.
        crop: how pictures of another aspect are evaluated: ``squash`` resizes all of a picture; ``centre`` cuts out the
            middle at 7/8 of its tighter side, as ImageNet's networks are judged (scores of whole images).
        classes: names of the classes: a list in the order of the class indices, or a mapping from a value in the masks
            to its name (``{0: ground, 255: disc}``). They are those of ``classes.txt``, of the folders or of the
            annotations if left out; of names that the data say themselves, the list says the order.
        void: the value, or values, in the masks that loss and metric ignore; as the layout has it if left out.
        splits: split -> share of train: ``{val: 0.2}`` takes a random fifth for val, and ``test`` alike; of
            classification in the proportions of the classes. Train is the rest.
        seed: of generated data (``scenes``), and of what ``splits`` draws.
    """

    layout: str
    root: Path | None = None
    name: str | None = Field(None, min_length=1)
    input_size: tuple[int, int]
    channels: Literal[1, 3] = 3
    train: int | None = Field(None, ge=2)
    val: int | None = Field(None, ge=1)
    crop: Crop = "squash"
    classes: Classes | None = None
    void: Void | None = None
    splits: dict[str, float] = Field(default_factory=dict)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _own(self) -> DataConfig:
        check_classes(self.classes)
        check_void(self.void)
        check_shares(self.splits)
        return self
