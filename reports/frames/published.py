"""The papers' tables beside our counts: which published costs our networks have, and which they contradict. No torch.

Each row of ``published/*.csv`` has its source, whether it was quoted or read off a figure, and the preset that it is
about (none where archspace has no such network, or the row does not say which size). Numbers stay text, as printed:
their last digit says how exact they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from importlib.resources import files

import pandas as pd

from analysis.counts.complexity import count
from archspace.plan import Conv, Deconv, NormAct, placed_layers
from archspace.presets import PRESETS
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import parse_changes, parse_size
from archspace.support.errors import InputError, SpecError
from reports.frames.rows import read_rows, unit_of_column

TABLES = (
    "classification", "multilabel", "segmentation", "detection", "language", "edge_device", "modules", "ablations",
)  # fmt: skip
CONTRADICTIONS = "contradictions"
COST_COLUMNS = ("params_M", "macs_M", "macs_G")
"""Columns of costs."""


def published(table: str) -> pd.DataFrame:
    """Returns a table of published numbers; every cell is text, empty where nothing is published.

    Raises:
        InputError: there is no such table, or a row is broken; the message names the file and the line.
    """
    if table not in (*TABLES, CONTRADICTIONS):
        raise InputError(f"published: {table!r}: no such table; there are {', '.join(TABLES)}")
    return read_rows(files("reports") / "published" / f"{table}.csv")


def spec_of(row: pd.Series) -> ArchSpec | None:
    """Returns the network that a row is about, with the row's classes, at its input size where the network takes that.

    ``None`` where archspace has no such network.

    Raises:
        InputError: the row names a preset that there is not.
    """
    if not row.get("preset"):
        return None
    if row["preset"] not in PRESETS:
        raise InputError(f"published: {row['preset']!r}: no such preset")
    changes = parse_changes([row["changes"]]) if row.get("changes") else {}
    if row.get("classes"):
        changes["classes"] = int(row["classes"])
    spec = PRESETS[row["preset"]].spec.replace(**changes)
    try:
        return spec.replace(input_size=parse_size(row["input_size"])) if row.get("input_size") else spec
    except SpecError:
        return spec


@dataclass(frozen=True, slots=True)
class Comparison:
    """A published cost beside ours.

    Attributes:
        table, row: where it stands; rows from 0.
        column: ``params_M``, ``macs_M`` or ``macs_G``.
        published: as printed.
        counted: ours in the column's unit, unrounded.
    """

    table: str
    row: int
    network: str
    dataset: str
    preset: str
    input_size: str
    column: str
    published: str
    counted: float

    @property
    def agrees(self) -> bool:
        """Whether ours, rounded or cut off, gives the printed digits."""
        return prints_as(self.counted, self.published)

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from others in the list of contradictions."""
        return (self.table, self.preset, self.input_size, self.dataset, self.column, self.published)


def prints_as(value: float, text: str) -> bool:
    """Returns whether a number is ``text`` when it is rounded to as many decimals, or cut off after them.

    A number halfway between two is either of them.

    >>> prints_as(3.749, "3.7"), prints_as(3.75, "3.8"), prints_as(3.79, "3.7"), prints_as(3.739, "3.8")
    (True, True, True, False)
    """
    exact, digit = Decimal(repr(value)), Decimal(1).scaleb(-len(text.partition(".")[2]))
    return Decimal(text) in {exact.quantize(digit, rounding=way) for way in (ROUND_HALF_UP, ROUND_DOWN)}


def comparisons(table: str, frame: pd.DataFrame | None = None) -> Iterator[Comparison]:
    """Yields every published cost of a network that archspace has.

    The column ``convention`` says what the source counts: ``conv`` (convolutions alone), ``edgenets`` (and half an
    operation for each output with a bias), ``all`` (linear and transposed ones too), ``slim`` (``all``, and parameters
    without those of batch norms). Rows with another counter have parameters compared alone.

    Args:
        table: where the rows stand.
        frame: the rows, where they are not the table's own.
    """
    for index, row in (published(table) if frame is None else frame).iterrows():
        spec = spec_of(row)
        if spec is None:
            continue
        cost = count(spec)
        fits = not row.get("input_size") or spec.input_size == parse_size(row["input_size"])
        total = cost.total
        counts = {
            "conv": total.conv_macs, "edgenets": total.conv_macs + total.half_biases,
            "all": cost.macs, "slim": cost.macs,
        }  # fmt: skip
        macs = counts.get(row.get("convention", "")) if fits else None
        params = cost.params - (norm_params(spec) if row.get("convention", "") == "slim" else 0)
        for column in COST_COLUMNS:
            text = row.get(column, "")
            ours = params if column.startswith("params") else macs
            if text and ours is not None:
                yield Comparison(
                    table, int(str(index)), row.get("network") or row["variant"], row.get("dataset", ""), row["preset"],
                    row.get("input_size", ""), column, text, ours / unit_of_column(column),
                )  # fmt: skip


def norm_params(spec: ArchSpec) -> int:
    """Scales and shifts of a network's batch norms."""
    total = 0
    for placed in placed_layers(spec.plan):
        layer = placed.layer
        if isinstance(layer, NormAct) and layer.norm is not None:
            total += 2 * layer.channels
        elif isinstance(layer, Conv | Deconv) and layer.norm is not None:
            total += 2 * layer.out_channels
    return total


def contradictions() -> list[Comparison]:
    """Returns published costs that ours contradict; ``published/contradictions.csv`` has the reason for each."""
    return [one for table in TABLES for one in comparisons(table) if not one.agrees]
