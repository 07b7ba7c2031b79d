"""Times of a network and of its pieces on this machine, taken so that other programs on it matter little.

The clock is the CPU time of the one thread that runs the network: what a run takes on the wall when nobody takes the
core away. Between any two runs a fixed reference network runs; a run counts in units of the reference's runs around
it, and one between two unlike reference runs is left out. So a machine that is slower for a while (a neighbour in
the shared cache, a lower clock) slows both and the ratio stays.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.predictors.pieces import pieces_of
from analysis.predictors.record import device_key
from archspace.build import build
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError

Array = NDArray[np.float64]

UNLIKE = 0.15
"""A run between reference runs that differ by more than this share is left out, if enough others are left."""

FEWEST = 5
WARMUP = 3
STEADY = 0.01
"""Runs go on until the standard error of their median is below this share, or until there are ``most`` of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One network's times in units of the reference network's.

    Attributes:
        total: median of whole runs without clocks inside; 0 if none were asked for.
        pieces: by path of a piece, median over runs with clocks inside.
        reference_ms: median of the reference's runs meanwhile.
        error: standard error of ``total`` as a share of it; of the sum of the pieces where there is no total.
        runs: that counted.
        wall_ms: median over the whole runs that nobody interrupted, if there were enough of them.
    """

    total: float
    pieces: dict[str, float]
    reference_ms: float
    error: float
    runs: int
    wall_ms: float | None = None


class Timer(Protocol):
    """What a calibration asks of a device."""

    def key(self) -> dict[str, Any]:
        """Returns what two calibrations must share to be for one device."""

    def time_pieces(self, spec: ArchSpec) -> Timed:
        """Times of the pieces, and of whole runs between them."""

    def time_whole(self, spec: ArchSpec) -> Timed:
        """Times of whole runs alone."""


class CpuTimer:
    """Times networks on this machine's CPU: torch eager, one thread, float32, one image."""

    def __init__(self, runtime: str = "torch") -> None:
        if runtime != "torch":
            raise FieldError("runtime", runtime, "the layer-wise predictor knows torch eager only", "torch")
        self.reference, self.x = _reference()

    def key(self) -> dict[str, Any]:
        """CPU model, torch's version and the settings."""
        return device_key()

    def time_pieces(self, spec: ArchSpec, runs: int = 16, plain_runs: int = 8) -> Timed:
        """``runs`` runs with clocks inside and ``plain_runs`` without, in turn."""
        with _conditions():
            network, x = _network(spec)
            clocks = Clocks(network, [p.path for p in pieces_of(spec)])
            runners = [(lambda: clocks.run(x)) if i % 3 < 2 else (lambda: network(x)) for i in range(3)]
            ratios, references, _ = self._alternate(runners, runs + plain_runs, runs + plain_runs)
            inside = np.array([i % 3 < 2 for i in range(len(ratios))])
            table = np.array(clocks.rows[-int(inside.sum()) :])
        kept = _alike(references)
        around = (references[:-1] + references[1:]) / 2
        own = table[kept[inside]] if kept[inside].sum() >= FEWEST else table
        per = around[inside][kept[inside]] if kept[inside].sum() >= FEWEST else around[inside]
        medians = np.median(own / per[:, None], axis=0)
        plain = ratios[~inside & kept] if (~inside & kept).sum() >= FEWEST else ratios[~inside]
        return Timed(
            total=float(np.median(plain)), pieces=dict(zip(clocks.paths, map(float, medians), strict=True)),
            reference_ms=float(np.median(references)), error=_standard_error(plain), runs=len(own) + len(plain),
        )  # fmt: skip

    def time_whole(self, spec: ArchSpec, runs: int = 24, most: int = 80) -> Timed:
        """At least ``runs`` whole runs, more while their median is not steady."""
        with _conditions():
            network, x = _network(spec)
            ratios, references, walls = self._alternate([lambda: network(x)], runs, most)
        kept = _alike(references)
        counted = ratios[kept] if kept.sum() >= FEWEST else ratios
        return Timed(
            total=float(np.median(counted)), pieces={}, reference_ms=float(np.median(references)),
            error=_standard_error(counted), runs=len(counted),
            wall_ms=float(np.median(walls)) if len(walls) >= FEWEST else None,
        )  # fmt: skip

    def _alternate(
        self, runners: list[Callable[[], object]], least: int, most: int
    ) -> tuple[Array, Array, list[float]]:
        """Runs and reference runs in turn: ratios, the reference's milliseconds, walls of uninterrupted runs."""
        for _ in range(WARMUP):
            for run in runners:
                run()
            self.reference(self.x)
        times: list[float] = []
        walls: list[float] = []
        references = [_milliseconds(lambda: self.reference(self.x))[0]]
        while len(times) < least or (len(times) < most and _error(times, references) > STEADY):
            spent, wall = _milliseconds(runners[len(times) % len(runners)])
            times.append(spent)
            if wall <= 1.01 * spent:
                walls.append(wall)
            references.append(_milliseconds(lambda: self.reference(self.x))[0])
        around = np.array(references)
        return np.array(times) * 2 / (around[:-1] + around[1:]), around, walls


