"""Axes of a figure, computed before anything is drawn: scale, range, ticks, title."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.quantities import Quantity
from archspace.support.numbers import tick_text
from reports.style.style import log_ticks

LOG_RATIO = 8.0
"""A cost's axis is logarithmic when its largest value is over this many times its smallest."""

REFERENCE_REACH = 3.0
"""Presets are drawn up to this factor beyond the trials; farther ones would squeeze the trials together."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: ``low`` and ``high`` are data values."""

    objective: Quantity
    log: bool
    low: float
    high: float
    title: str

    def fraction(self, values: ArrayLike) -> NDArray[np.float64]:
        """Returns where values lie on the axis: 0 at its low end, 1 at its high end."""
        low, high = self._scaled([self.low, self.high])
        result: NDArray[np.float64] = (self._scaled(values) - low) / (high - low)
        return result

    def layout(self) -> dict[str, Any]:
        """Plotly's keys: range, type, ticks and their format; without the title."""
        keys: dict[str, Any] = {"range": self._scaled([self.low, self.high]).tolist()}
        if self.log:
            ticks = log_ticks(self.low, self.high)
            keys |= {
                "type": "log",
                "tickvals": ticks,
                "ticktext": [tick_text(t) + self.suffix for t in ticks],
            }
        elif self.objective.counted:
            keys |= {"tickformat": "~s", "ticksuffix": self.suffix}
        return keys

    def thinned(self, most: int) -> dict[str, Any]:
        """Returns the keys of :meth:`layout` with every other tick left out where there are more than ``most``."""
        keys = self.layout()
        while len(keys.get("tickvals", ())) > most:
            keys |= {key: keys[key][::2] for key in ("tickvals", "ticktext")}
        return keys

    @property
    def suffix(self) -> str:
        """What follows a tick's number."""
        return "B" if self.objective.unit == "bytes" else ""

    def _scaled(self, values: ArrayLike) -> NDArray[np.float64]:
        array = np.asarray(values, dtype=np.float64)
        return np.log10(array) if self.log else array


def axis_order(objectives: Sequence[Quantity]) -> list[Quantity]:
    """Costs that are counted first (x), then other costs, then how good a network is (y); else as given."""
    return sorted(objectives, key=lambda o: (o.quality, not o.counted))


def make_axis(
    objective: Quantity, values: Iterable[float], origins: Iterable[object], *, margins: tuple[float, float]
) -> Axis:
    """Returns the axis that holds all ``values``.

    Args:
        objective: what it shows.
        values: everything drawn along it; what is not finite is ignored.
        origins: origins of the values, for the title.
        margins: empty space before and after the values, as fractions of their extent.
    """
    array = np.array([v for v in values if np.isfinite(v)], dtype=np.float64)
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 1.0)
    log = objective.direction == "minimize" and low > 0 and high > LOG_RATIO * low
    ends = np.log10([low, high]) if log else np.array([low, high])
    span = float(ends[1] - ends[0]) or abs(float(ends[1])) * 0.1 or 1.0
    ends = ends + np.array([-margins[0], margins[1]]) * span
    if objective.unit == "%":
        ends[1] = max(min(ends[1], 102.0), high + 0.02 * span)
    known = sorted({str(o) for o in origins if isinstance(o, str)})
    inside = ", ".join(filter(None, [objective.unit, *known, "log scale" if log else ""]))
    title = f"{objective.title} ({inside})" if inside else objective.title
    first, last = (10.0**ends if log else ends).tolist()
    return Axis(objective, log, first, last, title)


def reachable(references: pd.DataFrame, frame: pd.DataFrame, objective: Quantity) -> pd.DataFrame:
    """Returns the references that lie near enough to the trials along ``objective`` to be drawn."""
    values = frame[objective.name].dropna()
    if objective.name not in references or values.empty:
        return references.iloc[:0]
    costs = references[objective.name]
    near = (costs >= values.min() / REFERENCE_REACH) & (costs <= values.max() * REFERENCE_REACH)
    result: pd.DataFrame = references.loc[near]
    return result
