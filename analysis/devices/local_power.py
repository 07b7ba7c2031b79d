"""Power of this machine: an idle window, then a steady loop, sampled by a process on another core."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Any

from analysis.board.conditions import conditions
from analysis.board.running import Load
from analysis.board.running import Timed as Loop
from analysis.board.sampling import Sampler
from analysis.board.sensors import find_sensors
from analysis.board.trace import Trace
from analysis.devices.assemble import NO_POWER_ASKED
from analysis.devices.settings import OnProgress, Settings
from analysis.runtimes.base import Opened
from analysis.runtimes.tensorrt import OwnLoop

REPORT_INTERVAL_S = 0.25


def sampled(
    opened: Opened,
    settings: Settings,
    device: str,
    missing: dict[str, str],
    on_progress: OnProgress,
    root: str = "/",
) -> tuple[Trace | None, dict[str, Any], Loop | None]:
    """Samples power before and under a steady load of ``opened``; fills ``missing`` where no sensor can be read.

    Returns:
        The trace, ``None`` if there is no sensor or power is not asked for; its windows; and what a runtime with a
        loop of its own gave.
    """
    extra = _finders(device)
    settle = _settle(settings, extra, missing, root)
    own = isinstance(opened, OwnLoop)
    if settle is None:
        return None, {}, _loop(opened, settings, 0.0, 0.0, on_progress, root) if own else None
    with ExitStack() as stack:
        sampler = Sampler(root, settings.period_s, other_core(), extra)
        stack.enter_context(sampler)
        _wait(settle + settings.idle_s, "idle power", on_progress)
        now = time.monotonic()
        windows: dict[str, Any] = {"idle": [now - settings.idle_s, now]}
        loop = None
        if own:
            loop = _loop(opened, settings, settle, settings.busy_s, on_progress, root)
            windows["busy"], windows["runs_in_busy"] = [loop.start, loop.end], loop.runs
            windows["settle_s"] = max(0.0, settle - (loop.start - loop.load_start))
        else:
            windows["busy"], windows["runs_in_busy"] = _busy(opened, settle + settings.busy_s, on_progress)
        trace = sampler.stop()
    return trace, windows, loop


def other_core() -> int | None:
    """Returns a core for the sampler: the last of those this process may use; ``None`` if there is one alone."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return cores[-1] if len(cores) > 1 else None


def _finders(device: str) -> list[str]:
    """Finders of the GPU's sensor, by its UUID, since NVML and CUDA may count GPUs differently."""
    if device == "cpu":
        return []
    import torch

    return [f"analysis.devices.nvml:find:GPU-{torch.cuda.get_device_properties(device).uuid}"]


def _settle(settings: Settings, extra: list[str], missing: dict[str, str], root: str) -> float | None:
    """Seconds that the slowest sensor needs; ``None``, with the reasons told, where power is not sampled."""
    if not settings.power:
        missing["power_w"] = missing["energy_mj"] = NO_POWER_ASKED
        return None
    sensors, lacking = find_sensors(root, extra)
    settles = [sensor.settle_s for sensor in sensors]
    for sensor in sensors:
        sensor.close()
    if not sensors:
        reasons = "; ".join(f"{name}: {why}" for name, why in lacking.items())
        missing["power_w"] = missing["energy_mj"] = f"no power sensor: {reasons}"
        return None
    return max(settles)


def _busy(opened: Opened, seconds: float, on_progress: OnProgress) -> tuple[list[float], int]:
    """Runs back to back for ``seconds``; start and end on the monotonic clock, and how many."""
    start = reported_at = time.monotonic()
    runs = 0
    while (now := time.monotonic()) < start + seconds:
        opened.run()
        runs += 1
        opened.finish()
        if now - reported_at > REPORT_INTERVAL_S:
            on_progress("power under load", (now - start) / seconds)
            reported_at = now
    return [start, time.monotonic()], runs


def _loop(
    opened: Opened, settings: Settings, settle_s: float, busy_s: float, on_progress: OnProgress, root: str
) -> Loop:
    assert isinstance(opened, OwnLoop)
    return opened.loop(
        Load(settings.runs, settings.warmup, settle_s, busy_s, lambda: conditions(root)), on_progress
    )


def _wait(seconds: float, doing: str, on_progress: OnProgress) -> None:
    start = time.monotonic()
    while (left := start + seconds - time.monotonic()) > 0:
        time.sleep(min(left, REPORT_INTERVAL_S))
        on_progress(doing, 1 - max(0.0, left) / seconds)
