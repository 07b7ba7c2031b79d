"""The graph for inference has the same answers with fewer operations, and so has the engine that runs it."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from archspace.build import build
from archspace.export.deploy import deployed
from archspace.export.flat import flattened
from archspace.export.folding import folded
from archspace.export.native.compiling import compiled
from archspace.export.native.library import Engine
from archspace.export.native.operations import UnsupportedError
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from tests.archspace.export.trained import lived_in
from tests.archspace.strategies import random_spec

LIMIT = 1e-5
NORM = torch.ops.aten.batch_norm.default


def ratio(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / ours.abs().max())


def norms(program: ExportedProgram) -> int:
    return sum(node.target is NORM for node in program.graph.nodes)


def graphs(network: Network) -> tuple[ExportedProgram, ExportedProgram]:
    """As torch traces it, and folded."""
    with torch.no_grad():
        traced = torch.export.export(flattened(deployed(network)).eval(), (network.example(),))
    return traced, folded(traced)


def native(program: ExportedProgram, x: Tensor, shape: tuple[int, ...], threads: int = 1) -> Tensor:
    return torch.from_numpy(Engine(compiled(program), [shape], threads).run([x.numpy()])[0])


def check(network: Network) -> tuple[ExportedProgram, ExportedProgram]:
    """Folded graph and engine answer as the network does; returns the graphs."""
    before, after = graphs(network)
    x = torch.randn(network.example().shape, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = network(x)
        assert ratio(expected, after.module()(x)) <= LIMIT
    try:
        assert ratio(expected, native(after, x, tuple(expected.shape))) <= LIMIT
    except UnsupportedError as error:
        assert "no kernel" in str(error)
    return before, after


def test_all_norms_of_espnetv2_fold_and_nothing_dead_is_left() -> None:
    spec = ArchSpec("espnetv2", width=0.5, alphas=(0, 1, 1, 0), classes=4, input_size=(32, 32))
    network = lived_in(build(spec))
    before, after = check(network)
    assert norms(before) > 0 and norms(after) == 0
    constants = [node for node in after.graph.nodes if node.op == "placeholder"]
    assert all(node.users for node in constants), "parameters that nothing reads are dropped"
    assert len(after.state_dict) < len(before.state_dict)
    assert sum(p.numel() for p in after.parameters()) < sum(p.numel() for p in network.parameters())


class Chain(nn.Module):
    """Layers after a concatenation of two convolutions, the second of which adds up."""

    def __init__(self, *layers: nn.Module, summed: bool = False) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.Conv2d(3, 4, 1)
        self.layers, self.summed = nn.Sequential(*layers), summed

    def forward(self, x: Tensor) -> Tensor:
        one, other = self.one(x), self.other(x)
        return self.layers(one + other if self.summed else torch.cat((one, other + one), 1))  # type: ignore[no-any-return]


def norm(channels: int, *, sign: float = 1.0) -> nn.BatchNorm2d:
    made = nn.BatchNorm2d(channels)
    generator = torch.Generator().manual_seed(5)
    for value, low, high in (
        (made.weight, 0.5, 1.5), (made.bias, -1, 1), (made.running_mean, -1, 1), (made.running_var, 0.5, 2),
    ):  # fmt: skip
        assert value is not None
        with torch.no_grad():
            value.uniform_(low, high, generator=generator)
    with torch.no_grad():
        made.weight[0] *= sign
    return made


@pytest.mark.parametrize(
    ("layers", "summed", "left"),
    [
        ((norm(4), nn.PReLU(4)), True, 0),
        ((norm(8), nn.PReLU(8), nn.Conv2d(8, 5, 3, padding=1, groups=1)), False, 0),
        ((norm(8), nn.PReLU(8), nn.ConvTranspose2d(8, 5, 2, 2)), False, 0),
        ((norm(8), nn.Conv2d(8, 6, 1, groups=2)), False, 0),
        ((norm(8, sign=-1), nn.PReLU(8), nn.Conv2d(8, 5, 1)), False, 1),
        ((norm(8), nn.Conv2d(8, 5, 3, padding=1)), False, 1),
        ((norm(8), nn.Sigmoid(), nn.Conv2d(8, 5, 1)), False, 1),
    ],
    ids=[
        "sum",
        "running sums",
        "transposed",
        "before a 1 x 1",
        "negative scale",
        "before a padded one",
        "no PReLU",
    ],
)
def test_a_norm_folds_where_that_is_exact_and_stays_elsewhere(
    layers: tuple[nn.Module, ...], summed: bool, left: int
) -> None:
    torch.manual_seed(1)
    network, x = Chain(*layers, summed=summed).eval(), torch.randn(1, 3, 9, 11)
    with torch.no_grad():
        traced = torch.export.export(network, (x,))
        made = folded(traced)
        assert (norms(traced), norms(made)) == (1, left)
        assert ratio(network(x), made.module()(x)) <= LIMIT
        assert norms(traced) == 1 and ratio(network(x), traced.module()(x)) == 0, (
            "the given graph stays as it is"
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "units"),
    [
        ("espnetv2", ("esp", "eesp", "mobilenet", "mobilenetv2")),
        ("espnetv2", ("shufflenetv2", "resnet", "shufflenet", "asp")),
        ("espnetv2", ("resnext", "inception", "dice", "eesp")),
        ("espnetv2", ("fcu", "pfcu", "non-bottleneck-1d", "enet")),
        ("espnet", ("eesp", "esp")),
    ],
)
def test_every_unit_folds(network: str, units: tuple[str, ...]) -> None:
    check(
        lived_in(
            build(ArchSpec(network, unit=units, alphas=(1,) * len(units), classes=5, input_size=(32, 32)))
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(int(os.environ.get("ARCHSPACE_RANDOM_SPECS", "4"))))
def test_random_networks_fold(seed: int) -> None:
    """``ARCHSPACE_RANDOM_SPECS=50`` tries more."""
    spec = random_spec(random.Random(seed), most_params=1_000_000)
    torch.manual_seed(seed)
    before, after = check(lived_in(build(spec)))
    assert norms(after) <= norms(before)


def test_the_largest_difference_is_that_of_rounding() -> None:
    """A scale far below the others stays in its norm, where dividing by it would lose digits."""
    torch.manual_seed(2)
    tiny = norm(8)
    with torch.no_grad():
        tiny.weight[3] = 1e-6
    network, x = Chain(tiny, nn.PReLU(8), nn.Conv2d(8, 5, 1)).eval(), torch.randn(1, 3, 9, 11)
    with torch.no_grad():
        made = folded(torch.export.export(network, (x,)))
        assert norms(made) == 1
        np.testing.assert_allclose(made.module()(x), network(x), rtol=1e-5, atol=1e-6)
