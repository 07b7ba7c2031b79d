"""``archspace evaluate``: a checkpoint's metrics on a split of a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from archspace.build import Network
from archspace.errors import FieldError, InputError
from searches.checkpoints import load_checkpoint
from searches.fetching.hint import fetch_hint
from searches.study import check_device
from searches.tasks.dataset import Split, load_split
from searches.tasks.table import make_task


def layout_of(root: Path) -> str:
    """The layout that a folder has.

    Raises:
        InputError: it has none that is known.
    """
    if not root.is_dir():
        raise FieldError("--data", str(root), f"no such folder{fetch_hint()}")
    for split in ("train", "val", "test"):
        if (root / f"{split}annot").is_dir():
            return "segnet"
        if (root / f"{split}.zip").is_file() or (root / split).is_dir():
            return "imagefolder"
    rule = (
        "no layout that is known: SPLIT with SPLITannot (SegNet), or SPLIT/CLASS or SPLIT.zip (ImageFolder)"
    )
    raise FieldError("--data", str(root), rule)


def evaluate(
    path: Path, root: Path | None, layout: str | None, split_name: str, device: str, as_json: bool
) -> None:
    """Prints a checkpoint's metrics on a split.

    Raises:
        InputError: the checkpoint or the data cannot be used, or they do not fit each other.
    """
    check_device(device)
    network = load_checkpoint(path)
    spec, preprocessing = network.spec, network.preprocessing
    if preprocessing is None:
        raise InputError(f"{path}: does not say how images become its input; save it with its preprocessing")
    layout = layout or (layout_of(root) if root is not None else None)
    if layout is None:
        raise FieldError("--data", None, "needs a folder, or --layout of built-in data", "--layout scenes")
    split = load_split(
        layout, split_name, root=root, input_size=spec.input_size, channels=spec.channels, task=spec.task
    )
    _check_classes(path, network, split)
    target = torch.device(device)
    network.to(target, memory_format=torch.channels_last)  # type: ignore[call-overload]
    console = Console(stderr=True)
    bar = iter(track(range(len(split)), description="evaluating", console=console, transient=True))

    def advance(images: int) -> None:
        for _ in range(images):
            next(bar, None)

    task = make_task(spec.task, split, split, preprocessing)
    found = task.evaluate(network, split, target, on_batch=advance)
    next(bar, None)
    result = {
        "checkpoint": str(path), "network": spec.label, "arch_id": spec.arch_id, "task": spec.task,
        "layout": layout, "split": split_name, "images": len(split), "input_size": list(spec.input_size),
        "device": device, **found.to_dict(),
    }  # fmt: skip
    if as_json:
        print(json.dumps(result))  # noqa: T201
    else:
        _print(result)


def _check_classes(path: Path, network: Network, split: Split) -> None:
    """A network may have one output more than the data have classes: a trained void."""
    outputs, classes = network.spec.classes, len(split.classes)
    if outputs not in (classes, classes + 1):
        rule = f"{path} has {outputs} classes, the data have {classes}: they do not belong together"
        raise FieldError("--data", classes, rule, outputs)


TITLES = {
    "accuracy": "top-1 accuracy",
    "miou": "mIoU, void ignored",
    "miou_void_as_error": "mIoU, void pixels counted as false positives (ESPNet authors' protocol)",
    "pixel_accuracy": "pixel accuracy, void ignored",
    "class_accuracy": "class average accuracy, void ignored",
}


def _print(result: dict[str, Any]) -> None:
    console = Console(highlight=False)
    console.print(
        f"{result['network']} on {result['images']} images of {result['layout']} {result['split']}, measured"
    )
    for name, title in TITLES.items():
        if name in result:
            console.print(f"{result[name]:6.2f} %  {title}")
    if "class_iou" in result:
        table = Table("class", "IoU (%)")
        for name, iou in result["class_iou"].items():
            table.add_row(name, f"{iou:.2f}")
        console.print(table)
