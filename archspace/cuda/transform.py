"""The parts that fused units are made of, each by its kernel where one runs, else by torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.cuda.activation import NONE, Activation, activated
from archspace.cuda.launch import Launch, empty_like_layout, launches, layout, power_of_two, usual

MOST_EXPANDED = 128
"""Channels of a branch up to which the expansion is part of the transform: a program holds all of them."""

OUTPUTS = 32
"""Outputs of a grouped product that are computed at once."""


class Fused(nn.Module):
    """A part with one kernel.

    Attributes:
        launch: how it is launched; ``None``: as :func:`archspace.cuda.launch.usual` says for the map at hand.
    """

    launch: Launch | None = None



class Pointwise(Fused):
    """A grouped 1 x 1 convolution, its bias, an identity and an activation. (N, C, H, W) -> (N, C', H, W)."""

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

    def forward(self, x: Tensor, identity: Tensor | None = None) -> Tensor:
        """Runs it; ``identity`` (N, C', H, W) is added before the activation."""
        if not launches(x):
            y = F.conv2d(x, self.weight, self.bias, groups=self.groups)
            return activated(y if identity is None else y + identity, self.kind, self.slopes)
        from archspace.cuda.kernels.pointwise import pointwise

        n, c, h, w = x.shape
        reads, writes = c // self.groups, self.weight.shape[0] // self.groups
        out = empty_like_layout(x, self.weight.shape[0], h, w)
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

    def forward(self, x: Tensor, identity: Tensor | None = None) -> Tensor:
        """Runs it; ``identity`` (N, K C, H, W) joins after the expansion."""
        if not launches(x):
            y = self.transformed(x)
            return y if self.expansion is None else self.expansion(y, identity)
        inside = self.expansion is not None and x.shape[1] <= MOST_EXPANDED
        y = launch_transform(
            x, self.taps, self.rates, self.scale, self.shift, Activation(self.kind, self.slopes),
            stride=self.stride, fusion=self.fusion, expansion=self.expansion if inside else None,
            identity=identity if inside else None, launch=self.launch,
        )  # fmt: skip
        return y if inside or self.expansion is None else self.expansion(y, identity)

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
    """Runs the kernel of :class:`Transform`; ``taps`` are (K, 9, C), ``rates`` the K dilations on the device."""
    from archspace.cuda.kernels.eesp import transform

    k, (n, c, h, w) = len(taps), x.shape
    out = empty_like_layout(x, k * c, -(-h // stride), -(-w // stride))
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


class Dense(Fused):
    """ESP's dense dilated branches, running sums, identity, norm and activation. (N, C, H, W) -> (N, C', H, W)."""

    scale: Tensor
    shift: Tensor
    slopes: Tensor
    packed: Tensor
    rates: Tensor

    def __init__(
        self,
        weights: list[Tensor],
        dilations: tuple[int, ...],
        fusion: bool,
        norm: tuple[Tensor, Tensor],
        activation: Activation,
    ) -> None:
        """Takes what the unit's layers hold.

        Args:
            weights: (C_k, C, 3, 3) of each branch; all but the first are equally wide.
            dilations: of the branches.
            fusion: every branch from the third on has the sum of all from the second up to it.
            norm: scale and shift (C').
            activation: after the norm.
        """
        super().__init__()
        self.widths = tuple(len(weight) for weight in weights)
        self.dilations, self.fusion, self.kind = dilations, fusion, activation.kind
        block = power_of_two(max(self.widths))
        rows = [F.pad(w.flatten(2).permute(2, 0, 1), (0, 0, 0, block - len(w))) for w in weights]
        self.register_buffer("packed", torch.stack(rows).contiguous())  # (K, 9, block, C)
        self.register_buffer("rates", torch.tensor(dilations, dtype=torch.int32, device=norm[0].device))
        self.register_buffer("scale", norm[0])
        self.register_buffer("shift", norm[1])
        self.register_buffer("slopes", activation.slopes)

    def forward(self, x: Tensor, identity: Tensor | None = None) -> Tensor:
        """Runs it; ``identity`` (N, C', H, W) is added before the norm."""
        if not launches(x):
            return self._by_torch(x, identity)
        from archspace.cuda.kernels.esp import dense

        n, c, h, w = x.shape
        out = empty_like_layout(x, sum(self.widths), h, w)
        also = out if identity is None else identity.contiguous(memory_format=layout(out))
        block = self.packed.shape[2]
        launch = self.launch or usual(h * w, n, block)
        dense[(-(-h * w // launch.pixels), n)](
            x, self.packed, self.rates, self.scale, self.shift, self.slopes, also, out, c, self.widths[0], self.widths[-1],
            h, w, *x.stride(), *also.stride()[:2], *out.stride(),
            K=len(self.widths), FUSION=self.fusion, ACT=self.kind,
            RESIDUAL=identity is not None, BLOCK_C=power_of_two(c), BLOCK_O=block, **launch.options(),
        )  # fmt: skip
        return out

    def _by_torch(self, x: Tensor, identity: Tensor | None) -> Tensor:
        maps: list[Tensor] = []
        for index, (packed, width, dilation) in enumerate(
            zip(self.packed, self.widths, self.dilations, strict=True)
        ):
            kernel = packed[:, :width].permute(1, 2, 0).reshape(width, -1, 3, 3)
            one = F.conv2d(x, kernel, None, 1, dilation, dilation)
            maps.append(one + maps[-1] if index > 1 and self.fusion else one)
        y = torch.cat(maps, 1)
        y = y if identity is None else y + identity
        y = y * self.scale.view(-1, 1, 1) + self.shift.view(-1, 1, 1)
        return activated(y, self.kind, self.slopes)
