"""Build the tables of a task: published rows, our counts, and what was measured, in one frame a data set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from archspace.support.errors import FieldError, InputError, closest
from reports.frames.published import published
from reports.frames.rows import read_rows
from reports.tables.published import published_rows
from reports.tables.runs import EDGE, NetworkResult, read_results, result_row
from reports.tables.table import Row, Table, without_empty
from reports.tables.tasks import TaskColumn, TaskTables, task_tables

MACS_NOTE = (
    "One MAC is one multiply-accumulate. Published MACs are as their source counts them, mostly convolutions alone; "
    "counted ones have linear and transposed convolutions too."
)


def build_tables(task: str, *, dataset: str | None = None, extra: Sequence[Path] = ()) -> list[Table]:
    """Returns the tables of a task, one for each data set or device that has rows.

    A measured network stands in the table of the data that it was measured on, never beside numbers for other data.

    Args:
        task: a name in :data:`reports.tables.tasks.TASKS`.
        dataset: only the table whose data set or device has this in its name.
        extra: run folders, training folders, JSON files of metrics or devices, CSV files of further published rows.

    Raises:
        InputError: a file cannot be used, or belongs to another task; no table is left.
    """
    chosen = task_tables(task)
    frame = published(chosen.source)
    results: list[NetworkResult] = []
    for path in extra:
        if path.suffix == ".csv" and not path.is_dir():
            frame = pd.concat([frame, _further(path, chosen, frame)], ignore_index=True).fillna("")
        else:
            results += _fitting(path, chosen)
    known = list(dict.fromkeys(frame[chosen.group]))
    places = _told_apart([_place(result, chosen, known, dataset) for result in results], results, known)
    groups = list(dict.fromkeys([*known, *places]))
    if dataset is not None:
        named = [group for group in groups if dataset.casefold() in group.casefold()]
        if not named:
            raise FieldError("--dataset", dataset, f"no table of {task} has it", closest(dataset, groups))
        groups = named
    for result, place in zip(results, places, strict=True):
        if place not in groups:
            raise InputError(
                f"--dataset: {dataset!r}: {result.texts['network']} of {result.source} is for {place}"
            )
    tables: dict[str, Table] = {}
    for group in groups:
        table = _table(chosen, group, frame, [f for f, p in zip(results, places, strict=True) if p == group])
        same = sum(name == table.name or name.startswith(f"{table.name}--") for name in tables)
        name = f"{table.name}--{same + 1}" if same else table.name
        tables[name] = replace(table, name=name)
    return list(tables.values())


def _table(task: TaskTables, group: str, frame: pd.DataFrame, results: Sequence[NetworkResult]) -> Table:
    quantities = tuple(q for q in task.quantities if _belongs(q, group))
    rows: list[Row] = [
        *published_rows(task, frame, group, quantities),
        *(result_row(f, task, quantities) for f in results),
    ]
    rows = [
        replace(row, labels=tuple("" if text == group else text for text in row.labels))
        for row in rows
        if any(cell.value is not None for cell in row.cells)
    ]
    name = re.sub(r"[^a-z0-9]+", "-", f"{task.task} {group}".lower()).strip("-")
    joint = " " if task.title.endswith(" of") else ": "
    table = without_empty(
        Table(
            name=name, title=f"{task.title}{joint}{group}", labels=tuple(task.labels),
            columns=tuple(quantity.column for quantity in quantities), rows=tuple(rows),
        )
    )  # fmt: skip
    macs = any(column.key == "macs" for column in table.columns)
    return replace(table, pareto=_pareto(table, task.pareto), notes=(MACS_NOTE,) if macs else ())


def _pareto(table: Table, pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The pair of columns that most rows have, the first of equals; none where no two rows have one."""
    keys = {column.key for column in table.columns}
    here = [pair for pair in pairs if keys >= set(pair)]
    having = [
        sum(a.known and b.known for a, b in zip(*(table.column(key)[1] for key in pair), strict=True))
        for pair in here
    ]
    return here[having.index(max(having))] if having and max(having) > 1 else ()


def _belongs(quantity: TaskColumn, group: str) -> bool:
    return not quantity.datasets or group.startswith(quantity.datasets)


def _place(result: NetworkResult, task: TaskTables, known: Sequence[str], named: str | None) -> str:
    """The table that a measured network stands in: of its data, or of its device where the papers have that.

    A layout is a format that may hold any data: it is a published data set where the folder's name or the user says so.
    """
    name = result.group.casefold()
    if task.task == EDGE:
        return next((group for group in known if group.casefold() in name), result.group)
    if same := [group for group in known if group.casefold() in (name, result.data.casefold())]:
        return same[0]
    dataset, clue = task.layouts.get(result.group, ("", ""))
    folder = Path(result.root).name.casefold()
    said = named is not None and named.casefold() in dataset.casefold()
    if dataset and (clue in folder or clue == result.data.casefold() or said):
        return dataset
    return result.data or result.group or "data not named"


def _told_apart(places: Sequence[str], results: Sequence[NetworkResult], known: Sequence[str]) -> list[str]:
    """The tables of the results; data of one name and other content are two, each with its fingerprint."""
    prints: dict[str, set[str]] = {}
    for place, result in zip(places, results, strict=True):
        if result.fingerprint:
            prints.setdefault(place, set()).add(result.fingerprint)
    return [
        f"{place} ({result.fingerprint})"
        if place not in known and result.fingerprint and len(prints[place]) > 1
        else place
        for place, result in zip(places, results, strict=True)
    ]


def _fitting(path: Path, task: TaskTables) -> list[NetworkResult]:
    """What a file has for this task.

    Raises:
        InputError: it has nothing for this task.
    """
    results = read_results(path)
    fitting = [result for result in results if result.task == task.task]
    if not fitting:
        theirs = sorted({result.task for result in results})
        hint = " (a study's trials are in it once a device has measured them)" if task.task == EDGE else ""
        raise InputError(f"{path}: belongs to {', '.join(theirs)}, not to the tables of {task.task}{hint}")
    return fitting


def _further(path: Path, task: TaskTables, frame: pd.DataFrame) -> pd.DataFrame:
    """A user's CSV of published rows, with the columns of the task's own table."""
    needed = (task.group, next(iter(task.labels.values())), "origin", "source")
    rows = read_rows(path, needed)
    unknown = [column for column in rows.columns if column not in frame.columns]
    if unknown:
        raise InputError(
            f"{path}: line 1: {unknown[0]!r}: unknown column; {closest(unknown[0], list(frame.columns))}"
        )
    return rows
