"""A comparison's frames as tables: every number with its origin, published ones in columns of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.fronts.correlation import RankCorrelation
from analysis.quantities import QUANTITIES
from reports.tables.table import Cell, Column, Row, Table, column_of, without_empty

_SCALES = {"params": "M", "size": "MB", "macs": "G", "memory": "MB"}
_SHOWN = ("params", "size", "macs", "memory", "field", "latency_ms", "fps", "energy_mj")
_NEITHER = ("field",)
"""What only describes a network: neither way is better here."""
SHARED = tuple(
    column_of(one, _SCALES.get(one.name, ""), better=None if one.name in _NEITHER else one.direction)
    for one in (QUANTITIES[name] for name in _SHOWN)
)
ORIGINS = {"read-off-figure": "read-off-figure", "from-memory": "from-memory"}
"""How a published number was read, where that is to be marked; others are quoted."""
HALF = Column(key="half", title="± (95 %)", unit="points")


def network_table(
    frame: pd.DataFrame, metric: str, *, title: str, correlations: Mapping[str, RankCorrelation] | None = None
) -> Table:
    """Returns the networks of a comparison, and the published numbers where the frame has them.

    Args:
        frame: a :func:`reports.frames.comparison.network_frame`, perhaps with published modules.
        metric: name of the objective that tells how good a network is.
        title: of the table.
        correlations: rank correlations with the published numbers.
    """
    goal = QUANTITIES[metric]
    columns = [column_of(goal, key="metric"), HALF, *SHARED]
    frame = frame.assign(half=frame["metric_high"] - frame["metric"], half_origin=frame["metric_origin"])
    theirs = [
        Column(key=f"published_{column.key}", title=f"{column.title}, published", unit=column.unit,
               better=column.better, digits=column.digits, factor=column.factor)
        for column in columns
        if f"published_{column.key}" in frame
    ]  # fmt: skip
    rows = []
    for row in frame.to_dict("records"):
        cells = [_cell(row, column.key) for column in columns]
        cells += [_published(row, column) for column in theirs]
        rows.append(Row((str(row["name"]), str(row["label"])), tuple(cells), _notes(row)))
    return without_empty(
        Table(
            name="networks", title=title, labels=("Network", "Architecture"), columns=(*columns, *theirs),
            rows=tuple(rows), pareto=("metric", "params"),
            notes=(*correlation_notes(correlations or {}), *_no_energy(frame), *_taken_in(frame)),
        )
    )  # fmt: skip


def step_table(steps: pd.DataFrame, *, title: str) -> Table:
    """Returns the steps of an ablation: what each gives, in points and in parameters, beside the published deltas."""
    columns = (
        Column(key="before", title="Before", unit="%"),
        Column(key="after", title="After", unit="%"),
        Column(key="delta", title="Delta", unit="points"),
        HALF,
        Column(key="published_delta", title="Delta, published", unit="points"),
        Column(key="delta_params_pct", title="Parameters", unit="%", digits=1),
        Column(key="published_delta_params_pct", title="Parameters, published", unit="%", digits=1),
    )
    rows = []
    for step in steps.to_dict("records"):
        origin = ORIGINS.get(step["published_origin"], "published")
        source = (str(step["published_source"]),) if step["published_source"] else ()
        cells = [
            Cell(step["before"], "measured"), Cell(step["after"], "measured"),
            Cell(step["delta"], "measured"),
            Cell() if pd.isna(step["delta_low"]) else Cell(step["delta_high"] - step["delta"], "measured"),
            _or_empty(step["published_delta"], origin, source),
            Cell(step["delta_params_pct"], "counted"),
            _or_empty(step["published_delta_params_pct"], origin, source),
        ]  # fmt: skip
        says = (
            f"published: {step['published_says']} ({step['published_source']})"
            if step["published_says"]
            else ""
        )
        rows.append(Row((step["part"], step["change"]), tuple(cells), (says,) if says else ()))
    return without_empty(
        Table(name="steps", title=title, labels=("Part", "What changes"), columns=columns, rows=tuple(rows))
    )


def correlation_notes(correlations: Mapping[str, RankCorrelation]) -> tuple[str, ...]:
    """Returns the rank correlations as one sentence each."""
    return tuple(
        f"Rank correlation with the published {_word(key)}: Spearman {one.spearman:.2f}, Kendall {one.kendall:.2f} "
        f"(n = {one.n})."
        for key, one in correlations.items()
    )


def _word(key: str) -> str:
    """A quantity in words; ``metric`` is that of the study's task."""
    return "accuracy" if key == "metric" else QUANTITIES[key].short


def _no_energy(frame: pd.DataFrame) -> tuple[str, ...]:
    """Why the table has no energies."""
    reasons = [str(reason) for reason in frame["energy_missing"].dropna().unique()]
    return (f"Energy was not measured: {reasons[0]}.",) if reasons and frame["energy_mj"].isna().all() else ()


def _taken_in(frame: pd.DataFrame) -> tuple[str, ...]:
    """In which form and by which runtime the networks ran."""
    forms = sorted(set(frame.get("latency_ms_taken_in", pd.Series(dtype=object)).dropna()))
    return (f"Latency and what follows from it: {'; '.join(forms)}.",) if forms else ()


def _cell(row: Mapping[Any, Any], key: str) -> Cell:
    if pd.isna(row[key]):
        return Cell()
    reason = row.get(f"{key}_unstable")
    doubtful = isinstance(reason, str)
    notes = (f"unstable: {reason}",) if doubtful else ()
    return Cell(float(row[key]), row[f"{key}_origin"], notes=notes, unstable=doubtful)


def _published(row: Mapping[Any, Any], column: Column) -> Cell:
    value = row[column.key]
    return (
        Cell() if pd.isna(value) else Cell(float(value), row["published_origin"], row[f"{column.key}_text"])
    )


def _or_empty(value: float | None, origin: Any, notes: tuple[str, ...]) -> Cell:
    return (
        Cell() if value is None or pd.isna(value) else Cell(float(value), origin, f"{value:g}", notes=notes)
    )


def _notes(row: Mapping[Any, Any]) -> tuple[str, ...]:
    short = f"{row['seeds']} of {row['wanted']} trainings finished" if row["seeds"] < row["wanted"] else ""
    reason = f": {row['reason']}" if row["reason"] and short else ""
    return (short + reason,) if short else ()
