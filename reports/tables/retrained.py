"""Searched and fully trained values side by side, with how well their orders agree."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.quantities import Quantity, described
from analysis.store.records import Measurement
from analysis.store.retrained import Retrained, agreements
from archspace.support.numbers import counted
from reports.tables.table import EMPTY, Cell, Column, Row, Table, column_of, without_empty

NAME = "retrained"


def retrained_table(networks: Sequence[Retrained], *, title: str) -> Table:
    """Returns a line for each network and setting: what the search said of it, and what full training came to.

    Args:
        networks: of :func:`analysis.store.retrained.retrained_networks`; at least one.
        title: of the table.
    """
    metric = described(networks[0].records[0].metric)
    device = device_quantities(networks)
    columns = [
        column_of(metric, key=f"searched_{metric.name}", title=f"{metric.title}, searched"),
        column_of(metric, key=metric.name, title=f"{metric.title}, retrained"),
        Column(key="deviation", title="± (seeds)", unit="points" if metric.unit == "%" else metric.unit),
        column_of(described("params"), "M"),
        column_of(described("macs"), "M"),
    ]
    for one in device:
        columns.append(column_of(one, key=f"searched_{one.name}", title=f"{one.title}, searched"))
        columns.append(column_of(one, title=f"{one.title}, retrained"))
    rows = tuple(_row(one, metric, device) for one in networks)
    words = [f"{one.setting.words}. {one.words}" for one in agreements(networks)]
    return without_empty(
        Table(
            name=NAME, title=title, labels=("Trial", "Network", "Split", "Epochs", "Seeds"), columns=tuple(columns),
            rows=rows,
            notes=(*(f"{text[0].upper()}{text[1:]}" for text in words), *_searched_note(networks)),
        )
    )  # fmt: skip


def _searched_note(networks: Sequence[Retrained]) -> tuple[str, ...]:
    """On which split, and after how many epochs, the searched values were taken."""
    one = networks[0]
    taken = one.trial.measurements.get(one.records[0].metric)
    epochs = None if taken is None else taken.how.get("epochs")
    split = "val" if taken is None else taken.how.get("split", "val")
    after = f" after {counted(epochs, 'epoch')}" if epochs is not None else ""
    predictor = None if taken is None else taken.how.get("predictor")
    by = "" if predictor is None else f", predicted by {predictor}"
    return (f"Searched: on the {split} split{after}{by}, by which the search has chosen.",)


def device_quantities(networks: Sequence[Retrained]) -> list[Quantity]:
    """Returns what a device said of some retrained network."""
    names = dict.fromkeys(name for one in networks for record in one.records for name in record.measurements)
    return [one for one in map(described, names) if one.source == "device"]


def _row(one: Retrained, metric: Quantity, device: Sequence[Quantity]) -> Row:
    taken = one.trial.measurements
    cells = [
        Cell(one.searched, one.searched_origin),
        Cell(one.mean, "measured"),
        EMPTY if one.deviation is None else Cell(one.deviation, "measured"),
        _cell(taken.get("params")),
        _cell(taken.get("macs")),
    ]
    for quantity in device:
        cells += [_cell(taken.get(quantity.name)), _cell(one.measured(quantity.name))]
    notes = tuple(dict.fromkeys(note for record in one.records for note in record.notes))
    epochs = f"{one.setting.epochs}{'' if one.setting.start == 'scratch' else ', from the trial'}"
    return Row(
        (one.trial.label, one.name, one.setting.split, epochs, str(len(one.records))), tuple(cells), notes
    )


def _cell(taken: Measurement | None) -> Cell:
    if taken is None:
        return EMPTY
    notes = (f"unstable: {'; '.join(taken.unstable)}",) if taken.unstable else ()
    return Cell(taken.value, taken.origin, notes=notes, unstable=bool(notes))
