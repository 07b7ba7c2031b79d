"""The epochs of a training run as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archspace.support.csv_cells import csv_text
from archspace.support.files import write_text
from searches.training.resume import Epoch

HISTORY_FILE = "history.csv"
COLUMNS = ("epoch", "train_loss", "lr", "val_metric", "seconds", "images", "waiting", "stage")


def write_history(folder: Path, history: Sequence[Epoch]) -> None:
    """Writes ``history.csv``: a row an epoch, numbers in full; an epoch that was not evaluated has no metric."""
    rows: list[Sequence[object]] = [COLUMNS]
    for e in history:
        value = "" if e.value is None else repr(e.value)
        numbers = (
            repr(e.loss),
            repr(e.rate),
            value,
            f"{e.seconds:.3f}",
            e.images,
            f"{e.waiting:.4f}",
            e.stage,
        )
        rows.append((e.number, *numbers))
    write_text(folder / HISTORY_FILE, csv_text(rows))
