"""Timed runs: warm-up until stable, single runs, and a reference network between them that shows drift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from analysis.devices.settings import OnProgress, no_progress

STABLE = 0.1
"""Warm-up ends when two successive windows' medians differ by less than this share."""

WINDOW = 5
MOST_WARMUPS = 4
"""Warm-up lasts at most this many times the runs asked for."""

BETWEEN = 4
"""The reference runs once after so many timed runs, and oftener where there are few."""

FEWEST_REFERENCES = 6
REFERENCE = "3 convolutions 3x3, 3-16-32-32 channels, ReLU, 64 x 64 pixels, seed 0, torch eager float32"

Clock = Callable[[], float]
"""Runs a network once and gives the milliseconds it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Milliseconds of the network and of the reference by run, the warm-up runs, and whether they became stable."""

    samples_ms: list[float]
    reference_ms: list[float]
    warmup: int
    settled: bool


def reference_network() -> nn.Module:
    """Returns the small fixed network whose latency tells how the machine changes; torch's generator is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers: list[nn.Module] = []
        for before, after in ((3, 16), (16, 32), (32, 32)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        return nn.Sequential(*layers).eval()


def reference_input() -> torch.Tensor:
    """(1, 3, 64, 64)."""
    return torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def warm(clock: Clock, least: int) -> tuple[int, bool]:
    """Runs until two successive windows agree; how many runs, and whether they did."""
    times: list[float] = []
    most = max(2 * WINDOW, MOST_WARMUPS * least)
    while len(times) < most:
        times.append(clock())
        if len(times) >= max(least, 2 * WINDOW) and _agree(times[-2 * WINDOW : -WINDOW], times[-WINDOW:]):
            return len(times), True
    return len(times), False


def timed_runs(
    clock: Clock,
    *,
    runs: int,
    warmup: int,
    reference: Clock | None = None,
    on_progress: OnProgress = no_progress,
    warmed: Callable[[], None] = lambda: None,
) -> Timed:
    """Warms up, then times single runs, with the reference between them.

    Args:
        clock: runs the network.
        runs: timed runs.
        warmup: fewest untimed runs.
        reference: runs the reference network, which is warmed up too.
        on_progress: called between runs.
        warmed: called once, after the warm-up.
    """
    count, settled = warm(clock, warmup)
    if reference is not None:
        warm(reference, 1)
    warmed()
    every = max(1, min(BETWEEN, runs // FEWEST_REFERENCES))
    samples: list[float] = []
    references: list[float] = []
    for index in range(runs):
        samples.append(clock())
        if reference is not None and index % every == every - 1:
            references.append(reference())
        on_progress("timing", (index + 1) / runs)
    return Timed(samples_ms=samples, reference_ms=references, warmup=count, settled=settled)


def _agree(before: list[float], after: list[float]) -> bool:
    first, second = float(np.median(before)), float(np.median(after))
    return abs(first - second) <= STABLE * first
