"""What was trained in full after a study, beside its trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from analysis.quantities import described
from analysis.store.retrained import Retrained, read_retrained, retrained_networks
from archspace.support.numbers import counted, fixed, number
from reports.frames.merge import Merged


def retrained_of(merged: Merged) -> tuple[Retrained, ...]:
    """Returns the networks of one or more runs that were trained in full; their labels are those of ``merged``.

    Raises:
        InputError: a record is broken.
    """
    records = []
    for name, folder in merged.runs.items():
        before = f"{name}/" if len(merged.runs) > 1 else ""
        records += [replace(one, trial=f"{before}{one.trial}") for one in read_retrained(folder)]
    return retrained_networks(merged.study, records)


def with_retrained(frame: pd.DataFrame, networks: Sequence[Retrained]) -> pd.DataFrame:
    """Returns a trial frame with what full training came to; as it is where no trial was trained in full.

    Columns, before ``duplicate_of``: ``retrained`` (in words), ``retrained_<metric>`` (mean over the seeds),
    ``retrained_deviation``, ``retrained_seeds``, ``retrained_split``, ``retrained_epochs``. Of a trial that was
    trained in several settings, the one that most trials share counts.
    """
    by_label: dict[str, Retrained] = {}
    for one in networks:
        by_label.setdefault(one.trial.label, one)
    if not by_label:
        return frame
    known = [by_label.get(label) for label in frame["label"]]
    metric = next(iter(by_label.values())).records[0].metric
    columns: dict[str, list[object]] = {
        "retrained": [None if one is None else retrained_text(one) for one in known],
        f"retrained_{metric}": [None if one is None else one.mean for one in known],
        "retrained_deviation": [None if one is None else one.deviation for one in known],
        "retrained_seeds": [None if one is None else len(one.records) for one in known],
        "retrained_split": [None if one is None else one.setting.split for one in known],
        "retrained_epochs": [None if one is None else one.setting.epochs for one in known],
    }
    made, place = frame.copy(), int(frame.columns.get_loc("duplicate_of"))  # type: ignore[arg-type]
    for offset, (name, values) in enumerate(columns.items()):
        whole = name in ("retrained_seeds", "retrained_epochs")
        text = name in ("retrained", "retrained_split")
        kind = object if text else "Int64" if whole else float
        made.insert(place + offset, name, pd.Series(values, index=frame.index, dtype=kind))
    return made


def is_retrained(trials: pd.DataFrame) -> pd.Series[bool]:
    """Returns a mask of the trials that were trained in full."""
    column = trials.get("retrained")
    return pd.Series(False, index=trials.index) if column is None else column.notna()


def retrained_text(one: Retrained) -> str:
    """Returns what full training came to, in words: ``mIoU 71.24 % ± 0.31 on test (80 epochs, 3 seeds)``."""
    metric = described(one.records[0].metric)
    spread = "" if one.deviation is None else f" ± {fixed(one.deviation)}"
    seeds = f"{len(one.records)} seed{'' if len(one.records) == 1 else 's'}"
    value = number(one.mean, metric.unit)
    return f"{metric.short} {value}{spread} on {one.setting.split} ({counted(one.setting.epochs, 'epoch')}, {seeds})"
