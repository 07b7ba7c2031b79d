"""The faster backward passes on a CPU: the same gradients as torch's, for any size, stride and dilation."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from archspace.build import build
from archspace.spec.archspec import ArchSpec
from searches.training.backward import PART, FastBackward


def gradients(module: nn.Module, x: Tensor, fast: bool) -> tuple[Tensor, list[Tensor]]:
    """The output of a module, and the gradients of its input and parameters for a random loss."""
    x = x.clone().requires_grad_()
    if fast:
        with FastBackward(module).active():
            y = module(x)
    else:
        y = module(x)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    parameters = [one for one in module.parameters() if one.requires_grad]
    return y, list(torch.autograd.grad((y * weights).sum(), [x, *parameters], allow_unused=True))


def check(module: nn.Module, x: Tensor) -> None:
    plain, expected = gradients(module, x, fast=False)
    fast, got = gradients(module, x, fast=True)
    torch.testing.assert_close(fast, plain)
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other)


@given(
    height=st.integers(1, 13), width=st.integers(1, 13), dilation=st.integers(1, 6), stride=st.integers(1, 3),
    side=st.sampled_from([3, 5]), last=st.booleans(),
)  # fmt: skip
def test_depth_wise_gradients_are_those_of_torch(
    height: int, width: int, dilation: int, stride: int, side: int, last: bool
) -> None:
    conv = nn.Conv2d(
        3, 3, side, stride, dilation * (side // 2), dilation, groups=3, bias=False, dtype=torch.float64
    )
    x = torch.randn(2, 3, height, width, dtype=torch.float64)
    check(conv, x.contiguous(memory_format=torch.channels_last) if last else x)


def test_large_maps_are_gone_through_in_parts() -> None:
    conv = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False, dtype=torch.float64)
    x = torch.randn(5, 8, 200, 180, dtype=torch.float64)
    assert x.numel() > 2 * PART
    check(conv, x)


@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (3, 4), (2, 4, 6)])
@pytest.mark.parametrize("slopes", [1, 4])
def test_prelu_gradients_are_those_of_torch(shape: tuple[int, ...], slopes: int) -> None:
    act = nn.PReLU(slopes, dtype=torch.float64)
    x = torch.randn(shape, dtype=torch.float64)
    x.view(-1)[0] = 0.0
    check(act, x)


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 4, 3, padding=2, dilation=2),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, bias=True),
        nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=4, bias=False),
        nn.Conv2d(4, 4, 3, padding=1, dilation=2, groups=4, bias=False),
        nn.Conv2d(4, 4, (3, 1), padding=(2, 0), dilation=(2, 1), groups=4, bias=False),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, bias=False, padding_mode="reflect"),
    ],
)
def test_other_convolutions_are_left_alone(conv: nn.Conv2d) -> None:
    with FastBackward(conv).active():
        assert "forward" not in vars(conv)


@pytest.mark.parametrize("unit", ["eesp", "esp"])
def test_a_whole_network_has_the_same_gradients_and_is_itself_again_afterwards(unit: str) -> None:
    spec = ArchSpec(
        network="espnetv2", task="segmentation", unit=unit, width=0.25, classes=5, input_size=(32, 64)
    )
    torch.manual_seed(0)
    network = build(spec).double().train()
    x = torch.randn(3, 3, 32, 64, dtype=torch.float64)
    states = []
    for fast in (False, True):
        torch.manual_seed(2)  # dropout
        network.zero_grad()
        if fast:
            with FastBackward(network).active():
                loss = F.cross_entropy(network(x), torch.zeros(3, 32, 64, dtype=torch.long))
        else:
            loss = F.cross_entropy(network(x), torch.zeros(3, 32, 64, dtype=torch.long))
        loss.backward()
        states.append({name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None})
    assert states[0].keys() == states[1].keys()
    torch.testing.assert_close(states[1], states[0])
    assert not any("forward" in vars(module) for module in network.modules())
