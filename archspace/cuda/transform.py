"""The parts that fused EESP units are made of: grouped products, and the transform."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from archspace.cuda.activation import NONE, Activation, activated
from archspace.cuda.launch import Launch, empty_like_layout, layout, power_of_two, usual
from archspace.cuda.part import Fused

MOST_EXPANDED = 128
"""Channels of a branch up to which the expansion is part of the transform: a program holds all of them."""

OUTPUTS = 32
"""Outputs of a grouped product that are computed at once."""


class Pointwise(Fused):
    """A grouped 1 x 1 convolution, its bias, an identity, an activation. (N, C, H, W) -> (N, C', H, W)."""

    weight: Tensor
    bias: Tensor
    slopes: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, groups: int, activation: Activation) -> None:
        """Weights are (C', C / ``groups``, 1, 1), the bias (C',)."""
        super().__init__()
        self.groups, self.kind = groups, activation.kind
        self.register_buffer("weight", weight.contiguous())
        self.register_buffer("bias", bias)
        self.register_buffer("slopes", activation.slopes)

    def facts(self) -> str:
        """Returns outputs and groups."""
        return f"pointwise {self.weight.shape[0]} of {self.groups} groups"

    def empty(self, x: Tensor) -> Tensor:
        """Returns an unwritten output."""
        return empty_like_layout(x, self.weight.shape[0], x.shape[2], x.shape[3])

    def by_torch(self, x: Tensor, identity: Tensor | None) -> Tensor:
        """Runs torch's operators."""
        y = F.conv2d(x, self.weight, self.bias, groups=self.groups)
        return activated(y if identity is None else y + identity, self.kind, self.slopes)

    def kernel(self, x: Tensor, identity: Tensor | None) -> Tensor:
        """Launches the kernel."""
        from archspace.cuda.kernels.pointwise import pointwise

        n, c, h, w = x.shape
        reads, writes = c // self.groups, self.weight.shape[0] // self.groups
        out = self.empty(x)
        also = out if identity is None else identity.contiguous(memory_format=layout(x))
        block = min(power_of_two(writes), OUTPUTS)
        blocks = -(-writes // block)
        launch = self.launch or usual(h * w, n, block)
        grid = (-(-h * w // launch.pixels), n, self.groups * blocks)
        pointwise[grid](
            x, self.weight, self.bias, self.slopes, also, out, writes, h, w, *x.stride(),
            *also.stride()[:2], *out.stride(),
            READS=reads, BLOCKS=blocks, ACT=self.kind, RESIDUAL=identity is not None,
            BLOCK_I=min(power_of_two(reads), OUTPUTS), BLOCK_O=block, **launch.options(),
        )  # fmt: skip
        return out


class Transform(Fused):
    """EESP's branches, running sums, norm and activation; with an ``expansion`` also that, and what follows it.

    Shapes: (N, C, H, W) -> (N, K C, H / stride, W / stride), rounded up.
    """

    taps: Tensor
    rates: Tensor
    scale: Tensor
    shift: Tensor
    slopes: Tensor

    def __init__(
        self,
        taps: Tensor,
        dilations: tuple[int, ...],
        stride: int,
        fusion: bool,
        norm: tuple[Tensor, Tensor],
        activation: Activation,
        expansion: Pointwise | None,
    ) -> None:
        """Takes what the unit's layers hold.

        Args:
            taps: (K, C, 3, 3), a depth-wise kernel of each branch.
            dilations: K of them.
            stride: of all branches.
            fusion: a branch has the sum of all branches up to it.
            norm: scale and shift (K C).
            activation: after the norm.
            expansion: of K groups.
        """
        super().__init__()
        self.dilations, self.stride, self.fusion, self.kind = dilations, stride, fusion, activation.kind
        self.register_buffer("taps", taps.flatten(2).transpose(1, 2).contiguous())  # (K, 9, C)
        self.register_buffer("rates", torch.tensor(dilations, dtype=torch.int32, device=norm[0].device))
        self.register_buffer("scale", norm[0])
        self.register_buffer("shift", norm[1])
        self.register_buffer("slopes", activation.slopes)
        self.expansion = expansion

    def facts(self) -> str:
        """Returns dilations, stride and whether branches are summed and expanded."""
        words = ("summed" if self.fusion else "apart", "plain" if self.expansion is None else "expanded")
        return f"eesp {self.dilations} stride {self.stride} {' '.join(words)}"

    def empty(self, x: Tensor) -> Tensor:
        """Returns an unwritten output."""
        sides = (-(-side // self.stride) for side in x.shape[2:])
        return empty_like_layout(x, len(self.dilations) * x.shape[1], *sides)

    def by_torch(self, x: Tensor, identity: Tensor | None) -> Tensor:
        """Runs torch's operators."""
        y = self.transformed(x)
        return y if self.expansion is None else self.expansion(y, identity)

    def kernel(self, x: Tensor, identity: Tensor | None) -> Tensor:
        """Launches the kernel, and that of a wide expansion."""
        inside = self.expansion is not None and x.shape[1] <= MOST_EXPANDED
        y = launch_transform(
            x, self.empty(x), self.taps, self.rates, self.scale, self.shift, Activation(self.kind, self.slopes),
            stride=self.stride, fusion=self.fusion, expansion=self.expansion if inside else None,
            identity=identity if inside else None, launch=self.launch,
        )  # fmt: skip
        return y if inside or self.expansion is None else self.expansion.kernel(y, identity)

    def transformed(self, x: Tensor) -> Tensor:
        """Returns everything before the expansion, by torch."""
        maps: list[Tensor] = []
        for taps, dilation in zip(self.taps, self.dilations, strict=True):
            kernel = taps.t().reshape(-1, 1, 3, 3)
            one = F.conv2d(x, kernel, None, self.stride, dilation, dilation, x.shape[1])
            maps.append(one + maps[-1] if maps and self.fusion else one)
        y = torch.cat(maps, 1) * self.scale.view(-1, 1, 1) + self.shift.view(-1, 1, 1)
        return activated(y, self.kind, self.slopes)


def launch_transform(
    x: Tensor,
    out: Tensor,
    taps: Tensor,
    rates: Tensor,
    scale: Tensor,
    shift: Tensor,
    activation: Activation,
    *,
    stride: int,
    fusion: bool,
    expansion: Pointwise | None = None,
    identity: Tensor | None = None,
    launch: Launch | None = None,
) -> Tensor:
    """Runs the kernel of :class:`Transform` and returns ``out``; ``taps`` are (K, 9, C), ``rates`` the K dilations."""
    from archspace.cuda.kernels.eesp import transform

    k, (n, c, h, w) = len(taps), x.shape
    pixels = out.shape[2] * out.shape[3]
    also = out if identity is None else identity.contiguous(memory_format=layout(out))
    block = min(power_of_two(c), OUTPUTS) if expansion is None else power_of_two(c)
    launch = launch or usual(pixels, n, block)
    third = (k if launch.split else 1) * -(-c // block)
    weight, bias, last, kind = (
        (taps, shift, shift, NONE)
        if expansion is None
        else (expansion.weight, expansion.bias, expansion.slopes, expansion.kind)
    )
    transform[(-(-pixels // launch.pixels), n, third)](
        x, taps, rates, scale, shift, activation.slopes, weight, bias, last, also, out,
        c, h, w, out.shape[2], out.shape[3], *x.stride(), *also.stride()[:2], *out.stride(),
        K=k, STRIDE=stride, FUSION=fusion, ACT=activation.kind, EXPAND=expansion is not None, LAST=kind,
        RESIDUAL=identity is not None, SPLIT=launch.split, BLOCK_C=block, BLOCK_O=min(block, OUTPUTS),
        UNROLL=launch.unroll, **launch.options(),
    )  # fmt: skip
    return out
