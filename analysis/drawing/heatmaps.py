"""Heat maps of receptive fields as PNG: log-scaled, with a colour scale; drawn with Pillow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.fields.effective import EffectiveField, Map
from archspace.support.files import replacing
from archspace.support.palette import INK, PAPER

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from analysis.fields.gridding import Gridding
    from analysis.fields.theoretical import ReceptiveField

DECADES = 4
"""Powers of ten of the colour scale; smaller values have its lowest colour."""

COLOURS = np.array(
    [(13, 8, 60), (84, 2, 163), (156, 23, 158), (205, 74, 118), (237, 121, 83), (251, 182, 50), (240, 249, 33)]
)  # fmt: skip
"""From low to high, after matplotlib's "plasma"."""

ZERO = (222, 222, 222)
"""Colour of pixels that are not seen at all."""

THEORY, HALF, MOST = (0, 190, 90), (255, 255, 255), (0, 200, 255)
MARGIN, TITLE, BAR = 16, 44, 64
WORDS = 600
"""Least width in pixels for the heading and the legend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One heat map.

    Attributes:
        title: the line above it.
        caption: the line under the title.
        values: (H, W) non-negative numbers; zero has a colour of its own.
        outlines: squares as (row, column, side, colour), in pixels of ``values``.
    """

    title: str
    caption: str
    values: Map
    outlines: tuple[tuple[int, int, int, tuple[int, int, int]], ...] = ()


def colours_of(values: Map) -> NDArray[np.uint8]:
    """(H, W) numbers as (H, W, 3) colours: log scale of :data:`DECADES` below the largest, zero apart."""
    top = values.max()
    with np.errstate(divide="ignore"):
        depth = np.log10(values / top) if top > 0 else np.full(values.shape, -np.inf)
    level = np.clip(1 + depth / DECADES, 0, 1) * (len(COLOURS) - 1)
    channels = [np.interp(level, range(len(COLOURS)), COLOURS[:, c]) for c in range(3)]
    picture = np.stack(channels, -1)
    picture[values == 0] = ZERO
    return picture.round().astype(np.uint8)


