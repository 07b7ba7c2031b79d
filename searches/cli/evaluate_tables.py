"""The metrics of an evaluation as lines and a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

TITLES = {
    "unknown_percent": "of the tokens are <unk>: words that the network does not tell apart",
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
BARE_TITLES = {
    "perplexity": "perplexity, every token but the first",
    "cross_entropy_bits": "bits a token (cross-entropy)",
}
"""Metrics that are no percentages."""


def print_evaluation(result: Mapping[str, Any], as_json: bool) -> None:
    """Prints what ``searches.evaluate`` returned: as JSON, or its metrics with their titles."""
    if as_json:
        print(json.dumps(result))  # noqa: T201
        return
    counted = next(name for name in ("images", "tokens") if name in result)
    console = Console(highlight=False)
    console.print(
        f"{result['network']} on {result[counted]} {counted} of {result['layout']} {result['split']}, measured"
    )
    for name, title in BARE_TITLES.items():
        if name in result:
            console.print(f"{_shown(result[name]):>8}  {title}")
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
