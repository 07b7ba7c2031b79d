"""Time of each unit or layer of a network on this machine's CPU, and how far their sum is from the whole."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from analysis.predictors.kernels import record_kernels
from analysis.predictors.roofline import Kernel
from analysis.store.environment import cpu_model
from archspace.network import Network
from archspace.support.errors import FieldError
from archspace.units.base import BlockModule, LayerModule

By: TypeAlias = Literal["unit", "layer"]
FLOAT32_BYTES = 4
BUSY = 0.9
"""A machine that gives less than this share of its time to the runs is too busy for their times to be trusted."""

ROOF_SIDE, ROOF_BYTES, ROOF_RUNS = 768, 1 << 26, 7
"""Side of the matrices and bytes of the array with which the machine's roofs are measured, and how often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTimes:
    """Medians in milliseconds of one run of batch 1, over the quickest half of the runs.

    On a busy machine a run is interrupted somewhere, so that most parts miss what most runs have; the quickest half was
    interrupted least.

    Attributes:
        layers: in the order in which they first run: ``name``, ``operation``, ``macs``, ``bytes`` (read and written by
            its operations), ``ms``.
        whole_ms: of runs without any clock inside, taken in turn with the others.
        cpu_share: of the whole's time, how much this machine's CPU gave to it; other processes had the rest.
    """

    layers: list[dict[str, Any]]
    whole_ms: float
    cpu_share: float

    @property
    def sum_ms(self) -> float:
        """Sum of the medians."""
        return float(sum(layer["ms"] for layer in self.layers))

    @property
    def gap_percent(self) -> float:
        """How far the sum is from the whole: what runs between the layers (sums, concatenations), and the clocks."""
        return 100 * (self.sum_ms / self.whole_ms - 1)


def timed_parts(network: Network, by: By) -> dict[str, nn.Module]:
    """Returns the modules that are timed, by path, none within another: layers, or units (blocks of layers alone)."""
    parts: dict[str, nn.Module] = {}
    _collect(network, "", by, parts)
    return parts


def _collect(module: nn.Module, path: str, by: By, parts: dict[str, nn.Module]) -> None:
    for name, child in module.named_children():
        where = f"{path}.{name}" if path else name
        listed = isinstance(child, nn.ModuleList)
        block = isinstance(child, BlockModule)
        if listed or (block and (by == "layer" or _has_blocks(child))):
            _collect(child, where, by, parts)
        else:
            parts[where] = child


def _has_blocks(module: nn.Module) -> bool:
    return any(isinstance(child, BlockModule) for child in list(module.modules())[1:])


def layer_times(
    network: Network, *, by: By = "unit", threads: int = 1, warmup: int = 5, runs: int = 30,
    after_run: Callable[[int], None] | None = None,
) -> LayerTimes:  # fmt: skip
    """Times each part of ``network`` while the whole runs on random input; float32, batch 1, eval mode.

    Each timed run is followed by one without clocks inside. Torch's thread count and the network's mode are restored.

    Args:
        network: of any task that reads images.
        by: what is a part: ``unit`` or ``layer``.
        threads: torch's threads within an operator.
        warmup: untimed runs.
        runs: timed runs of each of the two sorts.
        after_run: called after each pair of runs with its number.

    Raises:
        FieldError: a count is below 1, ``by`` is neither, or the network reads words.
    """
    for name, value in (("threads", threads), ("runs", runs)):
        if value < 1:
            raise FieldError(name, value, "must be at least 1", 1)
    if by not in ("unit", "layer"):
        raise FieldError("by", by, "must be unit or layer", "unit")
    if network.spec.task == "language":
        raise FieldError("task", "language", "layers are timed on images", "a vision network")
    x = torch.randn(
        1, network.spec.channels, *network.spec.input_size, generator=torch.Generator().manual_seed(0)
    )
    before, modes = torch.get_num_threads(), [(module, module.training) for module in network.modules()]
    parts = timed_parts(network, by)
    clocked: list[tuple[float, dict[str, int]]] = []
    whole: list[tuple[float, float]] = []
    try:
        network.eval()
        torch.set_num_threads(threads)
        kernels = record_kernels(network, x)
        with torch.inference_mode():
            for _ in range(warmup):
                network(x)
            for index in range(runs):
                with _clocks(parts) as spent:
                    clocked.append((_run(network, x)[0], spent))
                whole.append(_run(network, x))
                if after_run is not None:
                    after_run(index + 1)
    finally:
        torch.set_num_threads(before)
        for module, mode in modes:
            module.training = mode
    costs = _costs(kernels, parts)
    half = (runs + 1) // 2
    quick = [spent for _, spent in sorted(clocked, key=lambda run: run[0])[:half]]
    layers = [
        {
            "name": name, "operation": _words(parts[name]), **costs[name],
            "ms": float(np.median([spent[name] for spent in quick])) / 1e6,
        }
        for name in quick[0]
    ]  # fmt: skip
    kept = np.array(sorted(whole)[:half])
    return LayerTimes(
        layers=layers, whole_ms=float(np.median(kept[:, 0])), cpu_share=float(np.median(kept[:, 1]))
    )


