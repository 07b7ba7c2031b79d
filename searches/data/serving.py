"""Which tasks and splits a folder of data can serve, and the reason that matters where it serves none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archspace.support.errors import FieldError, InputError, closest
from searches.data.dataset import NOTHING_SAID, Request, checked_request, layouts
from searches.data.listing import Listing, NothingThereError
from searches.data.own import Own
from searches.data.splits import SPLITS

SMALLEST = 32
"""Side of the input that a listing is asked for: nothing is decoded at it."""


def served(layout: str, root: Path, task: str | None = None, own: Own = NOTHING_SAID) -> dict[str, list[str]]:
    """Returns the tasks that a folder can serve: task -> its splits.

    Args:
        layout: one that reads files.
        root: the data set's folder.
        task: the one that is asked for, if any.
        own: what the user says of the folder.

    Raises:
        InputError: the layout is built in, or no split of any task is there; the reason is that of the task that is
            asked for, else of one whose annotations are there.
    """
    loader = layouts()[layout]
    if loader.lister is None:
        raise FieldError("--layout", layout, "is built in: there are no files to check")
    splits: dict[str, list[str]] = {}
    reasons: dict[str, InputError] = {}
    faulty: dict[str, list[str]] = {}
    for one in loader.tasks:
        if one == "multilabel" and "detection" in splits:
            splits[one] = splits["detection"]  # read from the same boxes
            continue
        for split in SPLITS:
            faults: list[InputError] = []
            try:
                listing = listing_of(
                    split_request(layout, root, one, split, _of_task(own, one)), faults.append
                )
            except InputError as error:
                reasons.setdefault(one, error)
                continue
            if listing.pictures:
                splits.setdefault(one, []).append(split)
            elif faults:
                faulty.setdefault(one, []).append(split)
    for one, broken in faulty.items():  # a split without a usable picture is there, and its faults are listed
        if one in splits or not splits or one == task:
            splits[one] = [split for split in SPLITS if split in (*splits.get(one, ()), *broken)]
    if task is not None and task not in splits and task in reasons:
        raise reasons[task]
    if not splits and reasons:
        raise nearest_reason(reasons)
    return splits


def nearest_reason(reasons: dict[str, InputError]) -> InputError:
    """Returns why a folder serves no task: of the task for which something is there, else of the first.

    Args:
        reasons: task -> why it is not served.
    """
    there = [error for error in reasons.values() if not isinstance(error, NothingThereError)]
    return there[0] if there else next(iter(reasons.values()))


def _of_task(own: Own, task: str) -> Own:
    """What is said, without what only masks have."""
    return own if task == "segmentation" else replace(own, void=None)


def split_request(
    layout: str, root: Path, task: str, split: str, own: Own = NOTHING_SAID, *, whole: bool = False
) -> Request:
    """Returns the request for listing a split."""
    side = (SMALLEST, SMALLEST)
    request = checked_request(
        layout, split, root=root, input_size=side, channels=3, task=task, seed=0, own=own
    )
    return replace(request, whole=whole)


def listing_of(request: Request, on_fault: Callable[[InputError], None]) -> Listing:
    """Returns what a layout of files lists."""
    lister = layouts()[request.layout].lister
    assert lister is not None
    return lister(request, on_fault)


def checked_task(task: str | None, tasks: dict[str, list[str]]) -> str:
    """Returns the task whose annotations are checked: the one asked for, else the first that is served.

    Raises:
        FieldError: the folder does not serve it.
    """
    if task is None:
        return next(iter(tasks))
    if task not in tasks:
        raise FieldError("--task", task, "this folder does not serve it", closest(task, list(tasks)))
    return task
