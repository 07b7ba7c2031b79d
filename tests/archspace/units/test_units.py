"""Every unit as a module: shapes, identities, gradients, fusion, and counts against torch's own counter."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from archspace.plan import UNITS, AxisConv, Block, UnitRequest, count_block, draw_unit, placed_layers
from archspace.spec.fields import ACTIVATIONS
from archspace.units import BlockModule, make
from archspace.units.base import initialise, running_sums, shuffle

STRIDED = [(32, 32), (64, 96), (19, 32), (131, 128), (16, 16)]
PLAIN = [(32, 32), (64, 64), (32, 64), (64, 32)]
PLACES = [(m, n, 2) for m, n in STRIDED] + [(m, n, 1) for m, n in PLAIN]
SIZES = [(13, 17), (16, 8), (5, 1)]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def asked(name: str, m: int, n: int, stride: int, **more: object) -> UnitRequest:
    fields: dict[str, Any] = {"branches": UNITS[name].branches, **more}
    return UnitRequest(in_channels=m, out_channels=n, stride=stride, **fields)


def made(name: str, m: int, n: int, stride: int, **more: object) -> BlockModule:
    module = make(draw_unit(name, asked(name, m, n, stride, **more)))
    assert isinstance(module, BlockModule)
    initialise(module)
    return module


def dead_names(block: Block) -> tuple[str, ...]:
    return tuple(f"{placed.path}." for placed in placed_layers(block) if placed.dead)


@pytest.mark.slow
@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize(("m", "n", "stride"), PLACES)
@pytest.mark.parametrize("activate", [True, False])
def test_a_unit_runs_learns_and_costs_what_its_plan_says(
    name: str, m: int, n: int, stride: int, activate: bool
) -> None:
    unit = made(name, m, n, stride, activate=activate)
    assert sum(p.numel() for p in unit.parameters()) == count_block(unit.block, (16, 16)).params
    for height, width in SIZES:
        x = torch.randn(2, m, height, width)
        with FlopCounterMode(display=False) as counter:
            y = unit(x)
        assert y.shape == (2, n, -(-height // stride), -(-width // stride))
        assert y.isfinite().all()
        assert counter.get_total_flops() == 2 * 2 * count_block(unit.block, (height, width)).macs
    x = torch.randn(2, m, 13, 17)
    (unit(x) * torch.randn(2, n, -(-13 // stride), -(-17 // stride))).sum().backward()
    dead = dead_names(unit.block)
    for path, parameter in unit.named_parameters():
        if dead and path.startswith(dead):
            assert parameter.grad is None, f"{path} is declared dead and learns"
        else:
            assert parameter.grad is not None, f"{path} never learns and is not declared dead"
            assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, path


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_every_activation_is_the_one_asked_for(name: str, act: str) -> None:
    classes = {"prelu": nn.PReLU, "relu": nn.ReLU, "relu6": nn.ReLU6, "leaky-relu": nn.LeakyReLU,
               "hardswish": nn.Hardswish, "silu": nn.SiLU, "selu": nn.SELU}  # fmt: skip
    unit = made(name, 32, 32, 1, act=act)
    activations = {type(module) for module in unit.modules()} & set(classes.values())
    assert activations == {classes[act]}
    assert sum(p.numel() for p in unit.parameters()) == count_block(unit.block, (8, 8)).params


@pytest.mark.parametrize("name", [name for name in UNITS if UNITS[name].residual])
def test_the_identity_is_added_only_where_it_is_wanted(name: str) -> None:
    """With all convolutions at zero a residual unit passes a positive input on; a plain one gives zero."""
    x = torch.rand(1, 32, 6, 6) + 0.5
    for residual in (True, False):
        unit = made(name, 32, 32, 1, residual=residual).eval()
        for module in unit.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.zeros_(module.weight)
        expected = x if residual else torch.zeros_like(x)
        torch.testing.assert_close(unit(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in UNITS if UNITS[name].projects])
@pytest.mark.parametrize("residual", [True, False])
def test_a_strided_residual_unit_projects_its_shortcut(name: str, residual: bool) -> None:
    unit = made(name, 19, 32, 2, residual=residual)
    assert unit.has("shortcut") is residual


@pytest.mark.parametrize("name", [name for name in UNITS if not UNITS[name].projects])
def test_other_strided_units_have_no_identity(name: str) -> None:
    assert draw_unit(name, asked(name, 32, 32, 2, residual=True)) == draw_unit(
        name, asked(name, 32, 32, 2, residual=False)
    )


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("stride", [1, 2])
def test_declared_abilities_are_real(name: str, stride: int) -> None:
    """A field that a unit declares changes its plan; one that it does not declare changes nothing."""
    design, base = UNITS[name], asked(name, 64, 64, stride)

    def changes(**more: object) -> bool:
        return draw_unit(name, base) != draw_unit(name, asked(name, 64, 64, stride, **more))

    assert changes(dilated=False) is changes(limit=3) is (design.rates is not None)
    assert changes(fusion=False) is (design.fused_from is not None)
    assert changes(residual=False) is ((design.residual and stride == 1) or design.projects)
    assert changes(pointwise_kernel=3) is (stride in design.pointwise)
    assert changes(inner=2.5) is design.inner
    if design.branches is not None:
        assert changes(branches=2)


@pytest.mark.parametrize("name", [name for name in UNITS if UNITS[name].fused_from is not None])
def test_fusion_starts_at_the_declared_k(name: str) -> None:
    least = UNITS[name].fused_from
    assert least is not None
    for k in (1, 2, 4):
        plain, fused = (
            draw_unit(name, asked(name, 64, 64, 1, branches=k, fusion=on)) for on in (False, True)
        )
        assert (plain != fused) is (k >= least)


def mix_input(module: nn.Module, x: Tensor) -> Tensor:
    """The map that the ``mix`` of a unit reads."""
    caught: list[Tensor] = []
    handle = module.mix.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    module(x)
    handle.remove()
    return caught[0]


@pytest.mark.parametrize(("name", "k"), [("esp", 5), ("esp", 2), ("eesp", 4)])
@pytest.mark.parametrize("fusion", [True, False])
def test_hierarchical_fusion_is_the_running_sum_of_the_released_code(name: str, k: int, fusion: bool) -> None:
    """ESP keeps its first branch out of the sum (ESPNet code); in EESP every branch joins (ESPNetv2 code)."""
    unit = made(name, 64, 64, 1, branches=k, fusion=fusion, residual=False).eval()
    x = torch.randn(1, 64, 9, 7)
    branches = [branch(unit.reduce(x)) for branch in unit.branches]  # type: ignore[operator, union-attr]
    start = 1 if name == "esp" else 0
    expected = list(branches)
    if fusion:
        for i in range(start, k):
            expected[i] = torch.stack(branches[start : i + 1]).sum(0)
    torch.testing.assert_close(mix_input(unit, x), torch.cat(expected, 1))


def test_esp_adds_its_input_before_the_norm() -> None:
    torch.manual_seed(1)
    with_input = made("esp", 64, 64, 1).eval()
    torch.manual_seed(1)
    without = made("esp", 64, 64, 1, residual=False).eval()
    x = torch.randn(1, 64, 6, 6)
    torch.testing.assert_close(mix_input(with_input, x) - mix_input(without, x), x, rtol=1e-4, atol=1e-4)


def test_shufflenetv2_passes_half_of_the_channels_untouched() -> None:
    unit = made("shufflenetv2", 32, 32, 1)
    x = torch.randn(2, 32, 5, 5)
    torch.testing.assert_close(unit(x)[:, ::2], x[:, :16])


@pytest.mark.parametrize("name", ["shufflenetv2", "dice"])
@pytest.mark.parametrize(("m", "n", "passed"), [(48, 116, 24), (116, 116, 58), (64, 32, 16)])
def test_where_channels_change_the_transformed_half_takes_the_difference(
    name: str, m: int, n: int, passed: int
) -> None:
    unit = made(name, m, n, 1)
    x = torch.randn(2, m, 6, 5)
    half = n // 2
    unshuffled = unit(x).view(2, half, 2, 6, 5).transpose(1, 2).reshape(2, n, 6, 5)
    torch.testing.assert_close(unshuffled[:, :passed], x[:, :passed])
    assert unshuffled[:, passed:].shape[1] == n - passed


def test_dice_filters_rows_and_columns_with_filters_of_their_own() -> None:
    """On a map as large as the filters are many: by hand, for every row (column) its own 3 x 3 filter."""
    dice = make(AxisConv(channels=5, side=4, axis="height"))
    x = torch.randn(1, 5, 4, 6)
    y = dice(x)
    weight = dict(dice.named_parameters())["conv.weight"]
    for row in range(4):  # the filter sees channels and the other axis
        plane = x[:, :, row].unsqueeze(1)
        expected = nn.functional.conv2d(plane, weight[row : row + 1], padding=1)[:, 0]
        torch.testing.assert_close(y[:, :, row], expected)
    across = make(AxisConv(channels=5, side=6, axis="width"))
    weight = dict(across.named_parameters())["conv.weight"]
    for column in range(6):
        plane = x[:, :, :, column].transpose(1, 2).unsqueeze(1)  # (N, 1, H, C), as released
        expected = nn.functional.conv2d(plane, weight[column : column + 1], padding=1)[:, 0].transpose(1, 2)
        torch.testing.assert_close(across(x)[:, :, :, column], expected)


@pytest.mark.parametrize("side", [2, 7, 20])
def test_a_filter_along_an_axis_fits_a_map_of_any_size(side: int) -> None:
    """An axis that grows is resized bilinearly, one that shrinks is averaged; a delta filter shows both."""
    module = make(AxisConv(channels=3, side=7, axis="height"))
    weight = dict(module.named_parameters())["conv.weight"]
    nn.init.zeros_(weight)
    with torch.no_grad():
        weight[:, 0, 1, 1] = 1
    x = torch.randn(2, 3, side, 4)
    grown = lambda t, h: nn.functional.interpolate(t, (h, 4), mode="bilinear", align_corners=True)  # noqa: E731
    pooled = lambda t, h: nn.functional.adaptive_avg_pool2d(t, (h, 4))  # noqa: E731
    expected = {2: lambda: pooled(grown(x, 7), 2), 7: lambda: x, 20: lambda: grown(pooled(x, 7), 20)}[side]()
    torch.testing.assert_close(module(x), expected)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_groups_of_a_shufflenet_unit_reach_each_other(k: int) -> None:
    """Without the shuffle one input channel would reach only 1/K of the output."""
    unit = made("shufflenet", 64, 64, 1, branches=k, residual=False, act="silu").eval()
    x = torch.randn(1, 64, 5, 5)
    nudged = x.clone()
    nudged[:, 0] += 1
    assert ((unit(x) - unit(nudged)).abs().amax((0, 2, 3)) > 0).float().mean() > 0.99


@pytest.mark.parametrize(("name", "k"), [("esp", 1), ("esp", 4), ("eesp", 2), ("eesp", 4), ("asp", 3)])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_unit_sees_as_far_as_its_largest_dilation(name: str, k: int, stride: int) -> None:
    unit = made(name, 32, 32, stride, branches=k, act="silu", residual=False).eval().double()
    x = torch.randn(1, 32, 65, 65, dtype=torch.double, requires_grad=True)
    y = unit(x)
    y[0, :, y.shape[2] // 2, y.shape[3] // 2].sum().backward()
    assert x.grad is not None
    rows = x.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    largest = 2 ** (k - 1) if name in ("esp", "asp") else k
    # A strided ESP reduces with a 3 x 3 of stride 2 first: branches then work at half the size.
    side = 2 * (2 * largest) + 3 if name == "esp" and stride == 2 else 2 * largest + 1
    assert int(rows.max() - rows.min()) + 1 == side


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("stride", [1, 2])
def test_the_memory_format_does_not_change_the_output(name: str, stride: int) -> None:
    unit = made(name, 32, 32, stride).eval()
    x = torch.randn(2, 32, 9, 7)
    last = x.to(memory_format=torch.channels_last)
    torch.testing.assert_close(unit(last), unit(x), rtol=1e-4, atol=1e-4)


def test_shuffle_interleaves_groups() -> None:
    x = torch.arange(6.0).view(1, 6, 1, 1)
    assert shuffle(x, 2).flatten().tolist() == [0, 3, 1, 4, 2, 5]
    assert shuffle(x, 3).flatten().tolist() == [0, 2, 4, 1, 3, 5]
    assert torch.equal(shuffle(shuffle(x, 2), 3), x)


def test_running_sums_add_all_before() -> None:
    assert [int(t) for t in running_sums([torch.tensor(n) for n in (1, 2, 3, 4)])] == [1, 3, 6, 10]
    assert running_sums([]) == []


def test_equal_requests_share_a_plan_but_never_weights() -> None:
    one, other = made("esp", 64, 64, 1), made("esp", 64, 64, 1)
    assert one.block is other.block
    assert not {p.data_ptr() for p in one.parameters()} & {p.data_ptr() for p in other.parameters()}


def test_initial_convolutions_are_kaiming_normal_by_fan_out() -> None:
    unit = made("resnet", 64, 64, 1)
    conv = next(m for m in unit.modules() if isinstance(m, nn.Conv2d))
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.03)
    assert abs(conv.weight.mean().item()) < 1e-3
