"""A trial that this process holds."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import optuna

from analysis.store.constraints import Limits, broken, violations
from analysis.store.records import Measurement
from archspace.support.locks import Held
from searches.study.bracket import RungState
from searches.study.draining import Stopped
from searches.study.leases import Lease, LeaseLost
from searches.training.loop import Callback, Epoch, Step


@dataclass(frozen=True, slots=True)
class Claim:
    """A running trial that this process holds.

    Attributes:
        trial: Optuna's.
        lease: as it stands in the storage.
        lock: the kernel's lock of the trial's folder; ``None`` where one that stands still has it.
        new: whether it was begun with this claim.
        moved: whether another process may have left newer files of it than are in its folder.
        constraints: how far each is kept, by rule; entered when the trial ends.
        lost: set as soon as it is known that another worker has the trial.
        stopped: set as soon as it is known that a person asked for its end.
        rung: how far it has come, and up to which epoch it is to be trained, in a study with rungs.
    """

    trial: optuna.Trial
    lease: Lease
    lock: Held | None
    new: bool = True
    moved: bool = False
    constraints: dict[str, float] = field(default_factory=dict)
    lost: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    rung: RungState | None = None

    def check(self) -> None:
        """Stops work that is for nothing.

        Raises:
            LeaseLost: another worker has the trial.
        """
        if self.lost.is_set():
            raise LeaseLost

    def release(self) -> None:
        """Lets go the kernel's lock."""
        if self.lock is not None:
            self.lock.release()


class Ours(Callback):
    """Ends a trial's training as soon as another worker has the trial, or a person asks for its end.

    Attributes:
        epochs: how many were done.
    """

    def __init__(self, claim: Claim) -> None:
        self._claim, self.epochs = claim, 0

    def begun(self, done: Sequence[Epoch]) -> None:
        """The training starts, or goes on."""
        self.epochs = len(done)
        self.check()

    def step(self, step: Step) -> None:
        """A step was done."""
        self.check()

    def epoch(self, epoch: Epoch) -> None:
        """An epoch was done."""
        self.epochs = epoch.number

    def pause(self) -> float:
        """Between two steps."""
        self.check()
        return 0.0

    def check(self) -> None:
        """Raises what ends the training.

        Raises:
            LeaseLost: another worker has the trial.
            Stopped: a person has asked for its end.
        """
        self._claim.check()
        if self._claim.stopped.is_set():
            raise Stopped


def constrain(
    claim: Claim, known: Mapping[str, Measurement], constraints: Mapping[str, Limits]
) -> str | None:
    """Notes for the sampler how far each known constraint is kept; returns the broken ones in words."""
    claim.constraints.update(violations(known, constraints))
    return broken(known, constraints)
