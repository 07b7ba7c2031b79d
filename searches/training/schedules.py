"""Learning-rate schedules as pure functions of the step. No torch."""

from __future__ import annotations

import math

from searches.config.recipe import Stage

POLY_POWER = 0.9


def rate_factor(stage: Stage, step: int, per_epoch: int) -> float:
    """Returns what ``stage.lr`` is multiplied by at ``step`` (from 0), with ``per_epoch`` steps an epoch.

    ``poly`` is (1 - t)^0.9, ``cosine`` (1 + cos(pi t)) / 2 and ``linear`` 1 - t, with t the share of the steps after
    warm-up that is done; they change at every step. The others change at every epoch e, from 0: ``step`` is
    gamma^floor(e / step_every); ``cyclic`` and ``hybrid`` are those of ESPNetv2 and EdgeNets
    (:func:`cyclic`, :func:`hybrid`). Warm-up rises linearly to 1, from 0 or what ``warmup_from`` says.
    """
    steps = stage.epochs * per_epoch
    warm = round(stage.warmup * steps)
    if step < warm:
        return stage.warmup_from + (1 - stage.warmup_from) * (step + 1) / (warm + 1)
    epoch = step // per_epoch
    if stage.schedule == "constant":
        return 1.0
    if stage.schedule == "step":
        return stage.gamma ** (epoch // stage.step_every)
    if stage.schedule == "cyclic":
        return cyclic(epoch, stage.cycle) * 0.5 ** sum(epoch >= at for at in stage.halve_at)
    if stage.schedule == "hybrid":
        return hybrid(epoch, stage.epochs, stage.cycle, stage.restarts_until)
    t = (step - warm) / max(1, steps - warm)
    if stage.schedule == "linear":
        return 1 - t
    return (1 - t) ** POLY_POWER if stage.schedule == "poly" else (1 + math.cos(math.pi * t)) / 2


def cyclic(epoch: int, cycle: int) -> float:
    """ESPNetv2's cyclic rate with warm restarts, in units of its smallest rate: T - (e mod T).

    The first epoch warms up at the smallest rate.

    >>> [cyclic(e, 5) for e in range(11)]
    [1, 4, 3, 2, 1, 5, 4, 3, 2, 1, 5]
    """
    return 1 if epoch == 0 else cycle - epoch % cycle


def hybrid(epoch: int, epochs: int, cycle: int, until: int) -> float:
    """EdgeNets' hybrid rate: cyclic before the epoch ``until``, then linear, 1 - (e - until + 1)/(E - until + 1).

    >>> [round(hybrid(e, 8, 2, 4), 2) for e in range(8)]
    [1, 1, 2, 1, 0.8, 0.6, 0.4, 0.2]
    """
    if epoch < until:
        return cyclic(epoch, cycle)
    return 1 - (epoch - until + 1) / (epochs - until + 1)
