"""Latency of many networks by a layer-wise predictor: pieces that networks share are cut and timed once. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.predictors.layerwise import Unseen
from analysis.predictors.pieces import Piece, dead, layer_of, opened, shell_of, unit_of
from analysis.predictors.record import Calibration
from archspace.plan import Block, Size
from archspace.plan.nodes import Node, map_size, stands_at
from archspace.spec.archspec import ArchSpec

Floats = NDArray[np.float64]
SHARED_FROM = 2
"""Blocks so deep in a network are the same in many: below the network and its encoder, its levels."""

MOST_LEVELS = 50_000
"""Levels that are known by their place in memory, and held there, so that equal ones need not be compared."""


class ManyNetworks:
    """Predicts latencies, one after the other or a hundred thousand at once, the same as the predictor does.

    Args:
        made: the predictor.
    """

    def __init__(self, made: Calibration) -> None:
        self.made = made
        self._pieces: list[Piece] = []
        self._times: list[float] = []
        self._numbers: dict[str, int] = {}
        self._cut: dict[tuple[Node, Size], tuple[int, ...]] = {}
        self._levels: dict[tuple[int, Size], tuple[Block, tuple[int, ...]]] = {}

    @property
    def error(self) -> float:
        """Root of the mean squared relative error on held-out networks."""
        return float(self.made.error["rmspe"])

    def latencies(self, specs: Sequence[ArchSpec]) -> Floats:
        """Returns (N,) milliseconds; NaN for a network with a piece that the predictor refuses."""
        cuts = [self._below(spec.plan, spec.input_size, 0) for spec in specs]
        self._time()
        if not cuts:
            return np.empty(0)
        times, ends = np.array(self._times), np.cumsum([len(cut) for cut in cuts])
        every = times[np.concatenate([np.array(cut, dtype=np.int64) for cut in cuts])]
        sums = np.add.reduceat(every, np.concatenate([[0], ends[:-1]]))
        return np.asarray(self.made.predictor.scale * self.made.reference_ms * sums)

    def _below(self, block: Block, size: Size, depth: int) -> tuple[int, ...]:
        """Numbers of the pieces of an opened block that reads a map of ``size``."""
        if (id(block), size) in self._levels:
            return self._levels[id(block), size][1]
        if depth >= SHARED_FROM and (block, size) in self._cut:
            return self._cut[block, size]
        found = [self._number(shell_of(block, "", size))]
        for _, node in block.items():
            if dead(node):
                continue
            below = map_size(size, stands_at(node) if not isinstance(node, Block) else node.at)
            if isinstance(node, Block) and opened(node):
                found += self._below(node, below, depth + 1)
            else:
                found += self._one(node, below)
        if depth >= SHARED_FROM:
            self._cut[block, size] = tuple(found)
        if depth == SHARED_FROM:
            if len(self._levels) >= MOST_LEVELS:
                self._levels.clear()
            self._levels[id(block), size] = (block, tuple(found))
        return tuple(found)

    def _one(self, node: Node, size: Size) -> tuple[int, ...]:
        if (node, size) not in self._cut:
            piece = unit_of(node, "", size) if isinstance(node, Block) else layer_of(node, "", size)
            self._cut[node, size] = (self._number(piece),)
        return self._cut[node, size]

    def _number(self, piece: Piece) -> int:
        number = self._numbers.setdefault(piece.key, len(self._pieces))
        if number == len(self._pieces):
            self._pieces.append(piece)
        return number

    def _time(self) -> None:
        """Times the pieces that came since: looked up, or regressed all at once; NaN for those that are refused."""
        predictor, new = self.made.predictor, self._pieces[len(self._times) :]
        times = [predictor.table.get(piece.key, math.nan) for piece in new]
        unknown = [
            place for place, piece in enumerate(new) if piece.key not in predictor.table and self._met(piece)
        ]
        if unknown:
            regressed = predictor.regressor([new[place] for place in unknown])
            for place, time in zip(unknown, regressed.tolist(), strict=True):
                times[place] = time
        self._times += times

    def _met(self, piece: Piece) -> bool:
        try:
            self.made.predictor.check(piece)
        except Unseen:
            return False
        return True
