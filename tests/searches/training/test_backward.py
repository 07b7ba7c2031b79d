"""The faster backward passes on a CPU: the same gradients as torch's, for any size, stride and dilation."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from archspace.build import build
from archspace.spec.archspec import ArchSpec
from searches.training.backward import FEW, PART, SMALL, FastBackward
from tests.searches.training.gradients import check, gradients, operators, same_bits


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
    check(conv, x.contiguous(memory_format=torch.channels_last) if last else x, "none")


@given(
    height=st.integers(1, 9), width=st.integers(1, 9), dilation=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    sides=st.sampled_from([(3, 1), (1, 3), (5, 1), (1, 5), (3, 5)]), stride=st.integers(1, 2), last=st.booleans(),
)  # fmt: skip
def test_depth_wise_gradients_of_oblong_kernels_are_those_of_torch(
    height: int, width: int, dilation: tuple[int, int], sides: tuple[int, int], stride: int, last: bool
) -> None:
    padding = (dilation[0] * (sides[0] // 2), dilation[1] * (sides[1] // 2))
    conv = nn.Conv2d(3, 3, sides, stride, padding, dilation, groups=3, bias=False, dtype=torch.float64)
    with FastBackward(conv).active():
        assert "forward" in vars(conv)
    x = torch.randn(1, 3, height, width, dtype=torch.float64)
    check(conv, x.contiguous(memory_format=torch.channels_last) if last else x, "none")


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("images", "inputs", "outputs", "groups", "side"),
    [(3, 40, 5, 1, 67), (2, 5, 40, 1, 30), (FEW - 1, 12, 6, 3, 20), (2, 6, 6, 1, 85), (2, 4, 6, 1, 3)],
)
def test_one_tap_gradients_are_those_of_torch(
    images: int, inputs: int, outputs: int, groups: int, side: int, bias: bool, last: bool
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(inputs, outputs, 1, groups=groups, bias=bias)
    x = torch.randn(images, inputs, side, side)
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    got, exact = gradients(conv, x, "none"), gradients(conv.double(), x.double(), None)
    for one, other in zip((got[0], *got[1]), (exact[0], *exact[1]), strict=True):
        scale = other.abs().max().item()
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-5 * scale)
    if last:
        assert all(one.is_contiguous(memory_format=torch.channels_last) for one in (got[0], got[1][0]))
    assert same_bits(got, gradients(conv.float(), x, "none"))


@pytest.mark.usefixtures("one_thread")
def test_one_tap_is_left_to_onednn_where_torch_would_copy() -> None:
    conv = nn.Conv2d(8, 4, 1)
    slow, fast = "aten::_slow_conv2d_forward", "aten::mkldnn_convolution"
    few = torch.randn(FEW - 1, 8, 24, 24)
    assert few.numel() > SMALL
    assert slow in operators(conv, few[:, :, :4, :4], "none")
    assert slow not in operators(conv, few, "none")
    if torch.backends.mkldnn.is_available():
        assert fast in operators(conv, few, "none")
    many = torch.randn(FEW, 8, 24, 24)
    plain, faster = gradients(conv, many, None), gradients(conv, many, "none")
    assert same_bits(plain, faster)


def test_large_maps_are_gone_through_in_parts() -> None:
    conv = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False, dtype=torch.float64)
    x = torch.randn(5, 8, 200, 180, dtype=torch.float64)
    assert x.numel() > 2 * PART
    check(conv, x, "none")


@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (3, 4), (2, 4, 6)])
@pytest.mark.parametrize("slopes", [1, 4])
def test_prelu_gradients_are_those_of_torch(shape: tuple[int, ...], slopes: int) -> None:
    act = nn.PReLU(slopes, dtype=torch.float64)
    x = torch.randn(shape, dtype=torch.float64)
    x.view(-1)[0] = 0.0
    check(act, x, "none")


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 4, 3, padding=2, dilation=2),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, bias=True),
        nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=4, bias=False),
        nn.Conv2d(4, 4, 3, padding=1, dilation=2, groups=4, bias=False),
        nn.Conv2d(4, 4, (3, 1), padding=(2, 1), dilation=(2, 1), groups=4, bias=False),
        nn.Conv2d(4, 4, (3, 2), padding=(2, 0), dilation=(2, 1), groups=4, bias=False),
        nn.Conv2d(4, 4, 3, (1, 2), padding=2, dilation=2, groups=4, bias=False),
        nn.Conv2d(4, 6, 1, stride=2),
        nn.Conv2d(4, 6, 1, padding=1),
        nn.Conv2d(4, 4, 1, groups=4),
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
            with FastBackward(network, "none").active():
                loss = F.cross_entropy(network(x), torch.zeros(3, 32, 64, dtype=torch.long))
        else:
            loss = F.cross_entropy(network(x), torch.zeros(3, 32, 64, dtype=torch.long))
        loss.backward()
        states.append({name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None})
    assert states[0].keys() == states[1].keys()
    torch.testing.assert_close(states[1], states[0])
    assert not any("forward" in vars(module) for module in network.modules())