class Clocks:
    """Clocks in a network's modules: each row of ``rows`` is one run, milliseconds that each path took itself.

    What a module's timed children take is theirs alone.
    """

    def __init__(self, network: Network, paths: list[str]) -> None:
        self.network, self.paths = network, paths
        self.rows: list[list[float]] = []
        self.own = [0] * len(paths)
        self.inner = [0]
        self.places = [(i, network.get_submodule(path)) for i, path in enumerate(paths)]

    def run(self, x: Tensor) -> None:
        """One run with clocks; afterwards the network has none."""
        self.own = [0] * len(self.paths)
        for index, module in self.places:
            module.forward = self._timed(index, module.forward)
        try:
            self.network(x)
        finally:
            for _, module in self.places:
                del module.forward
        self.rows.append([spent / 1e6 for spent in self.own])

    def _timed(self, index: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            inner, own = self.inner, self.own
            inner.append(0)
            start = time.thread_time_ns()
            result = forward(*args, **kwargs)
            spent = time.thread_time_ns() - start
            own[index] += spent - inner.pop()
            inner[-1] += spent
            return result

        return run


def _reference() -> tuple[Network, Tensor]:
    """A small ESPNet-C: the operators that matter here, in about their shares, on maps of common sizes."""
    return _network(ArchSpec("espnet-c", width=0.5, alphas=[1, 1], classes=8, input_size=(96, 128)))


def _network(spec: ArchSpec) -> tuple[Network, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(spec).eval()
        return network, torch.randn(network.example().shape)


def _milliseconds(run: Callable[[], object]) -> tuple[float, float]:
    """CPU time of this thread, and time on the wall."""
    wall, spent = time.perf_counter_ns(), time.thread_time_ns()
    run()
    return (time.thread_time_ns() - spent) / 1e6, (time.perf_counter_ns() - wall) / 1e6


def _alike(references: Array) -> NDArray[np.bool_]:
    """Which runs stand between two reference runs that agree."""
    before, after = references[:-1], references[1:]
    return np.abs(after - before) <= UNLIKE * np.minimum(before, after)


def _standard_error(samples: Array) -> float:
    """Of the median, as a share of it: 1.25 deviations (from quartiles) over the root of n."""
    low, middle, high = np.percentile(samples, (25, 50, 75))
    return float(1.2533 * (high - low) / 1.349 / np.sqrt(len(samples)) / middle)


def _error(times: list[float], references: list[float]) -> float:
    around = np.array(references)
    return _standard_error(np.array(times) * 2 / (around[:-1] + around[1:]))


@contextlib.contextmanager
def _conditions() -> Iterator[None]:
    """One thread, no gradients."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


def load_average() -> float | None:
    """Of the last minute; ``None`` where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
