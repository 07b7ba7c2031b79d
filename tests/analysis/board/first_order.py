"""What a sensor with a first-order filter shows of a power, in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence


def filtered(times: Sequence[float], watts: Sequence[float], tau: float) -> list[float]:
    """What a sensor with a first-order filter of time constant ``tau`` seconds shows of a power.

    The power is a straight line between the given points, for which this is exact, and steady before the first.
    """
    if tau <= 0 or not watts:
        return list(watts)
    shown = [watts[0]]
    for i in range(1, len(watts)):
        step = times[i] - times[i - 1]
        lag = 0.0 if step <= 0 else tau * (watts[i] - watts[i - 1]) / step
        kept = shown[-1] - watts[i - 1] + lag
        shown.append(watts[i] - lag + kept * math.exp(-step / tau) if step > 0 else shown[-1])
    return shown
