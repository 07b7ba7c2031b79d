"""Rules for what a study or a training says of one's own data: names of classes, void, and how train is divided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from archspace.support.errors import FieldError, closest

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
