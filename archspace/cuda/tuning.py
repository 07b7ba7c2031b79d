"""Launches that were timed: each distinct part of a fused network with each candidate, on its own input."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from archspace.cuda.launch import Launch, fastest
from archspace.cuda.part import Fused

Clock = Callable[[Callable[[], Any]], float]
"""Milliseconds of a call."""


def key(part: Fused, inputs: tuple[Tensor | None, ...]) -> str:
    """Returns what a launch is good for: the part and the shape, type and layout of its input."""
    x = inputs[0]
    assert x is not None
    last = "channels last" if x.stride(1) == 1 and x.shape[1] > 1 else "contiguous"
    identity = "with identity" if len(inputs) > 1 and inputs[1] is not None else "alone"
    return f"{part.facts()} {tuple(x.shape)} {x.dtype} {last} {identity}"


def parts_of(network: nn.Module, x: Tensor) -> dict[str, tuple[Fused, tuple[Tensor | None, ...]]]:
    """Returns each distinct fused part by its key, with the input that it has when the network runs on ``x``."""
    found: dict[str, tuple[Fused, tuple[Tensor | None, ...]]] = {}
    with _hooked(network, lambda part, inputs: found.setdefault(key(part, inputs), (part, inputs))):
        network(x)
    return found


def tuned(
    network: nn.Module,
    x: Tensor,
    clock: Clock,
    among: Iterable[Launch],
    on_part: Callable[[str, Launch], bool] = lambda name, launch: True,
    workers: int = 1,
) -> dict[str, Launch]:
    """Returns the fastest launch of each distinct part.

    Args:
        network: fused, on the device.
        x: its input.
        clock: times one part.
        among: candidates; those that the device cannot hold are passed over.
        on_part: is told each result; where it returns false, the rest is left as it is.
        workers: threads that compile candidates at once, before one is timed.
    """
    among = list(among)
    table: dict[str, Launch] = {}
    for name, (part, inputs) in parts_of(network, x).items():

        def run(launch: Launch, part: Fused = part, inputs: tuple[Tensor | None, ...] = inputs) -> Tensor:
            one = copy.copy(part)  # its buffers are shared, its launch is its own
            one.launch = launch
            return one.kernel(inputs[0], inputs[1] if len(inputs) > 1 else None)  # type: ignore[arg-type]

        if workers > 1:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(partial(_tried, run), among))
        table[name] = fastest(run, clock, among)
        if not on_part(name, table[name]):
            break
    return table


def _tried(run: Callable[[Launch], Any], launch: Launch) -> None:
    """Compiles a candidate; :func:`archspace.cuda.launch.fastest` passes over one that fails."""
    with contextlib.suppress(Exception), torch.inference_mode():
        run(launch)


def take(network: nn.Module, x: Tensor, table: Mapping[str, Launch]) -> int:
    """Gives the parts of a fused network their launches from a table; returns how many found theirs."""
    taken: set[Fused] = set()

    def give(part: Fused, inputs: tuple[Tensor | None, ...]) -> None:
        launch = table.get(key(part, inputs))
        if launch is not None:
            part.launch = launch
            taken.add(part)

    with _hooked(network, give):
        network(x)
    return len(taken)


@contextmanager
def _hooked(network: nn.Module, tell: Callable[[Fused, tuple[Tensor | None, ...]], Any]) -> Iterator[None]:
    def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        assert isinstance(module, Fused)
        tell(module, inputs)

    parts = [module for module in network.modules() if isinstance(module, Fused)]
    handles = [part.register_forward_pre_hook(hook) for part in parts]
    try:
        with torch.inference_mode():
            yield
    finally:
        for handle in handles:
            handle.remove()
