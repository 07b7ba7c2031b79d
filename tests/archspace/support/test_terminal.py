"""Tables for people: which columns a width has room for, and that nothing which is typed is cut."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from archspace.support.fitting import GAP, MOST_LINES, Room, chosen
from archspace.support.terminal import Column, TerminalTable

LONG = "half of the channels pass, half are transformed, and then they are shuffled and so on and on"


def drawn(table: TerminalTable, width: int) -> str:
    """The table as a terminal of a width shows it, without colours."""
    text = StringIO()
    table.print(Console(file=text, force_terminal=True, color_system=None, width=width, highlight=False))
    return text.getvalue()


def example() -> TerminalTable:
    """A name, a number, a text that goes last, and a source that goes first."""
    table = TerminalTable(
        "unit", Column("parameters", "number"), Column("what it is", "text", 1), Column("source", "text", 2)
    )
    table.add("shufflenetv2", "1.2 M", LONG, "Ma et al. 2018, section 3, the figure on page four")
    table.add("[red]eesp", "348 k", "short", "here")
    return table


def test_columns_leave_by_rank_and_are_named() -> None:
    assert "Not shown" not in drawn(example(), 200)
    assert "source" in drawn(example(), 100) and "Not shown" not in drawn(example(), 100)
    narrow = drawn(example(), 40)
    assert "Not shown at 40 columns: what it is, source." in " ".join(narrow.split())
    assert "shufflenetv2" in narrow and "1.2 M" in narrow and "[red]eesp" in narrow


def test_a_terminal_too_narrow_for_any_table_has_paragraphs() -> None:
    lines = drawn(example(), 16).splitlines()
    assert lines[0] == "unit shufflenetv2" and "[red]eesp" in " ".join(lines)
    assert " ".join(" ".join(lines).split()).count(LONG) == 1, "nothing is left out"


@given(
    st.lists(
        st.tuples(st.integers(1, 24), st.integers(1, 10), st.lists(st.integers(1, 12), max_size=20), st.integers(0, 3)),
        min_size=1, max_size=6,
    ),
    st.integers(20, 160),
)  # fmt: skip
def test_what_is_chosen_fits_and_keeps_what_must_stay(
    shapes: list[tuple[int, int, list[int], int]], width: int
) -> None:
    rooms = [Room("n" * 4, (), shapes[0][0])]
    rooms += [
        Room("t" * title, (" ".join("w" * word for word in words),)) for _, title, words, _ in shapes[1:]
    ]
    ranks = [0, *(rank for *_, rank in shapes[1:])]
    widths = chosen(rooms, ranks, width)
    if widths is None:
        least = [room.least for room, rank in zip(rooms, ranks, strict=True) if rank == 0]
        assert sum(least) + GAP * (len(least) - 1) > width
        return
    assert sum(widths.values()) + GAP * (len(widths) - 1) <= width
    assert {index for index, rank in enumerate(ranks) if rank == 0} <= set(widths)
    assert widths[0] >= rooms[0].cells
    if any(ranks[index] for index in widths):
        assert all(max(rooms[index].lines(size), default=1) <= MOST_LINES for index, size in widths.items())


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells for 4 columns"):
        example().add("eesp")
