"""ESP's transform as a fused part."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from archspace.cuda.activation import Activation, activated
from archspace.cuda.launch import empty_like_layout, layout, power_of_two, usual
from archspace.cuda.part import Fused


class Dense(Fused):
    """ESP's dense dilated branches, running sums, identity, norm and activation.

    Shapes: (N, C, H, W) -> (N, C', H, W).
    """

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

    def facts(self) -> str:
        """Returns widths, dilations and whether branches are summed."""
        return f"esp {self.widths} {self.dilations} {'summed' if self.fusion else 'apart'}"

    def empty(self, x: Tensor) -> Tensor:
        """Returns an unwritten output."""
        return empty_like_layout(x, sum(self.widths), x.shape[2], x.shape[3])

    def kernel(self, x: Tensor, identity: Tensor | None) -> Tensor:
        """Launches the kernel."""
        from archspace.cuda.kernels.esp import dense

        n, c, h, w = x.shape
        out = self.empty(x)
        also = out if identity is None else identity.contiguous(memory_format=layout(out))
        block = self.packed.shape[2]
        launch = self.launch or usual(h * w, n, block)
        dense[(-(-h * w // launch.pixels), n)](
            x, self.packed, self.rates, self.scale, self.shift, self.slopes, also, out, c,
            self.widths[0], self.widths[-1], h, w, *x.stride(), *also.stride()[:2], *out.stride(),
            K=len(self.widths), FUSION=self.fusion, ACT=self.kind,
            RESIDUAL=identity is not None, BLOCK_C=power_of_two(c), BLOCK_O=block, **launch.options(),
        )  # fmt: skip
        return out

    def by_torch(self, x: Tensor, identity: Tensor | None) -> Tensor:
        """Runs torch's operators."""
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
