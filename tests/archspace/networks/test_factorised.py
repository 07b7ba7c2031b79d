"""ESNet, ERFNet, ENet, SegNet and their units against their papers' tables and formulas."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from analysis.counts.complexity import count
from archspace.build import build
from archspace.heads import mirrored
from archspace.network import Network
from archspace.plan import Block, Conv, UnitRequest, draw_unit, placed_layers
from archspace.presets import preset
from archspace.spec.archspec import ArchSpec
from archspace.units import BlockModule, make
from archspace.units.portable import unpooled


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def unit(name: str, m: int, n: int, stride: int = 1, **more: object) -> BlockModule:
    request = UnitRequest(in_channels=m, out_channels=n, stride=stride, act="relu", **more)  # type: ignore[arg-type]
    module = make(draw_unit(name, request))
    assert isinstance(module, BlockModule)
    return module.eval()


def small(name: str, **fields: object) -> Network:
    return build(ArchSpec(name, classes=4, width=0.25, input_size=(64, 64), **fields)).eval()  # type: ignore[arg-type]


def level_units(spec: ArchSpec, level: int) -> list[Block]:
    block = spec.plan.part("encoder").part(f"level{level}")  # type: ignore[union-attr]
    return list(block.part("units"))  # type: ignore[arg-type, union-attr]


def convs(block: Block) -> list[Conv]:
    return [placed.layer for placed in placed_layers(block) if isinstance(placed.layer, Conv)]


# ------------------------------------------------------------------------------ counts

EXACT = {"esnet": 1_661_716, "erfnet": 2_064_256, "enet": 364_019, "segnet": 29_454_548}


@pytest.mark.parametrize("name", EXACT)
def test_exact_parameters_at_20_classes(name: str) -> None:
    assert count(preset(name).spec).params == EXACT[name]


def test_segnets_encoder_is_vgg16() -> None:
    """13 convolutions with bias hold 14,714,688 parameters; the norms are SegNet's, 2 for each of 4,224 channels."""
    levels = count(preset("segnet").spec).levels
    assert sum(levels[f"level{i}"].params for i in range(1, 6)) == 14_714_688 + 2 * 4_224


def test_erfnet_by_hand() -> None:
    """16, 64, 128 channels; a non-bottleneck-1D of n has 12 n^2 + 4 n weights and biases and 4 n of two norms."""

    def own(n: int) -> int:
        return 12 * n * n + 8 * n

    def down(m: int, n: int) -> int:
        return 9 * m * (n - m) + (n - m) + 2 * n

    def up(m: int, n: int) -> int:
        return 9 * m * n + n + 2 * n

    encoder = down(3, 16) + down(16, 64) + 5 * own(64) + down(64, 128) + 8 * own(128)
    decoder = up(128, 64) + 2 * own(64) + up(64, 16) + 2 * own(16) + 4 * 16 * 20 + 20
    assert count(preset("erfnet").spec).params == encoder + decoder


# ------------------------------------------------------------------------------ patterns


def test_enet_repeats_its_eight_bottlenecks_twice() -> None:
    """Table 1: plain, dilated 2, asymmetric 5, dilated 4, plain, dilated 8, asymmetric 5, dilated 16."""
    bottlenecks = []
    for block in level_units(preset("enet").spec, 3):
        first, *middle, last = convs(block)
        assert first.kernel == last.kernel == 1 and first.out_channels == 32
        bottlenecks.append([(conv.kernel, conv.dilation) for conv in middle])
    asymmetric = [((5, 1), 1), ((1, 5), 1)]
    eight = [[(3, 1)], [(3, 2)], asymmetric, [(3, 4)], [(3, 1)], [(3, 8)], asymmetric, [(3, 16)]]
    assert bottlenecks == eight * 2
    assert [convs(block)[1].kernel for block in level_units(preset("enet").spec, 2)] == [3] * 4


def test_erfnet_and_esnet_have_the_published_kernels_and_rates() -> None:
    rates = [[conv.dilation for conv in convs(block)] for block in level_units(preset("erfnet").spec, 3)]
    assert rates == [[1, 1, d, d] for d in (2, 4, 8, 16)] * 2
    esnet = preset("esnet").spec
    assert {conv.kernel for block in level_units(esnet, 1) for conv in convs(block)} == {(3, 1), (1, 3)}
    assert {conv.kernel for block in level_units(esnet, 2) for conv in convs(block)} == {(5, 1), (1, 5)}
    assert [conv.dilation for conv in convs(level_units(esnet, 3)[0])] == [1, 1, 2, 2, 5, 5, 9, 9]


