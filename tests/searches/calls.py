"""What the commands train and evaluate do, called in this process: run, then print."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from searches.cli.evaluate_tables import print_evaluation
from searches.cli.train_command import show_training
from searches.training import evaluate as evaluating
from searches.training import run as training
from searches.training.range_test import RangeQuestion


def train(
    what: str, recipe: str | None, changes: Mapping[str, Any], size: tuple[int, int] | None, out: Path,
    as_json: bool, *, ranged: RangeQuestion | None = None,
) -> None:  # fmt: skip
    if ranged is not None:
        training.find_rate(what, recipe, changes, size, out, as_json, ranged)
        return
    result = training.train(what, recipe, out=out, changes=changes, input_size=size, progress=True)
    show_training(result, as_json)


def evaluate(
    network: Path, data: Path | None, layout: str | None, split: str, device: str, as_json: bool
) -> None:
    result = evaluating.evaluate(network, data, split=split, layout=layout, device=device, progress=True)
    print_evaluation(result, as_json)