def window(values: Map, centre: tuple[int, int], side: int) -> tuple[Map, tuple[int, int]]:
    """Returns the part of a map within a square around ``centre``, and where ``centre`` lies in it."""
    top, left = (max(0, at - side // 2) for at in centre)
    part = values[top : centre[0] + side // 2 + 1, left : centre[1] + side // 2 + 1]
    return part, (centre[0] - top, centre[1] - left)


def fitted(values: Map, box: int) -> tuple[Map, tuple[int, int]]:
    """Returns a map with no side above ``box``, and the (height, width) at which its longer side is about ``box``.

    A larger map is reduced by blocks that keep their largest value, so that no lone pixel is lost.
    """
    longest = max(values.shape)
    if longest <= box:
        factor = box // longest if longest < box // 3 else box / longest  # few pixels: all of one size
        return values, (round(values.shape[0] * factor), round(values.shape[1] * factor))
    step = -(-longest // box)
    padded = np.pad(values, [(0, -side % step) for side in values.shape])
    rows, columns = (side // step for side in padded.shape)
    shown = (round(values.shape[0] * box / longest), round(values.shape[1] * box / longest))
    return padded.reshape(rows, step, columns, step).max((1, 3)), shown


def _draw_panel(sheet: Image, panel: Panel, left: int, top: int, box: int) -> None:
    from PIL import Image, ImageDraw, ImageFont

    draw = ImageDraw.Draw(sheet)
    draw.text((left, top), panel.title, INK, ImageFont.load_default(15))
    draw.text((left, top + 20), panel.caption, INK, ImageFont.load_default(11))
    values, (height, width) = fitted(panel.values, box)
    heat = Image.fromarray(colours_of(values)).resize((width, height), Image.Resampling.NEAREST)
    factor = width / panel.values.shape[1]
    lines = ImageDraw.Draw(heat)
    for row, column, side, colour in panel.outlines:
        corners = [(at + end * (side / 2)) * factor for end in (-1, 1) for at in (column + 0.5, row + 0.5)]
        lines.rectangle(corners, outline=colour, width=2)
    sheet.paste(heat, (left, top + TITLE))


def _draw_scale(draw: ImageDraw, left: int, top: int, height: int) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(11)
    bar = colours_of(10.0 ** np.linspace(0, -DECADES, height)[:, None])[:, 0]
    for row, colour in enumerate(bar):
        draw.line([(left, top + row), (left + 14, top + row)], tuple(int(c) for c in colour))
    for decade in range(DECADES + 1):
        label = "max" if decade == 0 else f"1e-{decade}"
        draw.text((left + 19, top + height * decade / DECADES - 7), label, INK, font)
    draw.rectangle([left, top + height + 14, left + 14, top + height + 28], ZERO, INK)
    draw.text((left + 19, top + height + 14), "zero", INK, font)


def sheet_of(heading: str, panels: Sequence[Panel], columns: int, box: int, legend: str = "") -> Image:
    """Panels in rows under a heading, with one colour scale (each panel has its own largest value)."""
    from PIL import Image, ImageDraw, ImageFont

    columns = min(columns, len(panels))
    heights = [fitted(panel.values, box)[1][0] + TITLE + MARGIN for panel in panels]
    rows = [max(heights[start : start + columns]) for start in range(0, len(panels), columns)]
    scale = min(box, 260)
    size = (
        2 * MARGIN + max(columns * (box + MARGIN), WORDS) + BAR,
        3 * MARGIN + 28 + max(sum(rows), TITLE + scale + 2 * MARGIN),
    )
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), heading, INK, ImageFont.load_default(18))
    draw.text((MARGIN, MARGIN + 24), legend, INK, ImageFont.load_default(12))
    top = 2 * MARGIN + 28
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        _draw_panel(sheet, panel, MARGIN + column * (box + MARGIN), top + sum(rows[:row]), box)
    _draw_scale(draw, size[0] - MARGIN - BAR, top + TITLE, scale)
    return sheet


def field_sheet(
    label: str, theory: Mapping[str, ReceptiveField], measured: Mapping[str, EffectiveField]
) -> Image:
    """Returns one panel a level: the effective field in a window around the theoretical one."""
    panels = [_field_panel(theory[name], effective) for name, effective in measured.items()]
    legend = "green: theoretical field; white and blue: squares that hold 50 % and 90 %"
    columns = 2 if len(panels) in (2, 4) else 3
    return sheet_of(f"Receptive fields of {label}", panels, columns, 420, legend)


def _field_panel(theory: ReceptiveField, effective: EffectiveField) -> Panel:
    height, width = effective.gradient.shape
    wanted = max(theory.side or 2 * max(height, width), 3)
    values, (row, column) = window(effective.gradient, effective.centre, int(wanted * 1.1) + 2)
    squares = [(effective.squares[0.5], HALF), (effective.squares[0.9], MOST)]
    if theory.side is not None:
        squares.insert(0, (theory.side, THEORY))
    side = "whole image" if theory.side is None else f"{theory.side} px"
    shown = f"{values.shape[0]}x{values.shape[1]} of {height}x{width} px"
    return Panel(
        title=f"{effective.level}: theory {side}",
        caption=f"50 % in {effective.squares[0.5]}, 90 % in {effective.squares[0.9]} px; shown {shown}",
        values=values,
        outlines=tuple((row, column, length, colour) for length, colour in squares),
    )


def gridding_sheet(unit: str, grids: Mapping[str, Gridding]) -> Image:
    """Returns a row for each fusion, a panel for each branch."""
    panels = [
        Panel(
            title=f"fusion={grid.fusion}, dilation {rate}",
            caption=f"holes {100 * holes:.1f} % of its field",
            values=response,
        )
        for grid in grids.values()
        for rate, response, holes in zip(grid.dilations, grid.responses, grid.holes, strict=True)
    ]
    legend = "what the channels of each branch see of the unit's input, with uniform weights; " + "; ".join(
        f"{grid.fusion}: {100 * grid.mean_holes:.1f} % holes on average" for grid in grids.values()
    )
    columns = len(next(iter(grids.values())).dilations)
    name = f"{unit.upper()} unit, K = {columns}"
    return sheet_of(f"Gridding and hierarchical feature fusion: {name}", panels, columns, 231, legend)


def write_png(picture: Image, path: Path) -> Path:
    """Returns the picture as a PNG file, whole or not at all."""
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG")
    return path
