"""How fast exact costs are, beside fvcore on the same networks: ``make bench``.

Both count the same 200 random specs in one process, in turns, after a warm-up. fvcore needs a built network and a
real image; building is timed apart. The specs are small so that fvcore's part ends soon; that is in its favour.
"""

from __future__ import annotations

import logging
import random
import statistics
import time

import torch
from fvcore.nn import FlopCountAnalysis

from analysis.counts.complexity import count
from archspace.build import build
from archspace.plan import UNITS
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import SpecError

SPECS, SIZE = 200, 128


def random_spec(rng: random.Random) -> ArchSpec:
    """A network of the whole space at 128 x 128."""
    while True:
        network = rng.choice(["espnet-a", "espnet-b", "espnet-c", "espnet", "espnetv2"])
        fields = {
            "network": network, "task": rng.choice(["classification", "segmentation"]),
            "unit": [rng.choice(list(UNITS)) for _ in range(4)], "width": rng.uniform(0.25, 2.0),
            "alphas": [rng.randint(0, 6) for _ in range(4)], "classes": rng.randint(2, 30), "input_size": SIZE,
        }  # fmt: skip
        try:
            return ArchSpec.sampled(fields)
        except SpecError:
            continue


def main() -> None:
    """Prints medians in milliseconds a network, and their ratio."""
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    rng = random.Random(0)
    specs = [random_spec(rng) for _ in range(SPECS)]
    fields = [spec.to_dict() for spec in specs]
    warm = random_spec(rng)
    count(warm)
    FlopCountAnalysis(build(warm).eval(), torch.zeros(1, 3, SIZE, SIZE)).total()
    ours, building, theirs = [], [], []
    for spec, data in zip(specs, fields, strict=True):
        start = time.perf_counter()
        cost = count(ArchSpec.from_dict(data))
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        network = build(spec).eval()
        building.append(time.perf_counter() - start)
        start = time.perf_counter()
        analysis = FlopCountAnalysis(network, torch.zeros(1, 3, SIZE, SIZE))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        analysis.total()
        theirs.append(time.perf_counter() - start)
        assert cost.params == sum(p.numel() for p in network.parameters())
    ms = {
        name: 1e3 * statistics.median(times)
        for name, times in (("ours", ours), ("building", building), ("fvcore", theirs))
    }
    total = {name: sum(times) for name, times in (("ours", ours), ("fvcore", theirs))}
    print(f"exact cost of {SPECS} random specs at {SIZE} x {SIZE}, one thread, median a network")
    print(f"  archspace, from the spec's fields   {ms['ours']:9.3f} ms")
    print(
        f"  fvcore, the network built already   {ms['fvcore']:9.3f} ms   (building it: {ms['building']:.3f} ms)"
    )
    print(
        f"  ratio of medians {ms['fvcore'] / ms['ours']:.0f}, of totals {total['fvcore'] / total['ours']:.0f}"
    )


if __name__ == "__main__":
    main()
