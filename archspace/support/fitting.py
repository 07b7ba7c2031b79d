"""Which columns of a table fit a width, and how wide each is. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

GAP = 2
"""Columns between two columns."""
MOST_LINES = 5
"""A row with texts of more lines loses columns instead."""
SHORTEST_TEXT, LONGEST_WORD = 14, 22
"""Least width of a column of long texts, and of one with longer words in it; a longer one still (a path) is folded."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a column needs.

    Attributes:
        title: of its header, which may wrap at words.
        texts: its cells, where they may wrap.
        cells: width of its widest cell, where they may not.
    """

    title: str
    texts: tuple[str, ...] = ()
    cells: int = 0

    @property
    def least(self) -> int:
        """The least width."""
        words = max(map(cell_len, self.title.split()), default=0)
        longest = max((cell_len(word) for text in self.texts for word in text.split()), default=0)
        text = min(self.natural, max(min(longest, LONGEST_WORD), SHORTEST_TEXT)) if self.texts else 0
        return max(words, self.cells, text)

    @property
    def natural(self) -> int:
        """The width at which nothing wraps."""
        lines = [*self.title.split("\n"), *self.texts]
        return max(max(map(cell_len, lines), default=0), self.cells)

    def lines(self, width: int) -> list[int]:
        """Returns how many lines each of its texts takes."""
        return [_wrapped(text, width) for text in self.texts]


def chosen(rooms: Sequence[Room], ranks: Sequence[int], width: int) -> Mapping[int, int] | None:
    """Returns the columns that fit, with their widths; ``None`` if those of rank 0 alone do not.

    Args:
        rooms: what each column needs.
        ranks: columns of the highest are left out first, of equal ones the last; those of 0 never are.
        width: of the terminal.
    """
    shown = list(range(len(rooms)))
    while True:
        widths = _widths([rooms[index] for index in shown], width)
        worth = [index for index in shown if ranks[index]]
        if widths is not None and (
            not worth or _tallest([rooms[index] for index in shown], widths) <= MOST_LINES
        ):
            return dict(zip(shown, widths, strict=True))
        if not worth:
            return None
        shown.remove(max(worth, key=lambda index: (ranks[index], index)))


def _widths(rooms: Sequence[Room], width: int) -> list[int] | None:
    """A width for each column: the least, and of what is left a share by how much it lacks, texts before headers."""
    left = width - GAP * (len(rooms) - 1)
    widths = [room.least for room in rooms]
    spare = left - sum(widths)
    if spare < 0:
        return None
    lacking = [room.natural - least for room, least in zip(rooms, widths, strict=True)]
    if sum(lacking) <= spare:
        return [room.natural for room in rooms]
    texts = [index for index, room in enumerate(rooms) if room.texts]
    for wanting in (texts, [index for index in range(len(rooms)) if index not in texts]):
        lack = sum(lacking[index] for index in wanting)
        given = [lacking[index] * min(spare, lack) // max(lack, 1) for index in wanting]
        for index, more in zip(wanting, given, strict=True):
            widths[index] += more
        spare -= sum(given)
    return widths


def _tallest(rooms: Sequence[Room], widths: Sequence[int]) -> int:
    return max((max(room.lines(w), default=1) for room, w in zip(rooms, widths, strict=True)), default=1)


def _wrapped(text: str, width: int) -> int:
    """Lines of a text that wraps at words."""
    lines = 0
    for paragraph in text.split("\n"):
        used = width + 1
        for word in paragraph.split():
            size = cell_len(word)
            if used + 1 + size <= width:
                used += 1 + size
            else:
                lines += max(1, -(-size // width))
                used = (size - 1) % width + 1
    return max(1, lines)