@pytest.mark.parametrize(("limit", "rates"), [(None, [2, 4, 8, 16]), (17, [2, 4, 8, 1]), (5, [2, 1, 1, 1])])
def test_the_networks_rates_keep_the_limit(limit: int | None, rates: list[int]) -> None:
    spec = ArchSpec("erfnet", alphas=(0, 0, 4), receptive_field=limit)
    assert [convs(block)[-1].dilation for block in level_units(spec, 3)] == rates
    assert all(convs(b)[-1].dilation == 1 for b in level_units(ArchSpec("erfnet", dilated=False), 3))


def test_a_unit_takes_the_pattern_of_the_network_where_it_stands() -> None:
    spec = ArchSpec("erfnet", alphas=(0, 0, 2), unit="enet")
    assert [convs(block)[1].dilation for block in level_units(spec, 3)] == [2, 4]
    assert spec.dilated is True and ArchSpec("espnet-c", unit="enet").dilated is None


# ------------------------------------------------------------------------------ forward passes


def run(parts: nn.Module, x: Tensor) -> Tensor:
    for part in parts:  # type: ignore[attr-defined]
        x = part(x)
    return x


@pytest.mark.parametrize("stride", [1, 2])
def test_pfcu_sums_three_branches_under_one_norm(stride: int) -> None:
    module = unit("pfcu", 16, 32 if stride == 2 else 16, stride)
    norm = module.norm.norm  # type: ignore[union-attr]
    norm.running_mean.uniform_(-1, 1)  # type: ignore[union-attr, operator]
    x = torch.randn(2, 16, 24, 20)
    inner = run(module.first, x)  # type: ignore[arg-type]
    expected = sum((norm(branch(inner)) for branch in module.branches), torch.zeros(()))  # type: ignore[operator, union-attr]
    expected = expected + x if stride == 1 else expected
    torch.testing.assert_close(module(x), F.relu(expected))


@pytest.mark.parametrize("name", ["fcu", "non-bottleneck-1d"])
def test_factorised_units_activate_after_each_half_but_the_last(name: str) -> None:
    module = unit(name, 8, 8)
    acts = [hasattr(layer, "act") for layer in module.chain]  # type: ignore[union-attr]
    norms = [hasattr(layer, "norm") for layer in module.chain]  # type: ignore[union-attr]
    assert (acts, norms) == ([True, True, True, False], [False, True, False, True])
    x = torch.randn(1, 8, 9, 9)
    torch.testing.assert_close(module(x), F.relu(run(module.chain, x) + x))  # type: ignore[arg-type]


def test_the_down_sampling_unit_joins_its_convolution_and_the_pooled_input() -> None:
    network = small("erfnet")
    down = network.get_submodule("encoder.level2.down")
    caught: list[Tensor] = []
    down.mix.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))  # type: ignore[union-attr]
    x = torch.randn(1, 16, 10, 12)
    down(x)
    torch.testing.assert_close(caught[0], torch.cat((down.conv(x), F.max_pool2d(x, 2)), 1))  # type: ignore[operator]


def test_enets_strided_bottleneck_pools_and_widens_its_shortcut_with_zeros() -> None:
    module = unit("enet", 16, 32, 2)
    x = torch.rand(1, 16, 9, 8)
    for layer in module.chain:  # type: ignore[union-attr]
        nn.init.zeros_(layer.conv.weight)  # type: ignore[arg-type, union-attr]
    y = module(x)
    torch.testing.assert_close(y[:, :16], F.max_pool2d(x, 2, ceil_mode=True))
    assert y.shape == (1, 32, 5, 4) and not y[:, 16:].any()
    assert hasattr(unit("enet", 64, 32, 2).shortcut, "project")


def test_unpooling_puts_each_value_where_its_maximum_stood() -> None:
    x = torch.randn(2, 3, 8, 6)
    pooled, indices = F.max_pool2d(x, 2, return_indices=True)
    there = unpooled(pooled, indices)
    assert torch.equal(there, F.max_unpool2d(pooled, indices, 2))
    assert torch.equal(there[there != 0], x[there != 0]) and (there != 0).sum() == pooled.numel()


