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
from searches.study import check_device
from searches.tasks.dataset import Split, load_split
from searches.tasks.identify import identify
from searches.tasks.table import TASKS, make_task


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
    layout = layout or (identify(root) if root is not None else None)
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
    """The network must have as many outputs as its task needs for the classes of the data."""
    outputs, classes = network.spec.classes, len(split.classes)
    if outputs not in TASKS[network.spec.task].outputs(classes):
        rule = f"{path} has {outputs} classes, the data have {classes}: they do not belong together"
        background = ", the background among them" if network.spec.task == "detection" else ""
        raise FieldError("--data", classes, rule + background, outputs - bool(background))


TITLES = {
    "accuracy": "top-1 accuracy",
    "miou": "mIoU, void ignored",
    "miou_void_as_error": "mIoU, void pixels counted as false positives (ESPNet authors' protocol)",
    "pixel_accuracy": "pixel accuracy, void ignored",
    "class_accuracy": "class average accuracy, void ignored",
    "map_50": "mAP at an overlap of 0.50 (COCO)",
    "map_75": "mAP at an overlap of 0.75 (COCO)",
    "map_small": "mAP of objects below 32 x 32 pixels (COCO)",
    "map_medium": "mAP of objects of 32 x 32 to 96 x 96 pixels (COCO)",
    "map_large": "mAP of objects above 96 x 96 pixels (COCO)",
    "map_voc07": "mAP at 0.50, eleven points (PASCAL VOC 2007)",
    "map_voc12": "mAP at 0.50, area under the curve (PASCAL VOC 2012)",
    "cp": "precision, mean over classes (CP)",
    "cr": "recall, mean over classes (CR)",
    "cf1": "F1 of these (CF1)",
    "op": "precision over all answers (OP)",
    "or": "recall over all answers (OR)",
    "of1": "F1 of these (OF1)",
}
MAP_TITLES = {"detection": "mAP over overlaps 0.50 to 0.95 (COCO)", "multilabel": "mAP over classes"}
CLASS_TITLES = {
    "class_iou": "IoU (%)", "class_ap": "AP (%)", "class_ap_voc07": "AP, VOC 2007 (%)",
    "class_ap_voc12": "AP, VOC 2012 (%)",
}  # fmt: skip


def _print(result: dict[str, Any]) -> None:
    console = Console(highlight=False)
    console.print(
        f"{result['network']} on {result['images']} images of {result['layout']} {result['split']}, measured"
    )
    for name, title in {"map": MAP_TITLES.get(result["task"], ""), **TITLES}.items():
        if name in result:
            console.print(f"{_shown(result[name]):>6} %  {title}")
    columns = {title: result[name] for name, title in CLASS_TITLES.items() if name in result}
    if columns:
        table = Table("class", *columns)
        for name in next(iter(columns.values())):
            table.add_row(name, *(_shown(column[name]) for column in columns.values()))
        console.print(table)


def _shown(value: float | None) -> str:
    """Two decimals; a dash for what there was nothing to measure with."""
    return "-" if value is None else f"{value:.2f}"
