"""The table: networks in their forms, each beside torch eager timed right before, with floor and difference."""

from __future__ import annotations

import copy
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import torch

from analysis.counts.floors import NUMBER_BYTES, works
from analysis.devices.settings import Precision, Settings
from analysis.devices.target import Target
from analysis.runtimes import RUNTIMES, Opened
from analysis.runtimes.base import difference
from analysis.runtimes.torch_forms import Eager
from archspace.build import build
from archspace.presets import preset
from tests.gpu.hardware import measured
from tests.gpu.place import Place, median, spread

NETWORKS = (("espnetv2-seg-2.0", (512, 1024)), ("espnet", (512, 1024)), ("espnetv2-1.0", (224, 224)))
QUICK = (
    "torch", "cudagraph", "fused-graph", "fused", "streams", "streams-graph", "channels-last-graph",
    "fused-channels-last-graph", "channels-last",
)  # fmt: skip
"""Forms that are ready at once."""

LOWER = ("cudagraph", "fused-graph", "torch")
"""Forms that are tried in float16 and bfloat16 too."""

LEAST_S = 5.0
"""Seconds that must be left for a form to be begun."""

Row = tuple[str, tuple[int, int], str, str, int]
"""Network, input, form, precision, batch."""

DRY_SIZE, DRY_NETWORK = (32, 32), "espnetv2-seg-0.5"
_EXACT: dict[tuple[str, int], list[Any]] = {}
"""Answers in float32 on the CPU, by network and batch."""


def target_of(place: Place, name: str, size: tuple[int, int]) -> Target:
    """Returns a network of drawn weights whose norms have seen data; narrow and small when dry."""
    torch.manual_seed(0)
    spec = preset(DRY_NETWORK if place.dry and "seg" in name else name).spec
    spec = spec.replace(input_size=DRY_SIZE if place.dry else size)
    network = build(spec)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return Target.of(network)


def runtime_of(place: Place, name: str) -> Eager:
    """Returns a form; when dry one that is neither compiled nor captured."""
    runtime = RUNTIMES[name]
    assert isinstance(runtime, Eager)
    if place.dry:
        runtime = copy.copy(runtime)
        runtime.prepared = lambda network, x: network  # type: ignore[method-assign,assignment]
    return runtime


def run(place: Place) -> None:
    """Writes a row a form and network: float32, then lower precisions, then other networks, then batch 16."""
    first, *others = NETWORKS
    rows: list[Row] = [(*first, form, "float32", 1) for form in QUICK]
    rows += [(*first, form, low, 1) for low in ("bfloat16", "float16") for form in LOWER]
    rows += [(*network, form, "float32", 1) for network in others for form in QUICK[:6]]
    rows += [(*first, form, low, 16) for low in ("float32", "float16") for form in LOWER]
    if place.dry:  # each kind of row once
        rows = [
            *rows[: len(QUICK) + 2],
            (*others[0], "fused", "float32", 1),
            (*first, "cudagraph", "float32", 2),
        ]
    table(place, rows)


def table(place: Place, rows: list[Row], least_s: float = LEAST_S) -> None:
    """Writes the rows as far as the time goes; a form that fails is a row too."""
    targets: dict[str, Target] = {}
    for name, size, form, precision, batch in rows:
        if not place.allows(0.0 if place.dry else least_s, f"{name} {form} {precision} batch {batch}"):
            continue
        if name not in targets:
            targets[name] = target_of(place, name, size)
        settings = Settings(precision=cast("Precision", precision), batch=batch, runtime=form)
        try:
            place.note(network=name, form=form, **_row(place, targets[name], settings))
        except Exception as error:  # the next form runs, unless the device is broken
            place.note(network=name, form=form, precision=precision, batch=batch, failed=repr(error)[:500])
            if "CUDA error" in repr(error):
                raise


def _row(place: Place, target: Target, settings: Settings) -> dict[str, Any]:
    bandwidth, rates = measured(place)
    number_bytes = NUMBER_BYTES[settings.precision]
    assert target.network is not None and settings.runtime is not None
    plan = target.network.spec.plan
    floors = {
        grain: sum(
            work.floor_ms(bandwidth, rates[settings.precision], settings.batch, number_bytes)
            for work in works(plan, target.input_size, grain)
        )
        for grain in ("unit", "layer")
    }
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:

        def opened(name: str, device: str, settings: Settings) -> Opened:
            runtime = runtime_of(place, name)
            return stack.enter_context(runtime.open(target, device, settings, Path(folder)))

        one = opened(settings.runtime, place.device, settings)
        eager = opened("torch", place.device, settings)
        at = (target.label, settings.batch)
        if at not in _EXACT:
            whole = Settings(batch=settings.batch, threads=torch.get_num_threads())
            _EXACT[at] = opened("torch", "cpu", whole).answer()
        share = difference(_EXACT[at], one.answer())
        beside = place.times_ms(eager.run)
        times = place.times_ms(one.run, runs=100)
        return {
            "precision": settings.precision, "batch": settings.batch, "size": list(target.input_size),
            "ms": median(times), "spread": spread(times), "eager_ms": median(beside), "runs": len(times),
            "times_eager": median(beside) / median(times), "difference_to_float32_on_cpu": share,
            "agrees": share <= 1e-5 if settings.precision == "float32" else None,
            "floor_ms": floors, "share_of_unit_floor": floors["unit"] / median(times), "how": one.how,
        }  # fmt: skip
