"""How numbers and units look in every report: colours, markers, SI numbers, ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.store.records import Objective

OKABE_ITO: Mapping[str, str] = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#7F7F7F",
}
"""Palette of Okabe and Ito (2008), told apart by all common kinds of colour vision; and a grey."""

INK, MUTED, GRID, PAPER = "#1F2430", "#5B6270", "#E6E8EC", "#FFFFFF"
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
    "conv": _style("black", "circle-x"),
    "mixed": _style("grey", "circle-cross", "square"),
}
"""The one mapping from unit to looks; ``mixed`` stands for levels that differ. Every pair is distinct."""

_UNKNOWN = _style("grey", "triangle-se", "circle")


def unit_style(unit: str) -> UnitStyle:
    """Looks of a unit; one that is not in :data:`UNIT_STYLES` is grey."""
    return UNIT_STYLES.get(unit, _UNKNOWN)


def dark_edge(colour: str) -> str:
    """Edge for a marker: dark, but a dark marker keeps a light one so that neighbours stay apart."""
    return PAPER if colour == OKABE_ITO["black"] else INK


_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_PREFIXED = ("MACs", "parameters", "bytes")


def si_prefix(value: float) -> tuple[float, str]:
    """Factor and SI letter for the size of ``value``: ``(1e6, "M")``; ``(1, "")`` below a thousand."""
    for factor, letter in _PREFIXES:
        if abs(value) >= 0.9995 * factor:
            return factor, letter
    return 1.0, ""


def si_number(value: float, unit: str = "") -> str:
    """A rounded number to read: ``"12.3 M MACs"``, ``"1.5 MB"``, ``"61.24 %"``, ``"4.7 ms"``.

    Counts and bytes get SI prefixes and three digits; per cent two decimals; everything else three digits.
    """
    if math.isnan(value):
        return "unknown"
    if unit == "%":
        return f"{value:.2f} %"
    if unit not in _PREFIXED or math.isinf(value):
        return f"{value:.3g} {unit}".strip()
    factor, letter = si_prefix(value)
    scaled = value / factor
    digits = f"{scaled:.0f}" if abs(scaled) >= 99.95 or scaled == int(scaled) else f"{scaled:.3g}"
    suffix = f"{letter}B" if unit == "bytes" else f"{letter} {unit}".strip()
    return f"{digits} {suffix}"


def si_count(value: float) -> str:
    """A count without its unit, for a cell whose header names it: ``"12.3 M"``."""
    return si_number(value, "MACs").removesuffix("MACs").strip()


def column_scale(objective: Objective, values: Iterable[float]) -> tuple[str, float, int]:
    """How a whole column is read: a header with the unit, what its values are divided by, and decimals."""
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    least = min(sizes, default=0.0)
    factor, letter = si_prefix(least) if objective.unit in _PREFIXED else (1.0, "")
    unit = f"{letter}B" if objective.unit == "bytes" else f"{letter} {objective.unit}".strip()
    digits = 0 if factor == 1 and objective.unit in _PREFIXED else 2 if least < 10 * factor else 1
    digits = 2 if objective.unit == "%" else digits
    return f"{objective.name} ({unit})", factor, digits


def scaled_column(objective: Objective, values: Sequence[float]) -> tuple[str, list[str]]:
    """A header with the unit, and the values rounded in that unit: one SI prefix for the whole column."""
    header, factor, digits = column_scale(objective, values)
    texts = [f"{value / factor:.{digits}f}" if math.isfinite(value) else "unknown" for value in values]
    return header, texts


def compact(value: float) -> str:
    """A tick's text: ``"200M"``, ``"1.5G"``, ``"0.5"``."""
    factor, letter = si_prefix(value)
    return f"{value / factor:g}{letter}"


def log_ticks(low: float, high: float) -> list[float]:
    """Round values between ``low`` and ``high`` for a logarithmic axis, some four to ten of them."""
    for steps in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)):
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 5:
            break
    return ticks
