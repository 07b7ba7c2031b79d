"""The chosen network drawn level by level: an SVG ribbon, and its table. Colours come from the page's style sheet."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from analysis.counts.architecture import Row
from archspace.support.numbers import amount, number

_STEP, _WIDTH, _GAP = 34, 28, 16
_TALLEST, _SHORTEST, _TOP = 150.0, 18.0, 46.0
_SHADES = 5


@dataclass(frozen=True, slots=True)
class Box:
    """One line of the network in the drawing: its place and size in pixels, its shade from 0 to 4 by share of MACs."""

    row: Row
    x: float
    y: float
    height: float
    shade: int


@dataclass(frozen=True, slots=True)
class Level:
    """A level's name, where it begins and ends, and its channels and map."""

    name: str
    x: float
    end: float
    note: str


@dataclass(frozen=True, slots=True)
class Ribbon:
    """The drawing before it is drawn."""

    boxes: tuple[Box, ...]
    levels: tuple[Level, ...]
    width: float
    height: float


def ribbon(rows: Sequence[Row], input_size: Sequence[int]) -> Ribbon:
    """Returns boxes in running order: as tall as the logarithm of their map's shorter side, darker with more MACs."""
    most = max((row.macs for row in rows), default=0) or 1
    tallest = math.log2(1 + max(1, min(input_size)))
    boxes: list[Box] = []
    levels: list[Level] = []
    x = 8.0
    for name, group in groupby(rows, key=lambda row: row.level):
        start, members = x, list(group)
        for row in members:
            share = math.log2(1 + max(0.0, min(row.output_size))) / tallest
            height = min(_TALLEST, _SHORTEST + (_TALLEST - _SHORTEST) * share)
            shade = 0 if not row.macs else min(_SHADES - 1, 1 + int((_SHADES - 1) * row.macs / most))
            boxes.append(Box(row, x, _TOP + (_TALLEST - height) / 2, height, shade))
            x += _STEP
        last = members[-1]
        levels.append(Level(name, start, x - _STEP + _WIDTH, f"{last.channels} × {_size(last)}"))
        x = max(x + _GAP, start + 10 + 6.4 * len(levels[-1].note))
    return Ribbon(tuple(boxes), tuple(levels), x, _TOP + _TALLEST + 30)


def ribbon_svg(drawing: Ribbon) -> str:
    """Returns the ribbon as SVG; every box has its numbers as a title."""
    parts = [
        f'<svg class="ribbon" width="{drawing.width:.0f}" height="{drawing.height:.0f}" '
        f'viewBox="0 0 {drawing.width:.0f} {drawing.height:.0f}" role="img" aria-label="The network level by level">'
    ]
    for level in drawing.levels:
        parts.append(f'<text class="level" x="{level.x:.0f}" y="16">{html.escape(level.name)}</text>')
        parts.append(
            f'<line class="rule" x1="{level.x:.0f}" x2="{level.end:.0f}" y1="24" y2="24"/>'
            f'<text class="small" x="{level.x:.0f}" y="{_TOP + _TALLEST + 20:.0f}">{html.escape(level.note)}</text>'
        )
    for box in drawing.boxes:
        middle, centre = box.x + _WIDTH / 2, box.y + box.height / 2
        kind = "dead" if box.row.dead else f"shade{box.shade}"
        parts.append(
            f'<g class="box {kind}"><title>{html.escape(_spoken(box.row))}</title>'
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{_WIDTH}" height="{box.height:.1f}" rx="4"/>'
        )
        if box.row.repeats > 1:
            parts.append(
                f'<text class="times" x="{middle:.1f}" y="{centre + 4:.1f}">×{box.row.repeats}</text>'
            )
        parts.append("</g>")
    return "".join([*parts, "</svg>"])


def layer_table(rows: Sequence[Row]) -> str:
    """Returns the lines of the network as an HTML table, a body a level."""
    total = sum(row.macs for row in rows) or 1
    head = "".join(
        f'<th scope="col"{kind}>{title}</th>'
        for title, kind in (
            ("layer", ""), ("output", ' class="n"'), ("K; dilations", ' class="n"'), ("field", ' class="n"'),
            ("parameters", ' class="n"'), ("MACs", ' class="n"'), ("share", ""),
        )
    )  # fmt: skip
    bodies = []
    for name, group in groupby(rows, key=lambda row: row.level):
        lines = "".join(_line(row, total) for row in group)
        bodies.append(
            f'<tbody><tr class="level"><th colspan="7" scope="rowgroup">{html.escape(name)}</th></tr>{lines}</tbody>'
        )
    return f'<table class="layers"><thead><tr>{head}</tr></thead>{"".join(bodies)}</table>'


def _line(row: Row, total: int) -> str:
    share = row.macs / total
    times = f" <b>×{row.repeats}</b>" if row.repeats > 1 else ""
    rates = f"{row.branches or ''}{'; ' if row.branches and row.dilations else ''}" + ", ".join(
        map(str, row.dilations)
    )
    field = "" if row.receptive_field is None else str(row.receptive_field)
    bar = (
        f'<svg class="bar" width="70" height="8" viewBox="0 0 70 8" aria-hidden="true">'
        f'<rect width="{70 * share:.1f}" height="8" rx="2"/></svg>'
    )
    cells = (f"{row.channels} × {_size(row)}", rates, field, amount(row.params), amount(row.macs))
    numbers = "".join(f'<td class="n">{html.escape(cell)}</td>' for cell in cells)
    dead = ' class="dead"' if row.dead else ""
    return (
        f"<tr{dead}><td>{html.escape(row.layer)}{times}</td>{numbers}<td>{bar} {100 * share:.0f} %</td></tr>"
    )


def _spoken(row: Row) -> str:
    times = f"{row.repeats} × " if row.repeats > 1 else ""
    return (
        f"{row.path}: {times}{row.layer}\n{row.channels} × {_size(row)}, "
        f"{number(row.params, 'parameters')}, {number(row.macs, 'MACs')}"
    )


def _size(row: Row) -> str:
    return " × ".join(str(side) for side in row.output_size)