@pytest.mark.parametrize(("name", "levels"), [("enet", (2, 3)), ("segnet", (1, 2, 3, 4, 5))])
def test_decoders_use_the_indices_of_the_level_that_they_undo(
    name: str, levels: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = small(name)
    features = network.encoder(torch.randn(1, 3, 64, 64))
    assert {key for key in features if "indices" in key} == {f"level{i}_indices" for i in levels}
    used: list[Tensor] = []

    def recorded(x: Tensor, indices: Tensor) -> Tensor:
        used.append(indices)
        return unpooled(x, indices)

    monkeypatch.setattr(mirrored, "unpooled", recorded)
    network.head(features, (64, 64))
    expected = [features[f"level{i}_indices"] for i in reversed(levels)]
    assert len(used) == len(expected)
    assert all(torch.equal(one, other) for one, other in zip(used, expected, strict=True))


def test_enets_indices_are_of_the_map_that_its_level_pools() -> None:
    network, x = small("enet"), torch.randn(1, 3, 64, 64)
    features = network.encoder(x)
    for level in (2, 3):
        _, indices = F.max_pool2d(features[f"level{level - 1}"], 2, return_indices=True)
        assert torch.equal(features[f"level{level}_indices"], indices)


def test_enets_up_sampling_sums_an_unpooled_and_a_transposed_way() -> None:
    network = small("enet")
    up = network.get_submodule("head.up3")
    x, indices = torch.randn(1, 48, 4, 4), F.max_pool2d(torch.randn(1, 32, 8, 8), 2, return_indices=True)[1]
    ways = unpooled(up.main(x), indices), up.expand(up.up(up.reduce(x)))  # type: ignore[operator]
    torch.testing.assert_close(up(x, indices), up.last(sum(ways)))  # type: ignore[operator]


# ------------------------------------------------------------------------------ dropout


def test_dropout_is_that_of_the_papers() -> None:
    def shares(name: str) -> dict[str, set[float]]:
        rates: dict[str, set[float]] = {}
        for path, module in small(name).named_modules():
            if isinstance(module, nn.Dropout2d):
                parts = path.split(".")
                rates.setdefault(parts[1] if parts[0] == "encoder" else "head", set()).add(module.p)
        return rates

    assert shares("esnet") == {"level1": {0.03}, "level2": {0.03}, "level3": {0.3}, "head": {0.0}}
    assert shares("erfnet") == {"level2": {0.03}, "level3": {0.3}, "head": {0.0}}
    assert shares("enet") == {"level2": {0.01}, "level3": {0.1}, "head": {0.1}}


@pytest.mark.parametrize("name", ["fcu", "pfcu", "non-bottleneck-1d", "enet"])
def test_training_drops_whole_channels_of_the_units_own_output_and_evaluation_none(name: str) -> None:
    module = unit(name, 32, 32, dropout=0.5)
    x = 1 + torch.rand(1, 32, 6, 6)
    assert torch.equal(module(x), module(x))
    module.train()
    kept = (module(x) != x).flatten(2).any(2)
    assert 0 < int(kept.sum()) < 32, "some channels are the input alone, others are not"


@pytest.mark.parametrize("name", ["esnet", "enet"])
def test_evaluation_is_deterministic(name: str) -> None:
    network, x = small(name), torch.randn(1, 3, 64, 64)
    assert torch.equal(network(x), network(x))
    network.train()
    torch.manual_seed(1)
    one = network(x)
    assert not torch.equal(one, network(x))


# ------------------------------------------------------------------------------ sizes


@pytest.mark.parametrize("name", ["esnet", "erfnet", "enet"])
def test_an_encoder_takes_any_size(name: str) -> None:
    network = small(name, decoder="none")
    assert network(torch.randn(1, 3, 37, 51)).shape == (1, 4, 5, 7)


def test_a_segnet_level_without_convolutions_pools() -> None:
    network = build(ArchSpec("segnet", classes=4, width=0.25, alphas=(0, 1, 0, 0, 2), input_size=(64, 64)))
    assert [info.channels for info in network.feature_info] == [3, 32, 32, 32, 128]
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 4, 64, 64)
