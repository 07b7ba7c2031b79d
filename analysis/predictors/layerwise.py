"""The layer-wise predictor: a network's latency as the sum of its pieces', known ones looked up, others regressed.

Times of pieces are taken inside whole networks (warm caches, real neighbours), so that they add up. A piece that was
met in calibration is looked up by its exact configuration and map; for another of a known kind, on a known map, with
known operators and channels within the range met, the time is a non-negative sum over its MACs, elements and layers,
corrected by boosted trees (as nn-Meter has a regressor for each kind of kernel). Anything else is refused. No torch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.predictors.pieces import NUMBERS, SHAPES, Piece, pieces_of
from analysis.predictors.trees import Trees, fit_trees
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError

FEWEST_NETWORKS = 8
FEWEST_KEYS = 12
FOLDS = 5
FLOOR = 1e-4
"""Least time of a piece, in units of the reference network, in relative errors."""

Array = NDArray[np.float64]


class Unseen(InputError):
    """A network has a piece that the calibration did not meet."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One timed network: whole, and its pieces by path, in units of the reference network."""

    spec: ArchSpec
    total: float
    pieces: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Met:
    """What calibration met of one kind of piece: its maps, and the range of channels it reads and writes."""

    sizes: frozenset[tuple[int, int]]
    low: tuple[int, int]
    high: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regressor:
    """Time of a piece from its numbers: ``weights`` of :data:`NUMBERS` and 1, times e to the power of ``trees``.

    ``error`` is the RMSPE over configurations left out of its fitting.
    """

    weights: tuple[float, ...]
    kinds: tuple[str, ...]
    trees: Trees
    error: float

    def __call__(self, pieces: Sequence[Piece]) -> Array:
        """Times, (N,)."""
        return _linear(pieces, np.array(self.weights)) * np.exp(self.trees(_rows(pieces, self.kinds)))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {
            "weights": list(self.weights), "kinds": list(self.kinds), "trees": self.trees.to_dict(),
            "error": self.error,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Regressor:
        """Returns inverse of :meth:`to_dict`."""
        return cls(
            weights=tuple(data["weights"]), kinds=tuple(data["kinds"]), trees=Trees.from_dict(data["trees"]),
            error=float(data["error"]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """A predicted time, in units of the reference network, and the share of it that was looked up."""

    time: float
    looked_up: float
    pieces: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layerwise:
    """Times by key of a piece, a regressor for other keys, and what was met, for refusing the rest.

    ``scale`` makes the sum of pieces a whole run: clocks inside a run take time themselves.
    """

    table: Mapping[str, float]
    regressor: Regressor
    met: Mapping[str, Met]
    operators: frozenset[str]
    scale: float

    def __call__(self, spec: ArchSpec) -> Answer:
        """The time of a network.

        Raises:
            Unseen: a piece of it was never met; one line that names the layer and what was calibrated.
        """
        pieces = pieces_of(spec)
        others = [piece for piece in pieces if piece.key not in self.table]
        for piece in others:
            self.check(piece)
        times = {piece.path: self.table[piece.key] for piece in pieces if piece.key in self.table}
        known = sum(times.values())
        if others:
            times.update(zip((p.path for p in others), map(float, self.regressor(others)), strict=True))
        total = sum(times.values())
        ordered = {piece.path: self.scale * times[piece.path] for piece in pieces}
        return Answer(self.scale * total, known / total if total else 1.0, ordered)

    def check(self, piece: Piece) -> None:
        """Refuses a piece that the regressor has no ground to judge.

        Raises:
            Unseen: its kind, an operator in it, its map or its channels were not met.
        """
        where = piece.path or "the network"
        met = self.met.get(piece.kind)
        if met is None:
            known = ", ".join(sorted(kind for kind in self.met if "shell" not in kind))
            raise Unseen(f"{where}: {piece.kind}: was never calibrated; calibrated: {known}")
        for path, operator in piece.operators:
            if operator not in self.operators:
                last = operator.split()[0]
                like = sorted(name for name in self.operators if name.split()[0] == last) or sorted(
                    self.operators
                )
                raise Unseen(f"{path}: {operator}: was never calibrated; calibrated: {', '.join(like)}")
        if piece.size not in met.sizes:
            sizes = ", ".join(f"{h}x{w}" for h, w in sorted(met.sizes))
            raise Unseen(
                f"{where}: {piece.kind}: reads a map of {piece.size[0]}x{piece.size[1]}; calibrated: {sizes}"
            )
        for name, count, low, high in zip(
            ("reads", "writes"), piece.channels, met.low, met.high, strict=True
        ):
            if not low <= count <= high:
                raise Unseen(f"{where}: {piece.kind}: {name} {count} channels; calibrated: {low} to {high}")

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {
            "table": dict(self.table), "regressor": self.regressor.to_dict(), "scale": self.scale,
            "operators": sorted(self.operators),
            "met": {
                kind: {"sizes": sorted(map(list, met.sizes)), "low": list(met.low), "high": list(met.high)}
                for kind, met in self.met.items()
            },
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Layerwise:
        """Returns inverse of :meth:`to_dict`."""
        met = {
            kind: Met(
                frozenset((h, w) for h, w in ranges["sizes"]),
                (ranges["low"][0], ranges["low"][1]), (ranges["high"][0], ranges["high"][1]),
            )
            for kind, ranges in data["met"].items()
        }  # fmt: skip
        return cls(
            table=dict(data["table"]), regressor=Regressor.from_dict(data["regressor"]), met=met,
            operators=frozenset(data["operators"]), scale=float(data["scale"]),
        )  # fmt: skip


def fit(observed: Sequence[Observed]) -> tuple[Layerwise, Layerwise]:
    """Returns the predictor fitted on timed networks, and a blind one for checking.

    The blind one looks nothing up: the time of each configuration is what a regressor that was not fitted on it says.

    Raises:
        InputError: too few networks to fit anything.
    """
    if len(observed) < FEWEST_NETWORKS:
        raise InputError(
            f"predictor: {len(observed)} timed networks; needs at least {FEWEST_NETWORKS}: give it more minutes"
        )
    times: dict[str, list[float]] = defaultdict(list)
    pieces: dict[str, Piece] = {}
    for network in observed:
        for piece in pieces_of(network.spec):
            times[piece.key].append(network.pieces[piece.path])
            pieces[piece.key] = piece
    table = {key: float(np.median(samples)) for key, samples in times.items()}
    often = np.array([len(samples) for samples in times.values()], float)
    regressor, unseen = _fit_regressor(list(pieces.values()), np.array(list(table.values())), often)
    kinds = {piece.kind for piece in pieces.values()}
    fitted = Layerwise(
        table=table, regressor=regressor, scale=_scale(observed, table),
        met={kind: _met(piece for piece in pieces.values() if piece.kind == kind) for kind in kinds},
        operators=frozenset(name for piece in pieces.values() for _, name in piece.operators),
    )  # fmt: skip
    blind = dict(zip(table, map(float, unseen), strict=True))
    return fitted, replace(fitted, table=blind, scale=_scale(observed, blind))


def _scale(observed: Sequence[Observed], table: Mapping[str, float]) -> float:
    """Whole runs over sums of pieces, the median."""
    sums = [sum(table[piece.key] for piece in pieces_of(network.spec)) for network in observed]
    return float(np.median([network.total / total for network, total in zip(observed, sums, strict=True)]))


def _met(pieces: Iterable[Piece]) -> Met:
    all_pieces = list(pieces)
    reads, writes = zip(*(piece.channels for piece in all_pieces), strict=True)
    return Met(
        frozenset(piece.size for piece in all_pieces), (min(reads), min(writes)), (max(reads), max(writes))
    )  # fmt: skip


def _fit_regressor(pieces: list[Piece], times: Array, often: Array) -> tuple[Regressor, Array]:
    """Fitted on every configuration; and each one's time by a regressor of which it was left out.

    ``often`` is in how many timed networks each one was.
    """
    if len(pieces) < FEWEST_KEYS:
        raise InputError(f"predictor: {len(pieces)} configurations were met; needs at least {FEWEST_KEYS}")
    kinds = tuple(sorted({piece.kind for piece in pieces}))
    fold = np.random.default_rng(0).permutation(len(pieces)) % FOLDS
    unseen = np.zeros(len(pieces))
    for out in range(FOLDS):
        inside = [p for p, f in zip(pieces, fold, strict=True) if f != out]
        outside = [p for p, f in zip(pieces, fold, strict=True) if f == out]
        unseen[fold == out] = _regressor(inside, times[fold != out], kinds, 0.0)(outside)
    true = np.maximum(times, FLOOR)
    # Fitted to logarithms it is right in the middle but low in sum; a network's time is a sum.
    bias = float(often @ true / (often @ unseen))
    unseen *= bias
    # Weighted by time: an error of half of a piece that takes a thousandth of a run does not count.
    error = float(np.sqrt(np.average(((unseen - true) / true) ** 2, weights=true)))
    fitted = _regressor(pieces, times, kinds, error)
    return replace(fitted, weights=tuple(bias * weight for weight in fitted.weights)), unseen


def _regressor(pieces: list[Piece], times: Array, kinds: tuple[str, ...], error: float) -> Regressor:
    from scipy.optimize import nnls

    times = np.maximum(times, FLOOR)
    columns = _columns(pieces)
    largest = np.maximum(columns.max(axis=0), 1e-12)
    relative = columns / largest / times[:, None] ** 0.75
    weights = nnls(relative, times**0.25)[0] / largest
    weights[-1] = max(weights[-1], FLOOR)
    targets = np.log(times / _linear(pieces, weights))
    trees = fit_trees(_rows(pieces, kinds), targets, np.sqrt(times))
    return Regressor(weights=tuple(map(float, weights)), kinds=kinds, trees=trees, error=error)


def _columns(pieces: Sequence[Piece]) -> Array:
    return np.array([[*piece.numbers, 1.0] for piece in pieces])


def _linear(pieces: Sequence[Piece], weights: Array) -> Array:
    return _columns(pieces) @ weights


def _rows(pieces: Sequence[Piece], kinds: tuple[str, ...]) -> Array:
    """What the trees see: logarithms of the numbers, the shapes, and the kind, one column each. Rounded to 32 bits."""
    numbers = np.log1p(np.array([piece.numbers for piece in pieces]))
    shapes = np.array([piece.shapes for piece in pieces])
    kind = np.array([[float(piece.kind == known) for known in kinds] for piece in pieces])
    rows = np.hstack([numbers, shapes, kind])
    assert rows.shape[1] == len(NUMBERS) + len(SHAPES) + len(kinds)
    return rows.astype(np.float32).astype(np.float64)
