"""The fastest form of a network on the machine at hand: every form that runs here is tried, in turns in one process."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspace.export.agreement import ExportError, Runner
from archspace.export.cpu_forms import CPU_FORMS
from archspace.export.formats import FORMATS, Exported
from archspace.export.formats.base import Source, check_formats
from archspace.support.errors import FieldError, InputError

LEAST_ROUNDS, MOST_ROUNDS = 11, 200
SECONDS = 5.0
"""As long as the turns take, with at least :data:`LEAST_ROUNDS` of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fastest:
    """What was tried and what won.

    Attributes:
        name: the format.
        exported: what it said as it was written.
        card: plain data for the card: ``device``, ``processor``, ``threads``, ``load``, ``batch``, ``chosen``, and
            ``tried``: of each form its times and its difference to torch, or the ``reason`` why it was not timed.
    """

    name: str
    exported: Exported
    card: Mapping[str, Any]


def find_fastest(
    source: Source, folder: Path, threads: int, on_progress: Callable[[str], object] = lambda _: None
) -> Fastest:
    """Writes every form that this machine can run, times those that agree, and keeps the files of the fastest.

    Args:
        source: what is exported.
        folder: an empty one; the winner's files lie in it afterwards, nothing else.
        threads: within an operation.
        on_progress: is told what is being done.

    Raises:
        InputError: no form can be written here and agrees; the message has each one's reason.
    """
    written: dict[str, Exported] = {}
    runners: dict[str, Runner] = {}
    reasons: dict[str, str] = {}
    for name, opened in CPU_FORMS.items():
        on_progress(f"writing {name}")
        place = folder / name
        place.mkdir(parents=True)
        try:
            check_formats({name: FORMATS[name]}, source.options, source.network.spec.task)
            written[name] = FORMATS[name].write(source, place)
            runners[name] = opened(source, place, threads)
        except (InputError, ExportError) as error:
            text = error.rule if isinstance(error, FieldError) else str(error)
            reasons[name] = " ".join(text.split()).removesuffix("; nothing was written")
    if not runners:
        named = "; ".join(f"{name}: {why}" for name, why in reasons.items())
        raise InputError(f"--for cpu: no form runs here: {named}")
    sample = source.samples["random"][0]
    on_progress(f"timing {', '.join(runners)} in turns")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    times = timed_in_turns({name: lambda run=run: run(sample.inputs) for name, run in runners.items()})  # type: ignore[misc]
    best = min(times, key=lambda name: statistics.median(times[name]))
    for name in CPU_FORMS:
        if name == best:
            for file in (folder / name).iterdir():
                file.rename(folder / file.name)
        shutil.rmtree(folder / name)
    card = {
        "device": "cpu", "processor": processor(), "threads": threads, "load": load,
        "batch": int(sample.inputs[0].shape[0]), "chosen": best,
        "tried": [
            _said(name, written[name], times[name]) if name in times
            else {"format": name, "runtime": FORMATS[name].runtime, "reason": reasons[name]}
            for name in CPU_FORMS
        ],
    }  # fmt: skip
    return Fastest(name=best, exported=written[best], card=card)


def timed_in_turns(
    runs: Mapping[str, Callable[[], object]], seconds: float = SECONDS, warm: int = 2
) -> dict[str, list[float]]:
    """Returns milliseconds of single runs by name; all take turns, so that what disturbs one disturbs the others."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        for _ in range(warm):
            run()
    end = time.perf_counter() + seconds
    for number in range(MOST_ROUNDS):
        if number >= LEAST_ROUNDS and time.perf_counter() > end:
            break
        for name, run in runs.items():
            start = time.perf_counter_ns()
            run()
            times[name].append((time.perf_counter_ns() - start) / 1e6)
    return times


def _said(name: str, exported: Exported, times: list[float]) -> dict[str, Any]:
    worst = max(exported.agreements.values(), key=lambda one: one.share)
    return {
        "format": name, "runtime": worst.runtime or FORMATS[name].runtime, "median_ms": statistics.median(times),
        "least_ms": min(times), "n": len(times), "relative_difference": worst.relative,
    }  # fmt: skip


def processor() -> str:
    """Returns what the processor calls itself, or its kind."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
