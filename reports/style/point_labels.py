"""Where the names of marks stand so that they cover no mark and no other name. Pixels, y upwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CHARACTER, LINE, GAP = 7.0, 15.0, 3.0
"""Width of a character and height of a line at 12 pixels, and the space between a mark and its name."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark with a name: its centre, and how far it reaches; ``above`` and ``below`` may be those of an error bar."""

    name: str
    x: float
    y: float
    radius: float
    above: float
    below: float


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Area in common."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(wide, 0.0) * max(high, 0.0)

    @property
    def area(self) -> float:
        """Width times height."""
        return (self.right - self.left) * (self.top - self.bottom)


def shifts(marks: Sequence[Mark], width: float, height: float) -> list[tuple[float, float]]:
    """For each mark, how far the centre of its name is from its own: above, below, right or left of it, or at a corner.

    One after the other, each name takes the place where it covers least of marks, names and the outside of the panel;
    of equal places the first in the order above.
    """
    taken = [
        box
        for m in marks
        for box in (
            Box(m.x - m.radius, m.y - m.radius, m.x + m.radius, m.y + m.radius),
            Box(m.x - 4, m.y - m.below, m.x + 4, m.y + m.above),
        )
    ]
    panel = Box(0, 0, width, height)
    placed = []
    for mark in marks:
        half, line = CHARACTER * len(mark.name) / 2, LINE / 2
        side, corner = mark.radius + GAP + half, 0.7 * mark.radius + GAP
        places = [
            (0.0, mark.above + GAP + line), (0.0, -mark.below - GAP - line), (side, 0.0), (-side, 0.0),
            *((h * (corner + half), v * (corner + line)) for h in (1, -1) for v in (1, -1)),
        ]  # fmt: skip
        boxes = [
            Box(mark.x + dx - half, mark.y + dy - line, mark.x + dx + half, mark.y + dy + line)
            for dx, dy in places
        ]
        covers = [sum(b.overlap(t) for t in taken) + 2 * (b.area - b.overlap(panel)) for b in boxes]
        best = min(range(len(places)), key=lambda i: (round(covers[i], 6), i))
        taken.append(boxes[best])
        placed.append(places[best])
    return placed
