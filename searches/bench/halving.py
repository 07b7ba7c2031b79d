"""Rungs on a yardstick: networks are begun cheaply, and the best of each rung are trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from searches.bench.yardstick import Ledger
from searches.config.rungs import halving
from searches.judging.rungs import promotable

REDUCTION = 3


class Ladder:
    """The rungs of one run of a method, as a study with ``judging: {rungs: auto}`` has them.

    Args:
        ledger: what the trainings are paid from.
        whole: no rungs, every network is trained to the end.
    """

    def __init__(self, ledger: Ledger, *, whole: bool = False) -> None:
        self.ledger, epochs = ledger, ledger.yardstick.epochs
        self.epochs = [epochs] if whole else halving(epochs, REDUCTION)
        self._asked: Counter[int] = Counter()
        self._values: list[dict[int, float]] = [{} for _ in self.epochs]
        self._changed = [True for _ in self.epochs]

    def done(self, index: int) -> bool:
        """Whether a network was trained to the end."""
        return index in self._values[-1]

    def waits(self, index: int) -> bool:
        """Whether a network was begun and is not trained to the end."""
        return index in self._values[0] and not self.done(index)

    def after(self, index: int) -> Iterator[tuple[int, float]]:
        """Trains a network to the first rung, then on whatever is to go on; yields those that come to the end.

        One that came before is not trained again, but counts among those of which some go on.
        """
        self._asked[index] += 1
        if not self.waits(index):
            if not self.done(index):
                self._train(index, 0)
            if self.done(index):
                yield index, self._values[-1][index]
        self._changed = [True for _ in self.epochs]
        while (moved := self._advance()) is not None:
            if self.done(moved):
                yield moved, self._values[-1][moved]

    def _advance(self) -> int | None:
        """Trains on the network that is to go on, that of the highest rung; ``None`` where none is."""
        for level in range(len(self.epochs) - 2, -1, -1):
            index = self._promotable(level) if self._changed[level] else None
            if index is not None:
                self._train(index, level + 1)
                return index
            self._changed[level] = False
        return None

    def _train(self, index: int, level: int) -> None:
        self._values[level][index] = self.ledger.train(index, self.epochs[level])
        self._changed[level] = True

    def _promotable(self, level: int) -> int | None:
        """The network of a rung that is to go on."""
        index, above = list(self._values[level]), self._values[level + 1]
        points = self.ledger.yardstick.points(np.array([self._values[level][i] for i in index]), index)
        gone = [at for at, i in enumerate(index) if i in above]
        place = promotable(points, gone, REDUCTION, asked=sum(self._asked[i] for i in index))
        return None if place is None else index[place]
