"""The kernels against the same in float64 by torch: every K, dilation, odd size, stride, layout and type."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from archspace.cuda.activation import HARDSWISH, NONE, RELU6, SILU, SLOPED, Activation
from archspace.cuda.dense import Dense
from archspace.cuda.launch import Launch
from archspace.cuda.transform import MOST_EXPANDED, Pointwise, Transform
from archspace.plan.request import limited_rates, linear_rates

SMALL = Launch(pixels=32)
SPLIT = Launch(pixels=32, split=True, unroll=1)
BOUND = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
"""Largest difference to float64 as a share of the largest output: rounding of weights, inputs, one map, and output."""


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape)


def activation(channels: int, kind: int = SLOPED) -> Activation:
    return Activation(kind, torch.rand(channels))


def transform(
    k: int, c: int, dilations: tuple[int, ...], *, stride: int = 1, fusion: bool = True, expand: bool = True,
    kinds: tuple[int, int] = (SLOPED, SLOPED), launch: Launch = SMALL,
) -> Transform:  # fmt: skip
    last = Pointwise(numbers(k * c, c, 1, 1) / c, numbers(k * c), k, activation(k * c, kinds[1]))
    made = Transform(
        numbers(k, c, 3, 3), dilations, stride, fusion, (numbers(k * c), numbers(k * c)),
        activation(k * c, kinds[0]), last if expand else None,
    )  # fmt: skip
    made.launch = last.launch = launch
    return made


def check(part: nn.Module, where: str, *inputs: Tensor, dtype: torch.dtype = torch.float32) -> None:
    """One launch on ``where`` against float64, which no kernel takes."""
    exact = copy.deepcopy(part).double()(*(x.double() for x in inputs))
    ours = part.to(device=where, dtype=dtype)(*(x.to(device=where, dtype=dtype) for x in inputs))
    assert ours.dtype == dtype and ours.shape == exact.shape
    worst = (ours.cpu().double() - exact).abs().max() / exact.abs().max()
    assert worst <= BOUND[dtype], float(worst)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("k", "fusion"), [(1, False), (2, True), (3, False), (3, True), (4, True), (5, True), (8, True)]
)
def test_every_k(k: int, fusion: bool, kernels_run: str) -> None:
    part = transform(k, 3, linear_rates(k), fusion=fusion)
    check(part, kernels_run, numbers(1, 3, 5, 6), numbers(1, 3 * k, 5, 6))


@pytest.mark.parametrize("dilations", [(1, 1, 1, 1), limited_rates(linear_rates(4), 7), (2, 5, 9, 16)])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (6, 5)])
@pytest.mark.parametrize("stride", [1, 2])
def test_every_dilation_size_and_stride(
    dilations: tuple[int, ...], size: tuple[int, int], stride: int, kernels_run: str
) -> None:
    check(transform(4, 2, dilations, stride=stride, expand=False), kernels_run, numbers(1, 2, *size))


def test_several_images_and_tiles(kernels_run: str) -> None:
    check(transform(2, 3, (1, 2)), kernels_run, numbers(2, 3, 5, 7), numbers(2, 6, 5, 7))


@pytest.mark.parametrize("dtype", list(BOUND))
@pytest.mark.parametrize("launch", [SMALL, SPLIT])
def test_every_type(dtype: torch.dtype, launch: Launch, kernels_run: str) -> None:
    part = transform(3, 20, (1, 2, 3), launch=launch)
    check(part, kernels_run, numbers(1, 20, 3, 5), numbers(1, 60, 3, 5), dtype=dtype)


@pytest.mark.parametrize("fusion", [True, False])
@pytest.mark.parametrize("expand", [True, False])
def test_split_and_whole_programs_agree(fusion: bool, expand: bool, kernels_run: str) -> None:
    part = transform(
        4, 36, (1, 2, 3, 4), fusion=fusion, expand=expand
    )  # 36 channels: two blocks without expansion
    x = numbers(1, 36, 4, 5)
    check(part, kernels_run, x)
    part.launch = SPLIT
    check(part.float(), kernels_run, x)


@pytest.mark.parametrize("kinds", [(NONE, SILU), (RELU6, HARDSWISH)])
def test_other_activations(kinds: tuple[int, int], kernels_run: str) -> None:
    check(transform(2, 4, (1, 2), kinds=kinds), kernels_run, 3 * numbers(1, 4, 4, 4))


def test_a_wide_branch_expands_in_a_pass_of_its_own(kernels_run: str) -> None:
    c = MOST_EXPANDED + 4
    check(transform(1, c, (1,)), kernels_run, numbers(1, c, 1, 2), numbers(1, c, 1, 2))


def test_channels_last_stays_so(kernels_run: str) -> None:
    part = transform(2, 4, (1, 2)).to(kernels_run)
    x, identity = numbers(1, 4, 3, 4).to(kernels_run), numbers(1, 8, 3, 4).to(kernels_run)
    y = part(x.to(memory_format=torch.channels_last), identity)
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, part(x, identity), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("groups", "reads", "writes"), [(1, 5, 40), (3, 9, 6), (2, 80, 4)])
def test_grouped_products(groups: int, reads: int, writes: int, kernels_run: str) -> None:
    part = Pointwise(numbers(writes, reads // groups, 1, 1), numbers(writes), groups, activation(writes))
    part.launch = SMALL
    check(part, kernels_run, numbers(2, reads, 3, 5), numbers(2, writes, 3, 5))


@pytest.mark.parametrize(
    ("widths", "fusion", "dtype"),
    [((5, 4, 4, 4), True, torch.float32), ((3, 3), False, torch.float32), ((6, 2, 2, 2, 2), True, torch.float16),
     ((17,), False, torch.bfloat16)],
)  # fmt: skip
def test_dense_branches(widths: tuple[int, ...], fusion: bool, dtype: torch.dtype, kernels_run: str) -> None:
    total = sum(widths)
    part = Dense(
        [numbers(width, 4, 3, 3) for width in widths], tuple(2**i for i in range(len(widths))), fusion,
        (numbers(total), numbers(total)), activation(total),
    )  # fmt: skip
    part.launch = SMALL
    check(part, kernels_run, numbers(1, 4, 5, 3), numbers(1, total, 5, 3), dtype=dtype)
