"""Cells of CSV files: a spreadsheet runs none of them, numbers stay numbers, and names come back."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspace.support.csv_cells import csv_text, defused, restored

NAMES = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    "'=1",
    "''@x",
    "=",
    "-",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_looks_like_a_formula_is_text(name: str) -> None:
    assert defused(name) == f"'{name}" and restored(f"'{name}") == name


@pytest.mark.parametrize(
    "cell",
    ["-1.5", "+3", "-inf", "1e-3", "-1E+5", "", "plain", "a=b", "'quoted'", "0", -1.5, 7, None, True, "nan"],
)
def test_numbers_and_other_texts_stay(cell: object) -> None:
    assert defused(cell) is cell
    assert not isinstance(cell, str) or restored(cell) == cell


@given(st.text(st.sampled_from("'=+-@\t\n\r1ax, \"")))
def test_every_text_comes_back(text: str) -> None:
    assert restored(str(defused(text))) == text


def test_a_file_comes_back() -> None:
    rows = [["=name", "value"], *([name, "-1.5"] for name in NAMES)]
    read = list(csv.reader(io.StringIO(csv_text(rows), newline="")))
    assert all(not cell or cell[0] not in "=+@\t\r\n" for row in read for cell in row)
    assert [[restored(cell) for cell in row] for row in read] == rows
