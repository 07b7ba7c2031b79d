"""What a study came to, printed."""

from __future__ import annotations

import json
from pathlib import Path

from analysis.quantities import names_of, objective
from analysis.store.records import TrialRecord
from analysis.store.runs import TRIALS_FOLDER, read_remeasured
from archspace.spec.archspec import ArchSpec
from archspace.support.numbers import amount
from archspace.support.terminal import Column, TerminalTable, output
from searches.compare.summary import show_comparison
from searches.config.study import StudyConfig
from searches.study.front import front_of


def show_study(config: StudyConfig, folder: Path, records: list[TrialRecord], as_json: bool) -> None:
    """Prints what a study came to: its front, or the networks of a comparison beside each other."""
    if config.comparison is not None:
        show_comparison(config, folder, records, as_json)
        return
    front = front_of(config, records)
    remeasured = {r.label: read_remeasured(folder / TRIALS_FOLDER / r.label) for r in front}
    names = [n for n in names_of("device") if any(n in values for values in remeasured.values())]
    states = {state: sum(r.state == state for r in records) for state in ("complete", "infeasible", "failed")}
    if as_json:
        rows = [
            {
                "trial": r.label,
                "arch_id": r.arch_id,
                **r.values,
                "again": {n: one.value for n, one in remeasured[r.label].items()},
            }
            for r in front
        ]
        data = next((r.data for r in records if r.data is not None), None)
        print(json.dumps({"run": str(folder), "data": data, "trials": states, "front": rows}))  # noqa: T201
        return
    table = TerminalTable(
        "trial",
        Column("network", "text"),
        *(Column(_header(n), "number") for n in config.objectives),
        *(Column(f"{_header(n)}, again", "number", 1) for n in names),
        title=f"front of {config.name}",
    )
    for record in front:
        anew = [
            amount(remeasured[record.label][n].value, remeasured[record.label][n].unit)
            if n in remeasured[record.label]
            else ""
            for n in names
        ]
        table.add(
            record.label,
            _label(record),
            *(amount(record.values[n], objective(n).unit) for n in config.objectives),
            *anew,
        )
    console = output()
    table.print(console)
    counts = ", ".join(f"{count} {state}" for state, count in states.items() if count)
    console.print(
        f"{counts}; plot: archspace pareto {folder}; export: archspace export {folder}",
        markup=False,
        soft_wrap=True,
    )
    if front:
        short = f"weights are of {sum(stage.epochs for stage in config.training.plan())} epochs each"
        console.print(
            f"{short}; next, train one in full: archspace retrain {folder} --pick knee",
            markup=False,
            soft_wrap=True,
        )


def _header(name: str) -> str:
    one = objective(name)
    return one.short if one.unit in ("", one.short) else f"{one.short} ({one.unit})"


def _label(record: TrialRecord) -> str:
    label = record.network or ArchSpec.from_dict(record.spec or {}).label
    return f"{record.given}: {label}" if record.given else label
