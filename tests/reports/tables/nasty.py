"""A table whose texts try to break out of their cells in every format."""

from __future__ import annotations

import math

from reports.tables.table import Cell, Column, Row, Table

NASTY = (
    r"a|b & c_d <script>alert('x')</script> 100% #1 $x$ {y} ~z ^w \input{q} `k` [1] *b* é ł ß 中 é 😀 \"q\""
)
COLUMNS = (
    Column(key="params", title="Params & more_", unit="M", better="minimize", factor=1e6),
    Column(key="miou", title="mIoU", unit="%", better="maximize"),
)


def nasty_table(rows: int = 3) -> Table:
    first = [
        Row((NASTY, "<b>"), (Cell(1_234_567.0, "counted"), Cell(math.nan, "measured")), (NASTY,)),
        Row(
            ("plain", "2"), (Cell(2e6, "published", "2.0", 2_000_400.0, True), Cell(61.2345678, "measured")), ("here",)
        ),
        Row(("none\nof it", ""), (Cell(), Cell(40.0, "predicted", notes=("guess_1",)))),
    ]  # fmt: skip
    more = [
        Row((f"row {i}", ""), (Cell(1e6 + i, "counted"), Cell(i / 100, "measured"))) for i in range(rows - 3)
    ]
    return Table(
        name="nasty", title=f"Title {NASTY}", labels=("Net|work", "W_x"), columns=COLUMNS, rows=(*first, *more),
        pareto=("params", "miou"), notes=("A note with 5 % & <i>",),
    )  # fmt: skip
