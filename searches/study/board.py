"""A study in TensorBoard's table of hyperparameters: what each trial was, and what it came to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from analysis.store.records import TrialRecord
from searches.study.judge import Judge
from searches.training.tensorboard_log import FOLDER, Board

Plain = bool | str | float | int
"""What TensorBoard takes as a hyperparameter."""


def boards_of(judge: Judge, run: Path, label: str, wanted: bool) -> list[Board]:
    """Returns what writes a trial's curves for TensorBoard, where that is ``wanted``."""
    return [Board(run, judge.task, torch.device(judge.config.device), label)] if wanted else []


def write_hyperparameters(run: Path, record: TrialRecord) -> None:
    """Enters a trial that ended into TensorBoard's table of hyperparameters: its spec's fields, and every number."""
    from torch.utils.tensorboard import SummaryWriter
    from torch.utils.tensorboard.summary import hparams

    fields = {name: _plain(value) for name, value in _flat(record.spec or {}) if value is not None}
    fields |= {"state": record.state, "given": record.given or "", "network": record.network or ""}
    numbers = {f"trial/{name}": float(one.value) for name, one in record.measurements.items()}
    with SummaryWriter(str(run / FOLDER / record.label)) as writer:
        for summary in hparams(fields, numbers):  # type: ignore[no-untyped-call]
            writer.file_writer.add_summary(summary)
        for name, value in numbers.items():
            writer.add_scalar(name, value, 0)


def _flat(data: Mapping[str, Any], prefix: str = "") -> Sequence[tuple[str, Any]]:
    """Nested mappings with dotted names."""
    pairs: list[tuple[str, Any]] = []
    for name, value in data.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{name}.")
        else:
            pairs.append((f"{prefix}{name}", value))
    return pairs


def _plain(value: object) -> Plain:
    """A value as TensorBoard takes it: a list as its one value where all agree, else as text."""
    if isinstance(value, list | tuple):
        return _plain(value[0]) if value and all(one == value[0] for one in value) else json.dumps(value)
    return value if isinstance(value, bool | str | float | int) else json.dumps(value)
