"""What a study came to, printed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.quantities import main_metric, objective
from analysis.store.records import TrialRecord, unstable
from archspace.support.numbers import UNSTABLE_MARK, amount, counted, marked, number
from archspace.support.terminal import Column, TerminalTable, output
from searches.compare.summary import show_comparison
from searches.config.study import StudyConfig
from searches.study.front import front_of
from searches.study.predictor import error_lines, read_errors

ENDED = {
    "complete": "complete", "stopped": "stopped at a rung", "infeasible": "infeasible", "failed": "failed",
}  # fmt: skip
"""How trials end, in words."""
MOST_LINES = 12
"""Lines about unstable numbers that are printed; the files have all."""


def show_study(config: StudyConfig, folder: Path, records: list[TrialRecord], as_json: bool) -> None:
    """Prints what a study came to: its front, or the networks of a comparison beside each other."""
    if config.comparison is not None:
        show_comparison(config, folder, records, as_json)
        return
    front = front_of(config, records)
    states = {state: sum(r.state == state for r in records) for state in ENDED}
    if not states["stopped"]:
        del states["stopped"]
    if as_json:
        rows = [_plain(config, record) for record in front]
        data = next((r.data for r in records if r.data is not None), None)
        errors = read_errors(folder)
        more = {"predictor": errors} if errors else {}
        print(json.dumps({"run": str(folder), "data": data, "trials": states, "front": rows, **more}))  # noqa: T201
        return
    console = output()
    _table(config, front).print(console)
    for line in unstable_lines(config, records):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for line in (*error_lines(config, records, read_errors(folder)), *chance_lines(config, records)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    counts = ", ".join(f"{count} {ENDED[state]}" for state, count in states.items() if count)
    run = shlex.quote(str(folder))
    console.print(
        f"{counts}; plot: archspace pareto {run}; export: archspace export {run}",
        markup=False,
        soft_wrap=True,
    )
    if front:
        epochs = sum(stage.epochs for stage in config.training.plan())
        short = f"weights are of {counted(epochs, 'epoch')} each"
        if config.judging.supernet is not None:
            short = f"weights are inherited from {config.judging.supernet}, none was trained alone"
        console.print(
            f"{short}; next, train one in full: archspace retrain {run} --pick knee",
            markup=False,
            soft_wrap=True,
        )


def show_joined(
    config: StudyConfig, folder: Path, records: list[TrialRecord], as_json: bool, drained: bool = False
) -> None:
    """Prints how a study stands that this machine has worked for."""
    complete, wanted = sum(bool(record.values) for record in records), config.trials + len(config.given)
    if as_json:
        print(json.dumps({"run": str(folder), "name": config.name, "complete": complete, "wanted": wanted}))  # noqa: T201
        return
    end = "drained" if drained else "none is left to train here"
    text = f"{complete} of {wanted} trials of {config.name} are complete; {end}"
    output().print(text, markup=False, highlight=False, soft_wrap=True)


def _plain(config: StudyConfig, record: TrialRecord) -> dict[str, Any]:
    """A network of the front for machines; ``again`` has the values that were taken again, ``first`` what they were."""
    doubts = unstable(record.measurements, config.asked)
    return {
        "trial": record.label,
        "arch_id": record.arch_id,
        **record.values,
        "again": {name: record.value(name) for name in record.first},
        "first": {name: one.value for name, one in record.first.items()},
        "predicted": {
            name: _taken_in(record, name)
            for name in record.values
            if name in record.measurements and record.measurements[name].origin == "predicted"
        },
        "unstable": {name: list(reasons) for name, reasons in doubts.items()},
    }


def _table(config: StudyConfig, front: Sequence[TrialRecord]) -> TerminalTable:
    headers = [
        "\n".join(
            [objective(name).label, *dict.fromkeys(_taken_in(record, name) for record in front)]
        ).strip()
        for name in config.objectives
    ]
    numbers = [Column(header, "number") for header in headers]
    table = TerminalTable("trial", Column("network", "text"), *numbers, title=f"front of {config.name}")
    for record in front:
        doubts = unstable(record.measurements, config.asked)
        cells = [
            marked(amount(record.value(name), objective(name).unit), name in doubts)
            for name in config.objectives
        ]
        table.add(record.label, record.title, *cells)
    return table


def _taken_in(record: TrialRecord, name: str) -> str:
    """What a number was taken by: a runtime, or what predicted it."""
    one = record.measurements.get(name)
    if one is None:
        return ""
    return f"predicted by {one.how.get('predictor', '')}" if one.origin == "predicted" else one.taken_in


def unstable_lines(config: StudyConfig, records: Sequence[TrialRecord]) -> list[str]:
    """Returns a line for each number that the study asked for and that is not to be trusted: trial, quantity, why."""
    lines = [
        f"unstable ({UNSTABLE_MARK}): trial {record.label}, {name}: {'; '.join(reasons)}"
        for record in records
        if record.values and record.duplicate_of is None
        for name, reasons in unstable(record.measurements, config.asked).items()
    ]
    more = len(lines) - MOST_LINES
    return (
        [*lines[:MOST_LINES], f"... and {more} more, in the columns NAME_unstable of trials.csv"]
        if more > 0
        else lines
    )


def chance_lines(config: StudyConfig, records: Sequence[TrialRecord]) -> list[str]:
    """Returns a line on trainings after which classes are named no better than by chance; none where there is none."""
    metric = main_metric(config.task).name
    trained = [(record, record.spec) for record in records if record.values and record.epochs and record.spec]
    if config.task != "classification" or not trained:
        return []
    chance = 100 / trained[0][1]["classes"]
    poor = sum(record.value(metric) <= chance + 1e-9 for record, _ in trained)
    words = (
        f"{poor} of {counted(len(trained), 'training')} came no further than chance ({number(chance, '%')})"
    )
    return [f"{words}: more epochs or images may help"] if poor else []
