"""Mean power and energy of windows of a trace, by the trapezoid rule over true times."""

import math
from bisect import bisect_left, bisect_right
from typing import Dict, Optional, Sequence, Tuple

from analysis.board.trace import Trace

Window = Tuple[float, float]
"""Start and end in seconds of the monotonic clock."""

TOTAL = "total"
FEWEST = 3
"""Samples that a window must have inside it."""

WIDEST_GAP = 0.5
"""Largest share of a window without a sample."""


def energy_j(trace: Trace, rail: str, start: float, end: float) -> float:
    """Returns joules of a rail between two times.

    Power between two samples is taken as a straight line, at the window's ends too. A window may reach past the first
    or last sample by one sampling period; the nearest sample's power is taken there.

    Raises:
        ValueError: no such rail, fewer than three samples in the window, or the samples leave much of it out.
    """
    if rail not in trace.watts:
        raise ValueError("no rail {}; there are {}".format(rail, ", ".join(trace.watts) or "none"))
    _check(trace, start, end)
    times, watts = trace.times, trace.watts[rail]
    first, last = bisect_right(times, start), bisect_left(times, end)
    inner = list(zip(times[first:last], watts[first:last]))
    points = [(start, _at(times, watts, start)), *inner, (end, _at(times, watts, end))]
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:]))


def measured_power(
    trace: Trace,
    idle: Optional[Window],
    busy: Window,
    settle_s: float,
    total: Optional[Sequence[str]] = None,
) -> Dict[str, Dict[str, Optional[float]]]:
    """Returns mean watts of every rail before and under load.

    Args:
        trace: the samples.
        idle: a window without load, that had none for ``settle_s`` before it either; ``None`` if none was taken.
        busy: a window of steady load, from its start: the first ``settle_s`` of it do not count.
        settle_s: as the sensors state it (:attr:`Trace.settle_s`).
        total: rails that make up the whole; those of the trace's sensors if left out.

    Returns:
        By rail ``{"idle": W or None, "busy": W, "net": busy - idle or None}``; ``total`` is there if the sensors know
        the rails that make up the whole device.

    Raises:
        ValueError: a window has too few samples, or nothing is left of ``busy`` after settling.
    """
    counted = (busy[0] + settle_s, busy[1])
    if counted[1] <= counted[0]:
        reason = "the load lasted {:.2f} s, and a sensor needs {:.2f} s to settle: nothing is left to count"
        raise ValueError(reason.format(busy[1] - busy[0], settle_s))
    means = {rail: (idle and _mean(trace, rail, idle), _mean(trace, rail, counted)) for rail in trace.watts}
    parts = list(trace.total if total is None else total)
    if parts:
        absent = [rail for rail in parts if rail not in means]
        if absent:
            raise ValueError("no rail {}; there are {}".format(absent[0], ", ".join(means) or "none"))
        quiet = None if idle is None else math.fsum(means[rail][0] or 0.0 for rail in parts)
        means[TOTAL] = (quiet, math.fsum(means[rail][1] for rail in parts))
    return {
        rail: {"idle": quiet, "busy": load, "net": None if quiet is None else load - quiet}
        for rail, (quiet, load) in means.items()
    }


def _mean(trace: Trace, rail: str, window: Window) -> float:
    return energy_j(trace, rail, *window) / (window[1] - window[0])


def _check(trace: Trace, start: float, end: float) -> None:
    if not end > start:
        raise ValueError("a window must end after it starts, not {:.2f} s before".format(start - end))
    times = trace.times
    because = "" if trace.error is None else " ({})".format(trace.error)
    inside = times[bisect_left(times, start) : bisect_right(times, end)]
    if len(inside) < FEWEST:
        reason = "{} power samples in a window of {:.2f} s, fewer than {}{}"
        raise ValueError(reason.format(len(inside), end - start, FEWEST, because))
    slack = trace.period_s or 0.0
    if start < times[0] - slack or end > times[-1] + slack:
        reason = "power samples do not reach over the window: they start {:.2f} s after it and end {:.2f} s before it{}"
        raise ValueError(reason.format(max(0.0, times[0] - start), max(0.0, end - times[-1]), because))
    edges = [start, *inside, end]
    gap = max(b - a for a, b in zip(edges, edges[1:]))
    if gap > WIDEST_GAP * (end - start):
        reason = "no power sample for {:.2f} s of a window of {:.2f} s{}"
        raise ValueError(reason.format(gap, end - start, because))


def _at(times: Sequence[float], watts: Sequence[float], at: float) -> float:
    """Power at a time, on the line between its neighbours; beyond the ends the nearest sample's."""
    right = bisect_left(times, at)
    if right == 0:
        return watts[0]
    if right == len(times):
        return watts[-1]
    share = (at - times[right - 1]) / (times[right] - times[right - 1])
    return watts[right - 1] + share * (watts[right] - watts[right - 1])
