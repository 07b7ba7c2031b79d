"""Latency of a network on this machine's CPU: warm-up, single timed runs, spread and conditions."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from analysis.environment import cpu_model
from analysis.records import Measurement
from archspace.errors import FieldError

STABLE = 0.1
"""Warm-up ends when two successive windows' medians differ by less than this share."""

WINDOW = 5
MOST_WARMUPS = 4
"""Warm-up lasts at most this many times the runs asked for."""


def measure_latency(
    network: nn.Module | Callable[[Tensor], object],
    input_size: tuple[int, int],
    channels: int,
    *,
    threads: int = 1,
    warmup: int = 10,
    runs: int = 100,
    batch: int = 1,
    runtime: str = "torch eager",
    after_run: Callable[[int], None] | None = None,
) -> Measurement:
    """Time ``network`` on random input; float32, on the CPU, one run after the other.

    Each run is timed alone with a nanosecond clock. Warm-up goes on past ``warmup`` runs until it is stable
    (``how["stable"]`` says whether it became so). Torch's thread count and the network's mode are restored.

    Args:
        network: a module, put in eval mode for the time, or any function of a (N, C, H, W) tensor.
        input_size: (H, W) in pixels.
        channels: C.
        threads: torch's threads within an operator; a callable on another runtime sets its own.
        warmup: fewest untimed runs.
        runs: timed runs.
        batch: N.
        runtime: name of what runs the network, for the record.
        after_run: called after each timed run with its number, outside the timing.

    Returns:
        ``latency_ms``, the median time of a batch; ``how`` has p5, p95, interquartile range, every sample.

    Raises:
        FieldError: a count is below 1.
    """
    for name, value in (("threads", threads), ("runs", runs), ("batch", batch)):
        if value < 1:
            raise FieldError(name, value, "must be at least 1", 1)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    x = torch.randn(batch, channels, *input_size, generator=torch.Generator().manual_seed(0))
    with _conditions(network, threads), torch.inference_mode():
        warmed, stable = _warm(network, x, warmup)
        samples = []
        for index in range(runs):
            samples.append(_timed(network, x))
            if after_run is not None:
                after_run(index + 1)
    how = {
        **_spread(samples),
        "n": runs, "samples_ms": samples, "warmup": warmed, "stable": stable, "threads": threads,
        "batch": batch,
        "input_size": list(input_size), "channels": channels, "precision": "float32", "device": cpu_model(),
        "runtime": runtime, "version": torch.__version__ if runtime.startswith("torch") else None,
        "load_average_before": load,
    }  # fmt: skip
    return Measurement("latency_ms", how["median"], "ms", "measured", how)


def _timed(network: Callable[[Tensor], object], x: Tensor) -> float:
    """Milliseconds of one run."""
    start = time.perf_counter_ns()
    network(x)
    return (time.perf_counter_ns() - start) / 1e6


def _warm(network: Callable[[Tensor], object], x: Tensor, least: int) -> tuple[int, bool]:
    """Untimed runs until two successive windows agree; how many, and whether they did."""
    times: list[float] = []
    most = max(2 * WINDOW, MOST_WARMUPS * least)
    while len(times) < most:
        times.append(_timed(network, x))
        if len(times) >= max(least, 2 * WINDOW) and _agree(times[-2 * WINDOW : -WINDOW], times[-WINDOW:]):
            return len(times), True
    return len(times), False


def _agree(before: list[float], after: list[float]) -> bool:
    first, second = float(np.median(before)), float(np.median(after))
    return abs(first - second) <= STABLE * first


def _spread(samples: list[float]) -> dict[str, Any]:
    p5, p25, median, p75, p95 = (float(v) for v in np.percentile(samples, (5, 25, 50, 75, 95)))
    return {"median": median, "p5": p5, "p95": p95, "iqr": p75 - p25}


@contextlib.contextmanager
def _conditions(network: object, threads: int) -> Iterator[None]:
    """Eval mode and ``threads``; each module's mode and the thread count come back at the end."""
    modules = list(network.modules()) if isinstance(network, nn.Module) else []
    modes = [module.training for module in modules]
    before = torch.get_num_threads()
    try:
        for module in modules:
            module.training = False
        torch.set_num_threads(threads)
        yield
    finally:
        torch.set_num_threads(before)
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
