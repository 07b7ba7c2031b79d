"""What a running trial waits for, and whether it is its turn: a network is trained by one trial at a time."""

from __future__ import annotations

from collections.abc import Iterable

from optuna.trial import FrozenTrial

AWAY_ATTR, QUEUED, AT_RUNG, TWIN = "away", "queued", "rung", "twin"
"""What a trial waits for: its device to come back (``True``), a machine that holds it, to go on from its rung, another
trial that is at the same network."""

NETWORK_ATTR = "arch_id"
"""The network of a trial, entered with its parameters."""


def trains(frozen: FrozenTrial, arch_id: object) -> bool:
    """Returns whether a running trial is at a network: begun and not ended, and not waiting for its turn itself."""
    waits = frozen.user_attrs.get(AWAY_ATTR, False) in (AT_RUNG, TWIN)
    return not waits and frozen.user_attrs.get(NETWORK_ATTR) == arch_id


def comes(
    frozen: FrozenTrial, running: Iterable[FrozenTrial], before: Iterable[FrozenTrial], waiting: bool
) -> bool:
    """Returns whether it is a running trial's turn, if nobody holds it.

    Args:
        frozen: the trial.
        running: all of its kind that run.
        before: those that run of the kinds that come before it.
        waiting: whether it is the turn of those that wait for their device, or of all others.
    """
    why = frozen.user_attrs.get(AWAY_ATTR, False)
    if why != TWIN:
        return why != AT_RUNG and bool(why) == waiting
    network = frozen.user_attrs.get(NETWORK_ATTR)
    others = (one for one in running if one is not frozen)
    earlier = (one.number < frozen.number and one.user_attrs.get(NETWORK_ATTR) == network for one in running)
    return not (waiting or any(earlier) or any(trains(one, network) for one in (*others, *before)))
