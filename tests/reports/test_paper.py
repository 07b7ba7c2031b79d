"""The papers' tables: every published cost of a network that archspace has is met, or listed with the reason."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from archspace.errors import InputError
from archspace.presets import PRESETS
from reports.paper import (
    COST_COLUMNS,
    TABLES,
    comparisons,
    contradictions,
    last_digit,
    published,
    spec_of,
)


@pytest.mark.parametrize("table", TABLES)
def test_every_row_has_a_source_and_says_how_it_was_read(table: str) -> None:
    frame = published(table)
    assert len(frame) > 40
    assert (frame["source"] != "").all()
    assert set(frame["origin"]) <= {"quoted-text", "read-off-figure"}
    assert set(frame["preset"]) - {""} <= set(PRESETS)
    for _, row in frame.iterrows():
        spec_of(row)
        assert all(float(row[column]) > 0 for column in COST_COLUMNS if row.get(column))


def test_published_costs_are_met_or_listed_with_the_reason() -> None:
    """To the last printed digit; the list has no entry that is not needed."""
    listed = {
        (r["table"], r["preset"], r["input_size"], r["dataset"], r["column"], r["published"]): r
        for _, r in published("contradictions").iterrows()
    }
    found = {one.key: one for one in contradictions()}
    assert set(found) == set(listed)
    for key, one in found.items():
        assert float(listed[key]["counted"]) == pytest.approx(one.counted, rel=1e-4)
        assert len(listed[key]["reason"]) > 30
    compared = sum(1 for table in TABLES for _ in comparisons(table))
    assert compared > 280 and len(found) < 0.06 * compared


def test_the_rows_of_the_facts_are_all_there(shared: Path) -> None:
    """Every parameter and FLOP of the facts' classification, segmentation and detection tables is in ours."""

    def numbers(path: Path, *columns: str) -> set[str]:
        with path.open(encoding="utf-8") as file:
            return {row[c] for row in csv.DictReader(file) for c in columns if row[c]}

    facts = shared / "facts"
    for table, sources in {
        "classification": [("espnetv2_imagenet.csv", "flops_M", "params_M")],
        "segmentation": [("espnetv2_segmentation.csv", "flops_B", "params_M")],
        "detection": [("espnetv2_detection.csv", "flops_B", "params_M")],
    }.items():
        frame = published(table)
        ours = {text for column in COST_COLUMNS if column in frame for text in frame[column]}
        for name, *columns in sources:
            assert numbers(facts / name, *columns) <= ours, name


def test_a_digit_is_what_is_printed() -> None:
    assert [last_digit(text) for text in ("28.37", "284", "0.5")] == pytest.approx([0.01, 1, 0.1])


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(InputError, match="no such table; there are classification"):
        published("speed")
