"""Devices whose true times are known functions of a network's pieces."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.predictors.layerwise import Observed
from analysis.predictors.pieces import NUMBERS, Piece, pieces_of
from analysis.predictors.record import device_key
from analysis.predictors.timing import Timed
from archspace.spec.archspec import ArchSpec

CLOCKS = 1.03
"""Clocks inside a run make it this much longer."""


def true_time(piece: Piece) -> float:
    """Not smooth, as on a real device: channels that fill no whole vector cost extra, a call costs by itself."""
    amount = dict(zip(NUMBERS, piece.numbers, strict=True))
    ragged = 1.4 if any(count % 32 for count in piece.channels) else 1.0
    dense = amount["dense_1x1"] + amount["dense_kxk"] + 2 * amount["dense_dilated"]
    narrow = amount["grouped"] + 3 * (amount["depthwise"] + amount["depthwise_dilated"]) + amount["deconv"]
    moved = (
        amount["read"]
        + amount["written"]
        + amount["in_elements"]
        + amount["normed"]
        + 2 * amount["activated"]
    )
    calls = 0.004 * (1 + amount["layers"] + amount["children"])
    return calls + ragged * (dense + 4 * narrow) / 4e7 + moved / 2e7


WALL = 1.02
"""On the wall a run is this much longer."""

REFERENCE_MS = 2.0


class KnownDevice:
    """Times with a little noise; a network's is the sum of its pieces'."""

    def __init__(self, noise: float = 0.01, threads: int = 1) -> None:
        self.noise, self.threads = noise, threads
        self.rng = np.random.default_rng(0)
        self.timed: list[str] = []

    def key(self) -> dict[str, Any]:
        return {**device_key(self.threads), "model": "known"}

    def _noisy(self, value: float) -> float:
        return float(value * (1 + self.noise * self.rng.standard_normal()))

    def time_pieces(self, spec: ArchSpec) -> Timed:
        self.timed.append(spec.arch_id)
        pieces = {p.path: self._noisy(CLOCKS * true_time(p)) for p in pieces_of(spec)}
        return self._whole(spec, pieces)

    def time_whole(self, spec: ArchSpec) -> Timed:
        self.timed.append(spec.arch_id)
        return self._whole(spec, {})

    def _whole(self, spec: ArchSpec, pieces: dict[str, float]) -> Timed:
        total = self._noisy(sum(true_time(p) for p in pieces_of(spec)))
        return Timed(
            total=total,
            pieces=pieces,
            reference_ms=REFERENCE_MS,
            error=self.noise,
            runs=20,
            wall_ms=WALL * REFERENCE_MS * total,
        )


def observed(device: KnownDevice, specs: list[ArchSpec]) -> list[Observed]:
    observations = []
    for spec in specs:
        timed = device.time_pieces(spec)
        observations.append(Observed(spec, timed.total, timed.pieces))
    return observations
