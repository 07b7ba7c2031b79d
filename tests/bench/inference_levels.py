"""Where the native form's time goes: milliseconds and multiply-accumulates by the size of the map."""

from __future__ import annotations

import time
from typing import Any

from archspace.export.native.compiling import compiled
from archspace.export.native.library import Engine, peak_macs
from archspace.export.signature import ExportOptions
from archspace.export.source import described, make_source
from archspace.network import Network

ROUNDS = 30


def level_times(network: Network) -> list[dict[str, Any]]:
    """Of each size of map, the largest first: the least time of its operations one after the other, and their share of
    what the core could do in that time.

    Operations are timed alone, on one thread, with their weights and maps in the cache: a run takes longer.
    """
    options = ExportOptions()
    source = make_source(network, None, options, described(network.spec, None, None, options))
    program = compiled(source.program)
    engine = Engine(program, [port.shape for port in source.signature.outputs])  # type: ignore[misc]
    (x,) = source.samples["random"][0].inputs
    kept = engine.run((x,))  # the last outputs are written to again
    least = [float("inf")] * len(program.tasks)
    for _ in range(ROUNDS):
        for index in range(len(program.tasks)):
            start = time.perf_counter_ns()
            engine.run_task(index)
            least[index] = min(least[index], (time.perf_counter_ns() - start) / 1e6)
    del kept
    peak = peak_macs()
    levels: dict[tuple[int, int], dict[str, Any]] = {}
    for task, ms in zip(program.tasks, least, strict=True):
        level = levels.setdefault(task.size, {"size": list(task.size), "macs": 0, "ms": 0.0})
        level["macs"] += task.macs
        level["ms"] += ms
    return [
        {**level, "share": 1e3 * level["macs"] / peak / level["ms"]}
        for level in sorted(levels.values(), key=lambda one: -one["size"][0])
    ]
