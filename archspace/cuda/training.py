"""EESP's branches and running sums as one operation with gradients, for training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from archspace.cuda.activation import NONE, Activation
from archspace.cuda.launch import empty_like_layout, launches, power_of_two, usual
from archspace.cuda.transform import OUTPUTS, launch_transform
from archspace.plan.nodes import Conv
from archspace.units.esp import Eesp

TILES = 16
"""Most tiles of the output that a program of the weights' gradient adds up."""


@dataclass(frozen=True, slots=True)
class Branches:
    """How a unit's branches read: the stride of all, and whether their outputs are summed one after the other."""

    stride: int
    fusion: bool


class BranchSums(torch.autograd.Function):
    """The branches of an EESP unit, summed if so asked, concatenated."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, rates: Tensor, one: Tensor, how: Branches) -> Tensor:
        """(N, C, H, W), (K, 9, C), (K,) dilations and K C ones -> (N, K C, H / stride, W / stride), rounded up."""
        ctx.save_for_backward(x, taps, rates)
        ctx.how = how
        sides = (-(-side // how.stride) for side in x.shape[2:])
        out = empty_like_layout(x, len(one), *sides)
        return launch_transform(
            x, out, taps, rates, one, torch.zeros_like(one), Activation(NONE, one), stride=how.stride,
            fusion=how.fusion,
        )  # fmt: skip

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        """Gradients to the input and the taps."""
        x, taps, rates = ctx.saved_tensors
        (grad,) = grads
        to_x = _to_input(grad, x, taps, rates, ctx.how) if ctx.needs_input_grad[0] else None
        to_taps = _to_taps(grad, x, taps, rates, ctx.how) if ctx.needs_input_grad[1] else None
        return to_x, to_taps, None, None, None


def _to_input(grad: Tensor, x: Tensor, taps: Tensor, rates: Tensor, how: Branches) -> Tensor:
    from archspace.cuda.kernels.gradients import to_input

    n, c, h, w = x.shape
    out = empty_like_layout(x, c, h, w)
    launch, block = usual(h * w, n, OUTPUTS), min(power_of_two(c), OUTPUTS)
    to_input[(-(-h * w // launch.pixels), n, -(-c // block))](
        grad, taps, rates, out, c, h, w, *grad.shape[2:], *grad.stride(), *out.stride(),
        K=len(taps), STRIDE=how.stride, FUSION=how.fusion, BLOCK_C=block, BLOCK_P=launch.pixels,
        num_warps=launch.warps,
    )  # fmt: skip
    return out


def _to_taps(grad: Tensor, x: Tensor, taps: Tensor, rates: Tensor, how: Branches) -> Tensor:
    from archspace.cuda.kernels.gradients import to_taps

    k, (n, c, h, w) = len(taps), x.shape
    pixels = grad.shape[2] * grad.shape[3]
    launch, block = usual(pixels, n, OUTPUTS), min(power_of_two(c), OUTPUTS)
    tiles = -(-pixels // launch.pixels)
    each = min(TILES, tiles)
    parts = -(-tiles // each)
    partial = torch.empty(n * parts, k, 9, c, dtype=torch.float32, device=x.device)
    to_taps[(parts, n, k * -(-c // block))](
        x, grad, rates, partial, c, h, w, *grad.shape[2:], *x.stride(), *grad.stride(),
        K=k, STRIDE=how.stride, FUSION=how.fusion, TILES=each, BLOCK_C=block, BLOCK_P=launch.pixels,
        num_warps=launch.warps,
    )  # fmt: skip
    return partial.sum(0).to(taps.dtype)


class JoinedEesp(Eesp):
    """An EESP unit whose branches are one operation where kernels run; parameters and names are the unit's own."""

    rates: Tensor
    one: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Runs the unit."""
        if not launches(x):
            return super().forward(x)
        reduced = self.reduce(x)
        weights = [conv.get_parameter("conv.weight") for conv in self.branches]
        taps = torch.stack([weight.flatten(1).t() for weight in weights])
        y = BranchSums.apply(reduced, taps, self.rates, self.one, self._how())  # type: ignore[no-untyped-call]
        y = self.expand(self.mix(y))
        if self.block.option("residual"):
            y = y + x
        return self.last(y) if self.activates else y  # type: ignore[no-any-return]

    def _how(self) -> Branches:
        nodes = self.block.part("branches")
        assert isinstance(nodes, tuple) and isinstance(nodes[0], Conv)
        return Branches(nodes[0].stride, self.block.option("fusion"))


def join_branches(network: nn.Module) -> int:
    """Makes the branches of every EESP unit one operation, in place; returns how many units.

    State dicts stay as they are. Nobody has timed this on a GPU yet, so nothing does it unasked.
    """
    count = 0
    for unit in network.modules():
        if type(unit) is Eesp:
            nodes = unit.block.part("branches")
            assert isinstance(nodes, tuple)
            like = next(unit.branches.parameters())
            rates = [node.dilation for node in nodes if isinstance(node, Conv)]
            unit.__class__ = JoinedEesp
            unit.register_buffer(
                "rates", torch.tensor(rates, dtype=torch.int32, device=like.device), persistent=False
            )
            unit.register_buffer("one", like.new_ones(len(rates) * like.shape[0]).detach(), persistent=False)
            count += 1
    return count
