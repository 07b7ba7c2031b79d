"""What can be seen of the kernels without a GPU: that they compile for one, in torch.compile's graph, and are tuned."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from archspace.cuda.fused import fuse
from archspace.cuda.launch import FILLED, HELD, Launch, fastest, usual
from archspace.cuda.tuning import parts_of, take, tuned
from tests.archspace.cuda.ahead import KERNELS
from tests.archspace.cuda.units import difference, unit
from tests.commands import ROOT


def test_every_kernel_compiles_for_compute_capability_9(tmp_path: Path) -> None:
    env = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.archspace.cuda.ahead"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    made = json.loads(done.stdout)
    assert made.keys() == KERNELS.keys() and all(one["code"] > 0 for one in made.values())


def test_a_fused_unit_is_one_graph_for_torch_compile(kernels_run: str) -> None:
    plain = unit("eesp", {"branches": 2}).eval()
    fused = copy.deepcopy(plain).to(kernels_run)
    fuse(fused)
    graphs: list[Any] = []

    def backend(graph: torch.fx.GraphModule, _inputs: object) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    x = torch.randn(1, 16, 2, 3)
    with torch.inference_mode():
        y = torch.compile(fused, backend=backend, fullgraph=True)(x.to(kernels_run))
        assert difference(y.cpu(), plain(x)) <= 1e-5
    targets = [str(node.target) for node in graphs[0].graph.nodes]
    assert sum("fused_part" in target for target in targets) == 2


def test_the_fastest_launch_is_taken_and_one_that_fails_is_not() -> None:
    cost = {Launch(pixels=16): 3.0, Launch(pixels=32): 1.0, Launch(pixels=64): 0.5}

    def run(launch: Launch) -> float:
        if launch.pixels == 64:
            raise MemoryError("out of shared memory")
        return cost[launch]

    assert fastest(run, lambda call: call(), cost) == Launch(pixels=32)
    with pytest.raises(RuntimeError, match="no launch runs"):
        fastest(run, lambda call: call(), [Launch(pixels=64)])


@pytest.mark.parametrize("channels", [16, 32, 64, 128])
@pytest.mark.parametrize(("pixels", "images"), [(1, 1), (512, 1), (32768, 1), (32768, 16)])
def test_usual_launches_hold_what_fits_and_split_where_the_gpu_would_idle(
    pixels: int, images: int, channels: int
) -> None:
    launch = usual(pixels, images, channels)
    assert launch.pixels * channels <= max(HELD, 16 * channels)
    programs = -(-pixels // launch.pixels) * images
    assert launch.split == (programs < FILLED)


def test_a_tuned_network_takes_the_launches_of_its_table(kernels_run: str) -> None:
    network = unit("eesp", {"branches": 2}).eval()
    fuse(network)
    network.to(kernels_run)
    x = torch.randn(1, 16, 2, 3, device=kernels_run)
    found = parts_of(network, x)
    assert len(found) == 2
    with torch.inference_mode():
        before = network(x)
        wanted = Launch(pixels=16, warps=8)
        told: list[str] = []

        def clock(call: Callable[[], Any]) -> float:
            call()
            return len(told)

        table = tuned(
            network,
            x,
            clock,
            [wanted, Launch(pixels=32)],
            lambda name, _: told.append(name) is None,
            workers=2,
        )
        assert table == dict.fromkeys(found, wanted) and told == list(found)
        assert all(part.launch is None for part, _ in found.values())
        assert take(network, x, table) == 2 and all(part.launch == wanted for part, _ in found.values())
        assert difference(network(x), before) <= 1e-6
