"""Joules an image by NVML, idle subtracted, with the spread over windows; traces of power; a known load."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from analysis.board.energy import measured_power
from analysis.board.sampling import Sampler
from analysis.devices.assemble import assemble
from analysis.devices.local_power import other_core
from analysis.devices.record import TOTAL
from analysis.devices.settings import Settings
from tests.gpu.forms import NETWORKS, runtime_of, target_of
from tests.gpu.place import Place
from tests.gpu.pretended import NAME

FORMS = ("cudagraph", "fused-graph", "torch", "compile-max")
WINDOWS, IDLE_S, BUSY_S, PERIOD_S = 3, 1.0, 2.0, 0.02


def run(place: Place) -> None:
    """Writes a row for a product as known load, then a row a form and network, and a record with the trace of each."""
    _known_load(place)
    for name, size in NETWORKS[:1] if place.dry else NETWORKS:
        target = target_of(place, name, size)
        for form in FORMS[1:2] if place.dry else FORMS:
            seconds = 0.0 if place.dry else WINDOWS * (IDLE_S + BUSY_S + 1) + (60 if "compile" in form else 8)
            if not place.allows(seconds, f"{name} {form}"):
                continue
            settings = Settings(runtime=form)
            with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
                runtime = runtime_of(place, form)
                opened = stack.enter_context(runtime.open(target, place.device, settings, Path(folder)))
                taken = [
                    _window(place, opened.run, opened.finish) for _ in range(1 if place.dry else WINDOWS)
                ]
                times = place.times_ms(opened.run)
            joules = [one["net_j"] / one["runs"] for one in taken]
            sensors = [sensor["name"] for sensor in taken[0]["trace"].sensors]
            place.note(
                what="energy", network=name, form=form, sensors=sensors, pretended=NAME in sensors,
                net_mj_an_image=1e3 * statistics.mean(joules),
                spread_mj=1e3 * statistics.stdev(joules) if len(joules) > 1 else None,
                windows=[{k: v for k, v in one.items() if k not in ("trace", "marks")} for one in taken],
            )  # fmt: skip
            version = f"{opened.version}, power {NAME}" if place.dry else opened.version
            record = assemble(
                target, place.device, version, settings, times, trace=taken[0]["trace"],
                windows=taken[0]["marks"], how={"device_model": _model(place), **opened.how},
            )  # fmt: skip
            path = place.out / f"power-{name}-{form}.json"
            path.write_text(json.dumps(record.to_dict(), indent=1) + "\n", encoding="utf-8")


def _model(place: Place) -> str:
    return "dry run on a CPU, power pretended" if place.dry else torch.cuda.get_device_name(0)


def _finder(place: Place) -> str:
    if place.dry:
        return "tests.gpu.pretended:find"
    return f"analysis.devices.nvml:find:GPU-{torch.cuda.get_device_properties(0).uuid}"


def _window(place: Place, call: Any, finish: Any) -> dict[str, Any]:
    """Watts and joules of one idle window and one under load, and the GPU's own counter over the latter."""
    idle_s, busy_s = (0.15, 0.25) if place.dry else (IDLE_S, BUSY_S)
    with Sampler("/", PERIOD_S, other_core(), [_finder(place)]) as sampler:
        time.sleep(idle_s + 0.3)
        now = time.monotonic()
        idle = (now - idle_s, now)
        counter = _counter(place)
        start, runs = time.monotonic(), 0
        while time.monotonic() < start + busy_s:
            call()
            finish()
            runs += 1
        busy = (start, time.monotonic())
        counted = None if counter is None else _counter(place) - counter  # type: ignore[operator]
        trace = sampler.stop()
    if trace.error or not trace.times:
        raise RuntimeError(f"no power was sampled: {trace.error or trace.missing}")
    watts = measured_power(trace, idle, busy, trace.settle_s)[TOTAL]
    seconds = busy[1] - busy[0]
    return {
        "runs": runs, "seconds": seconds, "idle_w": watts["idle"], "busy_w": watts["busy"],
        "net_j": (watts["busy"] - watts["idle"]) * seconds, "counter_j": counted, "trace": trace,
        "marks": {"idle": list(idle), "busy": list(busy), "runs_in_busy": runs, "settle_s": trace.settle_s},
    }  # fmt: skip


def _counter(place: Place) -> float | None:
    """Joules by the GPU's own counter; ``None`` where there is none."""
    if place.dry:
        return None
    from analysis.devices.nvml import NvmlSensor

    try:
        sensor = NvmlSensor(f"GPU-{torch.cuda.get_device_properties(0).uuid}")
        return sensor.total_energy_j()
    except OSError:
        return None


def _known_load(place: Place) -> None:
    """A large product draws near the card's limit; time, power and counter of it are known to fit one another."""
    n = 64 if place.dry else 8192
    a = torch.randn(n, n, device=place.device).to(torch.bfloat16)
    taken = _window(place, lambda: a @ a, place.wait)
    sensors = [sensor["name"] for sensor in taken["trace"].sensors]
    place.note(
        what="known load", of=f"bfloat16 product of {n}", pretended=NAME in sensors,
        **{name: value for name, value in taken.items() if name not in ("trace", "marks")},
    )  # fmt: skip
