"""What a comparison came to, as a plain table: one row a network, means over its seeds."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from analysis.devices.record import DeviceRecord
from analysis.quantities import COMPARED, QUANTITIES, main_metric
from analysis.store.records import TrialRecord, unstable
from archspace.support.numbers import UNSTABLE_MARK, amount, marked
from archspace.support.terminal import Column, TerminalTable, output
from searches.config.study import StudyConfig

LATENCY = "latency_ms"


def rows_of(config: StudyConfig, records: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    """Returns one row a network in the order of the study: state, number of seeds, and means of what is known of it.

    ``missing`` has, by quantity that the device could not say, why; ``reason`` says why a network did not finish.
    """
    by_name = {record.given: record for record in records}
    rows = []
    for one in config.reference:
        if one.repeat_of is not None:
            continue
        names = [one.name, *(other.name for other in config.reference if other.repeat_of == one.name)]
        trials = [by_name[name] for name in names if name in by_name]
        complete = [trial for trial in trials if trial.state == "complete"]
        row: dict[str, Any] = {"network": one.name, "wanted": len(names), "seeds": len(complete)}
        for name in (main_metric(config.task).name, *COMPARED):
            values = [t.measurements[name].value for t in complete or trials if name in t.measurements]
            row[name] = mean(values) if values else None
        row["missing"] = _missing(complete)
        doubts = [unstable(t.measurements, config.asked) for t in complete]
        row["unstable"] = {name: list(reasons) for one in doubts for name, reasons in one.items()}
        row["taken_in"] = next(
            (t.measurements[LATENCY].taken_in for t in complete if LATENCY in t.measurements), ""
        )
        row["reason"] = next((trial.reason for trial in trials if trial.reason), None)
        rows.append(row)
    return rows


def _missing(trials: Sequence[TrialRecord]) -> Mapping[str, str]:
    """By quantity, why the device could not say it."""
    for trial in trials:
        taken = trial.measurements.get(LATENCY)
        record = None if taken is None else taken.how.get("record")
        if record is not None:
            return DeviceRecord.from_dict(record).missing
    return {}


def show_comparison(config: StudyConfig, folder: Path, records: Sequence[TrialRecord], as_json: bool) -> None:
    """Prints the networks beside each other, and the command that draws them beside the published ones."""
    rows = rows_of(config, records)
    assert config.comparison is not None
    if as_json:
        head = {
            "run": str(folder),
            "comparison": config.comparison.kind,
            "metric": main_metric(config.task).name,
        }
        print(json.dumps({**head, "networks": rows}))  # noqa: T201
        return
    names = [
        name
        for name in (main_metric(config.task).name, *COMPARED)
        if any(row[name] is not None for row in rows)
    ]
    numbers = [
        Column(f"{name}\n({QUANTITIES[name].unit})", "number", rank) for rank, name in enumerate(names)
    ]
    table = TerminalTable("network", *numbers, Column("seeds", rank=len(names)), title=config.name)
    for row in rows:
        cells = [marked(amount(row[name], QUANTITIES[name].unit), name in row["unstable"]) for name in names]
        table.add(row["network"], *cells, f"{row['seeds']} of {row['wanted']}")
    console = output()
    table.print(console)
    for row in rows:
        if row["reason"]:
            console.print(f"{row['network']}: {row['reason']}", markup=False)
        for name, reasons in row["unstable"].items():
            line = f"unstable ({UNSTABLE_MARK}): {row['network']}, {name}: {'; '.join(reasons)}"
            console.print(line, markup=False, soft_wrap=True)
    for form in dict.fromkeys(row["taken_in"] for row in rows if row["taken_in"]):
        console.print(f"latency is of the {form}", markup=False, soft_wrap=True)
    asked = config.measure.power
    missing = {
        name: why for row in rows for name, why in row["missing"].items() if name in COMPARED and asked
    }
    for name, why in missing.items():
        console.print(f"{name}: not measured: {why}", markup=False, soft_wrap=True)
    console.print(
        f"beside the published ones, with figures: archspace compared {shlex.quote(str(folder))}",
        soft_wrap=True,
    )