def _run(network: Network, x: Tensor) -> tuple[float, float]:
    """Milliseconds of a run, and the share of them that the calling thread was on a CPU."""
    start, on_cpu = time.perf_counter_ns(), time.thread_time_ns()
    network(x)
    spent = time.perf_counter_ns() - start
    return spent / 1e6, (time.thread_time_ns() - on_cpu) / spent


def layers_report(network: Network, times: LayerTimes, by: By, threads: int, runs: int) -> dict[str, Any]:
    """Times as the layer file that ``archspace plot-device`` draws, with this machine's measured roofs."""
    peak, bandwidth = measured_roofs(threads)
    device = f"{cpu_model()}, {threads} thread{'s' if threads > 1 else ''}, torch {torch.__version__}"
    return {
        "layers_format": 1, "label": network.spec.label, "arch_id": network.spec.arch_id,
        "input_size": list(network.spec.input_size), "origin": "measured", "device": device, "by": by,
        "threads": threads, "runs": runs, "precision": "float32", "batch": 1,
        "peak_flops": peak, "bandwidth": bandwidth, "roofs": "measured",
        "whole_ms": times.whole_ms, "cpu_share": times.cpu_share,
        "sum_ms": times.sum_ms, "gap_percent": times.gap_percent,
        "flags": busy_flags(times), "layers": times.layers,
    }  # fmt: skip


def busy_flags(times: LayerTimes) -> list[str]:
    """Returns why the times are not to be trusted; empty if they are."""
    if times.cpu_share >= BUSY:
        return []
    return [f"unstable: other processes had {1 - times.cpu_share:.0%} of the time of the runs"]


def measured_roofs(threads: int) -> tuple[float, float]:
    """Returns what this CPU attains: operations a second of a matrix product, bytes a second of copying an array."""
    before = torch.get_num_threads()
    a = torch.ones(ROOF_SIDE, ROOF_SIDE)
    source = torch.ones(ROOF_BYTES // FLOAT32_BYTES)
    target = torch.empty_like(source)
    try:
        torch.set_num_threads(threads)
        product, copied = _best(partial(torch.mm, a, a)), _best(partial(target.copy_, source))
    finally:
        torch.set_num_threads(before)
    return 2 * ROOF_SIDE**3 / product, 2 * ROOF_BYTES / copied


def _best(run: Callable[[], object]) -> float:
    """Seconds of the quickest of a few runs."""
    times = []
    for _ in range(ROOF_RUNS):
        start = time.perf_counter_ns()
        run()
        times.append((time.perf_counter_ns() - start) / 1e9)
    return min(times)


@contextmanager
def _clocks(parts: dict[str, nn.Module]) -> Iterator[dict[str, int]]:
    """Nanoseconds spent in each part while the block runs; a part that runs twice has both."""
    spent: dict[str, int] = defaultdict(int)
    started: dict[str, int] = {}

    def enter(name: str, *_: object) -> None:
        started[name] = time.perf_counter_ns()

    def leave(name: str, *_: object) -> None:
        spent[name] += time.perf_counter_ns() - started[name]

    handles = []
    try:
        for name, module in parts.items():
            handles.append(module.register_forward_pre_hook(partial(enter, name)))
            handles.append(module.register_forward_hook(partial(leave, name)))
        yield spent
    finally:
        for handle in handles:
            handle.remove()


def _costs(kernels: list[Kernel], parts: dict[str, nn.Module]) -> dict[str, dict[str, int]]:
    """MACs and bytes of each part: of the operations recorded below its path."""
    costs = {name: {"macs": 0, "bytes": 0} for name in parts}
    for kernel in kernels:
        path = kernel.name
        while path and path not in costs:
            path = path.rpartition(".")[0]
        if path:
            costs[path]["macs"] += kernel.macs
            costs[path]["bytes"] += kernel.elements * FLOAT32_BYTES
    return costs


def _words(module: nn.Module) -> str:
    if isinstance(module, BlockModule):
        return module.block.kind
    if isinstance(module, LayerModule):
        return "+".join(name for name, _ in module.named_children())
    return type(module).__name__.lower()
