"""In which order a process takes the trials of a study, and when none is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from archspace.support.errors import InputError
from searches.config.parts import MeasureConfig
from searches.study.claims import Claim
from searches.study.measurer import waits
from searches.study.outages import enduring
from searches.study.trials import Trials

JOIN_SECONDS = 2.0
"""Between two looks at what the other workers have finished."""


def claims(
    kinds: Sequence[Trials], measure: MeasureConfig | None, on_wait: Callable[[], None] | None,
    drained: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Trials, Claim]]:  # fmt: skip
    """Yields trials to run, each claimed.

    First come those of the first kind, then of the second, ..., of each kind first those that another machine has
    trained and this one measures. Those whose device was away come when no others are left, and the device is waited
    for then.

    Args:
        kinds: the trials of the study, by kind.
        measure: what this process measures them on, if it does.
        on_wait: called now and then while other processes run the last trials; left out, end when none can be taken.
        drained: whether a person has asked for the end; asked before each trial.

    Raises:
        InputError: the device was away for as long as the study says to wait.
    """
    limit_s = 0.0 if measure is None else measure.wait_s
    pauses = iter(waits(limit_s))
    while not drained():
        following = next(_next(kinds, measure is not None), None)
        if following is not None:
            yield following
            continue
        ended, tried = _ended(kinds), False
        for trials in kinds if measure is not None else ():
            if (claim := trials.claim(waiting=True)) is not None:
                tried = True
                yield trials, claim
        if tried and _ended(kinds) > ended:
            pauses = iter(waits(limit_s))
        elif tried and measure is not None:
            pause = next(pauses, None)
            if pause is None:
                rule = "is away; its trials are trained and wait; when it is back, run the same command"
                raise InputError(f"{measure.device}: {rule}")
            time.sleep(pause)
        elif on_wait is None or not enduring(lambda: sum(trials.look() for trials in kinds)):
            return
        else:
            on_wait()
            time.sleep(JOIN_SECONDS)


def _next(kinds: Sequence[Trials], measures: bool) -> Iterator[tuple[Trials, Claim]]:
    """A trial that can be run at once."""
    for trials in kinds:
        if (claim := trials.claim(queued=measures)) is not None:
            yield trials, claim


def _ended(kinds: Sequence[Trials]) -> int:
    return sum(len(trials.known) for trials in kinds)
