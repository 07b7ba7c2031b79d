"""How columns and units look in every report: colours, markers, SI prefixes, ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.quantities import Quantity
from archspace.support import palette
from archspace.support.numbers import si_prefix
from archspace.support.palette import hex_of

OKABE_ITO: Mapping[str, str] = {name: hex_of(colour) for name, colour in palette.OKABE_ITO.items()}
"""The palette's colours as Plotly takes them."""

INK, MUTED, GRID, PAPER = map(hex_of, (palette.INK, palette.MUTED, palette.GRID, palette.PAPER))
FONT = "Inter, 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class UnitStyle:
    """Colour and marker of a unit; ``symbol_3d`` is one of the few that 3-D scenes draw."""

    colour: str
    symbol: str
    symbol_3d: str


def _style(colour: str, symbol: str, symbol_3d: str = "circle") -> UnitStyle:
    return UnitStyle(OKABE_ITO[colour], symbol, symbol_3d)


# Star, diamond and x are taken: given networks, published presets and trials without a result.
UNIT_STYLES: Mapping[str, UnitStyle] = {
    "esp": _style("blue", "circle"),
    "eesp": _style("vermillion", "square", "square"),
    "mobilenet": _style("sky", "triangle-up", "cross"),
    "mobilenetv2": _style("green", "triangle-down"),
    "shufflenet": _style("orange", "pentagon", "cross"),
    "shufflenetv2": _style("purple", "hexagon2", "square"),
    "resnet": _style("black", "cross", "cross"),
    "resnext": _style("yellow", "hourglass"),
    "inception": _style("sky", "bowtie", "square"),
    "asp": _style("green", "triangle-left", "square"),
    "dice": _style("orange", "triangle-right"),
    "fcu": _style("purple", "cross", "cross"),
    "pfcu": _style("blue", "triangle-ne", "cross"),
    "enet": _style("yellow", "square", "square"),
    "fpe": _style("vermillion", "triangle-up", "cross"),
    "dab": _style("sky", "hexagon2"),
    "cg": _style("green", "pentagon", "cross"),
    "depthwise-1d": _style("purple", "triangle-down"),
    "eda": _style("blue", "bowtie", "square"),
    "pct": _style("orange", "hourglass", "square"),
    "conv": _style("black", "circle-x"),
    "mixed": _style("grey", "circle-cross", "square"),
}
"""The one mapping from unit to looks; ``mixed`` stands for levels that differ. Every pair is distinct."""

STUDY_COLOURS = tuple(
    OKABE_ITO[name] for name in ("blue", "vermillion", "green", "purple", "orange", "sky", "black", "yellow")
)
"""Colours of studies that are drawn together, which the colour-blind tell apart."""


def study_colour(place: int) -> str:
    """Returns the colour of a study by its place among those drawn together; from the ninth on they come again."""
    return STUDY_COLOURS[place % len(STUDY_COLOURS)]


_UNKNOWN = _style("grey", "triangle-se", "circle")


def unit_style(unit: str) -> UnitStyle:
    """Looks of a unit; one that is not in :data:`UNIT_STYLES` is grey."""
    return UNIT_STYLES.get(unit, _UNKNOWN)


def dark_edge(colour: str) -> str:
    """Edge for a marker: dark, but a dark marker keeps a light one so that neighbours stay apart."""
    return PAPER if colour == OKABE_ITO["black"] else INK


def column_scale(objective: Quantity, values: Iterable[float]) -> tuple[str, float, int]:
    """Returns how a whole column is read: a header with the unit, what its values are divided by, and decimals."""
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    least = min(sizes, default=0.0)
    factor, letter = si_prefix(least) if objective.counted else (1.0, "")
    unit = f"{letter}B" if objective.unit == "bytes" else f"{letter} {objective.unit}".strip()
    digits = 0 if factor == 1 and objective.counted else 2 if least < 10 * factor else 1
    digits = 2 if objective.unit == "%" else digits
    return f"{objective.name} ({unit})" if unit else objective.name, factor, digits


def scaled_column(objective: Quantity, values: Sequence[float]) -> tuple[str, list[str]]:
    """Returns a header with the unit, and the values rounded in that unit: one SI prefix for the whole column."""
    header, factor, digits = column_scale(objective, values)
    texts = [f"{value / factor:.{digits}f}" if math.isfinite(value) else "unknown" for value in values]
    return header, texts


def log_ticks(low: float, high: float) -> list[float]:
    """Round values between ``low`` and ``high`` for a logarithmic axis, some four to ten of them."""
    for steps in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)):
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 5:
            break
    return ticks
