"""How long it takes to screen 100,000 networks of a space, on one core: ``python -m tests.bench.screen [CANDIDATES]``.

Every network is built as a plan, counted exactly, held against the limits, and its accuracy and latency are predicted:
the accuracy by the predictor of a study with 100 trained networks (their numbers are made up; the time does not depend
on them), the latency by a layer-wise predictor. One space is that of the built-in study; in the other few networks are
drawn twice. Prints CPU seconds of each stage; fails beyond a minute.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from analysis.predictors.many import ManyNetworks
from analysis.store.constraints import PlainLimits
from searches.config.study import read_config
from searches.study.pool import Ended, Screened, Screening
from searches.study.screened_space import screen_space
from searches.study.screening import Candidate, Screen
from searches.study.space import SearchSpace
from tests.searches.calibrated import calibrated

CAP_S = 60.0
TRAINED = 100
WIDE: dict[str, Any] = {
    "network": {"choices": ["espnet-c", "espnet", "espnetv2"]},
    "unit": {"choices": ["esp", "eesp", "mobilenetv2", "shufflenetv2", "resnext"], "per_level": True},
    "width": {"low": 0.25, "high": 1.25, "step": 0.05},
    "branches": {"choices": [2, 4], "per_level": True},
    "alphas": {"low": 0, "high": 6, "per_level": True},
    "receptive_field": {"choices": [5, 9, 13]},
    "fusion": {"choices": ["hff", "none"]},
    "reinforcement": {"choices": [True, False]},
}
SPACES = {"scenes": read_config("scenes").space, "wide": WIDE}
FIXED = {"task": "segmentation", "classes": 8, "input_size": [96, 128], "channels": 3}


def main() -> None:
    """Prints CPU seconds by stage, a study after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("candidates", nargs="?", type=int, default=100_000)
    count = parser.parse_args().candidates
    with threadpool_limits(1):
        for name in SPACES:
            seconds, wall = screened(name, count)
            total = sum(seconds.values())
            print(f"  in all {total:.1f} s of one core, {wall:.1f} s on the wall")
            assert count > 100_000 or total <= CAP_S, f"beyond {CAP_S:g} s"


def screened(name: str, count: int) -> tuple[dict[str, float], float]:
    """Screens a space; CPU seconds by stage, and seconds on the wall."""
    limits = {"macs": PlainLimits(max=2e8), "latency_ms": PlainLimits(max=40.0)}
    screen = Screen(SearchSpace(SPACES[name], FIXED), limits)
    some = [one for one in screen.drawn(3 * TRAINED, 7, ("macs", "params")) if one is not None]
    latency = ManyNetworks(calibrated([one.spec for one in some[TRAINED:]]))
    of = Screening(screen, ("miou", "macs", "latency_ms"), limits, latency=latency)
    shared = Screened(of, ["maximize", "minimize", "minimize"])
    ended = made_up([one for one in some if screen.excess(one) <= 0][:TRAINED])
    measured = latency.latencies([one.spec for one in ended])
    ended = [
        replace(one, values={**one.values, "latency_ms": float(ms)})
        for one, ms in zip(ended, measured, strict=True)
    ]
    latency = ManyNetworks(latency.made)  # nothing is timed beforehand
    shared = Screened(replace(of, latency=latency), ["maximize", "minimize", "minimize"])
    began = time.perf_counter()
    found = screen_space(shared, ended, count, 0)
    wall = time.perf_counter() - began
    print(
        f"{name}: {found.drawn:,} networks looked at, {found.different:,} different, {len(found.networks):,} within "
        f"the limits that are counted, {int(found.front.sum())} on the predicted front"
    )
    for stage, spent in found.seconds.items():
        print(f"  {stage:<18} {spent:6.1f} s")
    return dict(found.seconds), wall


def made_up(networks: list[Candidate]) -> list[Ended]:
    """Trained networks with numbers that grow with their costs, and noise."""
    rng = np.random.default_rng(0)
    return [
        Ended(
            one.spec,
            one.params,
            {"miou": 20 + 8 * float(np.log10(one.counts["macs"])) + float(rng.normal(0, 1))},
        )
        for one in networks
    ]


if __name__ == "__main__":
    main()
