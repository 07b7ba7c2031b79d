"""A table as data: what is best, what is dominated, how numbers look, which marks they get."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from reports.tables.build import build_tables
from reports.tables.layout import lay_out
from reports.tables.table import Cell, Column, Origin, Row, Table, best, dominated, shown, without_empty

MACS = Column(key="macs", title="MACs", unit="M", better="minimize", factor=1e6)
MIOU = Column(key="miou", title="mIoU", unit="%", better="maximize")


def table_of(*points: tuple[float | None, float | None], origin: Origin = "measured") -> Table:
    rows = tuple(
        Row((f"n{i}",), tuple(Cell(value, origin if value is not None else "unknown") for value in point))
        for i, point in enumerate(points)
    )
    return Table(
        name="small", title="Small", labels=("Network",), columns=(MACS, MIOU), rows=rows, pareto=("macs", "miou")
    )  # fmt: skip


class TestBest:
    def test_each_direction_and_ties(self) -> None:
        assert best(table_of((3e6, 50.0), (2e6, 60.0), (2e6, 40.0))) == [{1, 2}, {1}]

    def test_missing_nan_and_infinite_take_no_part(self) -> None:
        assert best(table_of((math.nan, 50.0), (None, 40.0), (5e6, math.inf), (7e6, None))) == [{2}, {0}]

    def test_numbers_that_look_the_same_are_both_best(self) -> None:
        assert best(table_of((5_813_000.0, 1.0), (5_812_000.0, 2.0)))[0] == {0, 1}

    def test_a_single_number_is_not_marked(self) -> None:
        assert best(table_of((3e6, None), (None, None))) == [set(), set()]

    def test_a_prediction_is_never_best_nor_on_the_front(self) -> None:
        table = table_of((3e6, 50.0), (2e6, 40.0))
        predicted = Row(("p",), (Cell(1e6, "predicted"), Cell(90.0, "predicted")))
        table = replace(table, rows=(*table.rows, predicted))
        assert best(table) == [{1}, {0}]
        assert dominated(table) == [False, False, False]

    def test_without_direction_nothing_is_best(self) -> None:
        table = replace(table_of((3e6, 50.0), (2e6, 40.0)), columns=(replace(MACS, better=None), MIOU))
        assert best(table) == [set(), {0}]


class TestWithin:
    """Numbers of other splits, sizes and devices do not compare."""

    def table(self) -> Table:
        metric = replace(MIOU, within=("Split", "Input"))
        macs = replace(MACS, within=("Input",))
        rows = [("a", "val", "512x1024", 2e6, 60.0), ("b", "val", "512x1024", 3e6, 50.0),
                ("c", "test", "512x1024", 9e6, 40.0), ("d", "test", "512x1024", 1e6, 39.0),
                ("e", "val", "256x512", 0.5e6, 70.0), ("f", "", "", 4e6, 10.0)]  # fmt: skip
        return Table(
            name="t", title="T", labels=("Network", "Split", "Input"), columns=(macs, metric), pareto=("macs", "miou"),
            rows=tuple(Row((n, s, i), (Cell(m, "counted"), Cell(q, "measured"))) for n, s, i, m, q in rows),
        )  # fmt: skip

    def test_bold_and_grey_stay_within_the_labels(self) -> None:
        assert best(self.table()) == [{3}, {0, 2}], "alone of its kind, a row is the best of nothing"
        assert dominated(self.table()) == [False, True, False, False, False, False]

    def test_the_legend_says_what_is_compared(self) -> None:
        legend = " ".join(lay_out(self.table()).legend)
        assert "MACs among rows of the same input; mIoU among rows of the same split and input" in legend
        assert "Grey: another row of the same split and input is at least as good in MACs and mIoU" in legend

    def test_the_papers_tables_compare_speed_on_one_device_and_parameters_anywhere(self) -> None:
        (table,) = build_tables("segmentation", dataset="cityscapes")
        within = {column.key: set(column.within) & set(table.labels) for column in table.columns}
        assert within["fps"] == {"Input", "Speed on"} and within["params"] == set()
        assert within["miou"] == {"Split", "Input"} and within["macs"] == {"Input"}


class TestDominated:
    def test_by_hand(self) -> None:
        points = [(1e6, 40.0), (2e6, 50.0), (3e6, 45.0), (2e6, 50.0), (2e6, 49.0), (0.5e6, 10.0)]
        assert dominated(table_of(*points)) == [False, False, True, False, True, False]

    def test_a_row_without_a_number_neither_dominates_nor_is_dominated(self) -> None:
        assert dominated(table_of((1e6, math.nan), (None, 90.0), (9e6, 10.0))) == [False, False, False]

    def test_no_columns_or_no_rows(self) -> None:
        assert dominated(replace(table_of((1e6, 1.0), (2e6, 0.0)), pareto=())) == [False, False]
        assert dominated(table_of()) == []


@pytest.mark.parametrize(
    ("value", "unit", "factor", "text"),
    [
        (3_487_400.0, "M", 1e6, "3.49"), (81_234.0, "M", 1e6, "0.0812"), (325_400_000.0, "M", 1e6, "325.40"),
        (2_049_000_000.0, "M", 1e6, "2049"), (61.238, "%", 1.0, "61.24"), (0.05, "%", 1.0, "0.05"),
        (0.0, "ms", 1.0, "0.00"),
        (-1.6, "ms", 1.0, "-1.60"), (math.nan, "%", 1.0, "n/a"), (math.inf, "ms", 1.0, "∞"),
        (1e-9, "M", 1.0, "0.000000"),
    ],
)  # fmt: skip
def test_sensible_digits(value: float, unit: str, factor: float, text: str) -> None:
    column = Column(key="x", title="X", unit=unit, factor=factor)
    assert shown(Cell(value, "measured"), column) == text


def test_published_digits_stay_as_printed_and_nothing_is_a_dash() -> None:
    assert shown(Cell(28_370_000.0, "published", "28.370"), MACS) == "28.370"
    assert shown(Cell(), MACS) == "–"


class TestMarks:
    def test_a_column_of_one_origin_has_it_at_the_header(self) -> None:
        layout = lay_out(table_of((1e6, 50.0), (2e6, None)))
        assert [head.mark for head in layout.heads] == ["m", "m"]
        assert {cell.mark for line in layout.lines for cell in line.cells} == {""}
        assert layout.legend[0].endswith("m = measured.")

    def test_mixed_origins_stand_at_each_number(self) -> None:
        table = table_of((1e6, 50.0), (2e6, 60.0), (3e6, 70.0))
        cells = [Cell(1e6, "counted"), Cell(2e6, "predicted"), Cell(3e6, "read-off-figure", "3", 3e6, True)]
        rows = tuple(
            replace(row, cells=(cell, row.cells[1])) for row, cell in zip(table.rows, cells, strict=True)
        )
        layout = lay_out(replace(table, rows=rows))
        assert [line.cells[0].mark for line in layout.lines] == ["c", "e", "rc"]
        assert layout.heads[0].mark == "" and layout.heads[1].mark == "m"
        for mark in ("c", "e", "rc", "m"):
            assert f"{mark} = " in layout.legend[0]

    def test_a_number_of_unknown_origin_says_so(self) -> None:
        layout = lay_out(table_of((1e6, 50.0), origin="unknown"))
        assert layout.heads[0].mark == "?" and "? = origin not recorded" in layout.legend[0]

    def test_footnotes_are_numbered_by_appearance_and_listed_once(self) -> None:
        rows = (
            Row(("a",), (Cell(1e6, "measured", notes=("cell",)), Cell(1.0, "measured")), ("one", "two")),
            Row(("b",), (Cell(1e6, "measured"), Cell(1.0, "measured")), ("two", "three", "")),
        )
        layout = lay_out(replace(table_of(), rows=rows))
        assert layout.footnotes == ("one", "two", "cell", "three")
        assert [line.notes for line in layout.lines] == [(1, 2), (2, 4)]
        assert layout.lines[0].cells[0].notes == (3,)

    def test_the_legend_names_the_columns_of_the_front(self) -> None:
        grey = lay_out(table_of((1e6, 50.0), (2e6, 40.0))).legend
        assert "Grey: another row is at least as good in MACs and mIoU and better in one." in grey
        none = lay_out(table_of((1e6, 40.0), (2e6, 50.0))).legend
        assert "No row is dominated in MACs and mIoU." in none

    def test_a_header_has_unit_and_direction(self) -> None:
        assert [head.text for head in lay_out(table_of((1e6, 40.0))).heads] == ["MACs (M) ↓", "mIoU (%) ↑"]


def test_empty_columns_go_and_a_crooked_row_is_refused() -> None:
    table = Table(
        name="t", title="T", labels=("Network", "Width"), columns=(MACS, MIOU),
        rows=(Row(("a", ""), (Cell(1.0, "counted"), Cell())),),
    )  # fmt: skip
    small = without_empty(table)
    assert small.labels == ("Network",) and small.columns == (MACS,) and small.rows[0].labels == ("a",)
    with pytest.raises(ValueError, match="2 labels and 1 cells"):
        replace(table, rows=(Row(("a", ""), (Cell(),)),))
