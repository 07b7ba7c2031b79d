"""Segmentation decoders of ERFNet, ESNet, ENet and SegNet. Features -> (N, classes, H, W)."""

from __future__ import annotations

from torch import Tensor, nn

from archspace.plan.nodes import Block
from archspace.units.base import MODULES, BlockModule
from archspace.units.portable import unpooled


@MODULES.register("erfnet-decoder")
class ErfnetDecoder(BlockModule):
    """Three transposed convolutions, units after the first two (ERFNet table I, ESNet table 1)."""

    up3: nn.Module
    units2: nn.ModuleList
    up2: nn.Module
    units1: nn.ModuleList
    up1: nn.Module

    def raised(self, level: str, x: Tensor, features: dict[str, Tensor]) -> Tensor:
        """Returns the map of ``level`` at twice its size."""
        return self.get_submodule(level.replace("level", "up"))(x)  # type: ignore[no-any-return]

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Returns scores of the classes at full size."""
        x = self.raised("level3", features["last"], features)
        for unit in self.units2:
            x = unit(x)
        x = self.raised("level2", x, features)
        for unit in self.units1:
            x = unit(x)
        return self.up1(x)  # type: ignore[no-any-return]


@MODULES.register("enet-up")
class EnetUp(BlockModule):
    """Up-sampling bottleneck: reduce, transposed convolution, expand, beside a 1 x 1 that is unpooled; summed."""

    main: nn.Module
    reduce: nn.Module
    up: nn.Module
    expand: nn.Module
    last: nn.Module

    def __init__(self, block: Block) -> None:
        super().__init__(block)
        self.dropout = nn.Dropout2d(block.dropout)

    def forward(self, x: Tensor, indices: Tensor) -> Tensor:
        """(N, C, H, W) and the indices of the pool that is undone -> (N, C', 2H, 2W)."""
        main = unpooled(self.main(x), indices)
        return self.last(main + self.dropout(self.expand(self.up(self.reduce(x)))))  # type: ignore[no-any-return]


@MODULES.register("enet-decoder")
class EnetDecoder(ErfnetDecoder):
    """Up-sampling bottlenecks with the encoder's indices, plain ones after each (ENet table 1)."""

    def raised(self, level: str, x: Tensor, features: dict[str, Tensor]) -> Tensor:
        """Returns the map of ``level`` at twice its size, its values where the encoder's maxima stood."""
        return self.get_submodule(level.replace("level", "up"))(x, features[f"{level}_indices"])  # type: ignore[no-any-return]


@MODULES.register("segnet-up")
class SegnetUp(BlockModule):
    """Unpooling, then convolutions that make the map dense."""

    convs: nn.ModuleList

    def forward(self, x: Tensor, indices: Tensor) -> Tensor:
        """(N, C, H, W) and the indices of the pool that is undone -> (N, C', 2H, 2W)."""
        x = unpooled(x, indices)
        for conv in self.convs:
            x = conv(x)
        return x


@MODULES.register("segnet-decoder")
class SegnetDecoder(BlockModule):
    """The encoder's levels in reverse (SegNet figure 2)."""

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Returns scores of the classes at full size."""
        x = features["last"]
        for name, up in self.named_children():
            x = up(x, features[f"{name.replace('up', 'level')}_indices"])
        return x
