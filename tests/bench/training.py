"""How much faster a training step is on a CPU than torch's own: ``make bench``.

Forward, loss, backward and update: torch's own, ours with torch alone, and ours with the C++ kernels, in turns in one
process on one thread. CPU seconds are counted, so that other work on the machine shows little; medians are printed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import nullcontext

import torch
import torch.nn.functional as F

from archspace.build import build
from archspace.presets import preset
from archspace.spec.archspec import ArchSpec
from searches.training.backward import FastBackward

SMALL = {"classes": 11, "input_size": (184, 240)}
"""CamVid at half the papers' size."""
TABLE = {
    "task": "segmentation", "classes": 11, "input_size": (64, 96), "width": 0.375, "branches": 4,
}  # fmt: skip
"""Networks of the space of searches/config/studies/camvid-table.yaml."""
CASES = (
    (
        ArchSpec(
            network="espnetv2", width=0.25, alphas=(2, 2, 2, 2), branches=2, classes=10, input_size=(32, 32)
        ),
        64,
    ),
    (preset("espnetv2-1.0").spec.replace(input_size=(224, 224)), 8),
    (preset("espnetv2-seg-1.0").spec.replace(classes=11, input_size=(352, 480)), 2),
    (preset("espnet-camvid").spec.replace(input_size=(352, 480)), 2),
    *((preset(name).spec.replace(**SMALL), 8) for name in ("espnet-camvid", "fpenet", "enet", "dabnet")),
    (ArchSpec(network="espnet", alphas=(2, 2), **TABLE), 8),
    (ArchSpec(network="espnetv2", unit="eesp", alphas=(2, 2, 2), **TABLE), 8),
)
"""Networks and batches."""


WAYS = (None, "none", "all")
"""Torch's own step, and ours without and with C++ kernels."""


def seconds(spec: ArchSpec, batch: int, rounds: int) -> list[float]:
    """CPU seconds of a step in each of the ways."""
    torch.manual_seed(0)
    network = build(spec).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.randn(batch, spec.channels, *spec.input_size).contiguous(memory_format=torch.channels_last)
    scores = network(x)
    target = torch.zeros((batch, *scores.shape[2:]), dtype=torch.long)
    faster = [nullcontext if way is None else FastBackward(network, way).active for way in WAYS]
    optimizers = [
        torch.optim.AdamW(network.parameters(), lr=1e-5, fused=None if way is None else True) for way in WAYS
    ]
    taken: list[list[float]] = [[] for _ in WAYS]
    for number in range(rounds + 1):
        for way, optimizer in enumerate(optimizers):
            begin = time.process_time()
            optimizer.zero_grad()
            with faster[way]():
                loss = F.cross_entropy(network(x), target)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if number:
                taken[way].append(time.process_time() - begin)
    return [statistics.median(one) for one in taken]


def main() -> None:
    """Prints a line a network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    for spec, batch in CASES:
        plain, alone, ours = seconds(spec, batch, rounds)
        size = " x ".join(map(str, spec.input_size))
        print(f"{spec.label}, {size}, batch {batch}: a training step {1e3 * ours:.0f} ms of one CPU thread; "
              f"without C++ kernels {1e3 * alone:.0f} ms; torch's own {1e3 * plain:.0f} ms: ratio {plain / ours:.2f}",
              flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
