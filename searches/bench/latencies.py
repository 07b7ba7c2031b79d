"""The latency of every network of a table, in the form that is deployed, one after the other on a machine at rest."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from analysis.store.records import Measurement
from archspace.build import build
from searches.bench.grid import table_grid
from searches.bench.table import Table
from searches.bench.tabulate import OnTrained, held
from searches.config.study import StudyConfig
from searches.study.measuring import LATENCY, measure_deployed


def kept(latency: Measurement) -> dict[str, Any]:
    """Returns what a table keeps of a measurement: all but its samples and what is the same of every network."""
    how = latency.how
    record = how["record"]
    spread = {name: round(value, 6) for name, value in record["latency_ms"].items() if name != "samples"}
    within = {name: record["how"][name] for name in ("device_model", "threads", "precision")}
    return {
        "name": latency.name, "value": latency.value, "unit": latency.unit, "origin": latency.origin,
        "how": {
            **{name: how[name] for name in ("device", "runtime", "form", "measured_at")}, **within,
            **{name: record[name] for name in ("batch", "stable", "flags")}, "latency_ms": spread,
            "reference_ms": record["how"]["reference"]["median_ms"],
        },
    }  # fmt: skip


def measure_latencies(
    config: StudyConfig, path: Path, *, minutes: float | None = None, on_measured: OnTrained | None = None
) -> Table:
    """Measures what the table at ``path`` lacks, on the study's device, writing it after every network, and returns it.

    Args:
        config: the table's study.
        minutes: begin no measurement after so many; ``None`` for all of them.

    Raises:
        InputError: there is no such table, another process works on it, or the device cannot measure.
        DeviceAway: the device cannot be reached.
    """
    with held(path), tempfile.TemporaryDirectory() as scratch:
        table = Table.load(path)
        specs = {cell.spec.arch_id: cell.spec for cell in table_grid(table).cells}
        end = None if minutes is None else time.monotonic() + 60 * minutes
        for key, spec in specs.items():
            if key not in table.rows or table.rows[key].latency is not None:
                continue
            if end is not None and time.monotonic() > end:
                break
            torch.manual_seed(0)
            taken = measure_deployed(build(spec), config, Path(scratch), wanted=(LATENCY,), label=spec.label)
            table = table.with_row(replace(table.rows[key], latency=kept(taken[LATENCY])))
            table.save(path)
            if on_measured is not None:
                on_measured(table, f"{spec.label}: {taken[LATENCY].value:.3g} ms")
    return table
