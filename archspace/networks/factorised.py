"""The encoders of ERFNet, ESNet, ENet and SegNet. Features: ``level1``, ``level2``, ..., ``last``.

Those of ENet and SegNet also have the places of their max pools' maxima: ``level2_indices``.
"""

from __future__ import annotations

from torch import Tensor, nn

from archspace.units.base import MODULES, BlockModule
from archspace.units.factorised import Enet, IndexedPool


@MODULES.register("erfnet-level")
class Level(BlockModule):
    """Halve the map, then repeat the unit."""

    down: nn.Module
    units: nn.ModuleList

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """(N, C, H, W) -> (N, C', H/2, W/2) and the indices of its max pool, if it keeps them."""
        return self.repeated(self.down(x)), None

    def repeated(self, x: Tensor) -> Tensor:
        """Returns the units one after the other."""
        for unit in self.units:
            x = unit(x)
        return x


@MODULES.register("enet-level")
class EnetLevel(Level):
    """A level whose down-sampling is ENet's strided bottleneck, which knows its maxima."""

    down: Enet

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """(N, C, H, W) -> (N, C', H/2, W/2) and the indices of its max pool."""
        y, indices = self.down.indexed(x)
        return self.repeated(y), indices


@MODULES.register("segnet-level")
class SegnetLevel(BlockModule):
    """Convolutions, then a max pool."""

    convs: nn.ModuleList
    pool: IndexedPool

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> (N, C', H/2, W/2) and the indices of its max pool."""
        for conv in self.convs:
            x = conv(x)
        return self.pool(x)  # type: ignore[no-any-return]


@MODULES.register("erfnet-encoder")
@MODULES.register("enet-encoder")
@MODULES.register("segnet-encoder")
class LevelsEncoder(BlockModule):
    """Levels one after the other, each at half the size of the one before."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(N, C, H, W) -> features by name."""
        features: dict[str, Tensor] = {}
        for name, level in self.named_children():
            x, indices = level(x)
            features[name] = x
            if indices is not None:
                features[f"{name}_indices"] = indices
        features["last"] = x
        return features
