"""A tape that writes down the kernels of a network while its layers are named one after the other. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.predictors.roofline import Kernel, convolution_kind, is_fused


@dataclass(frozen=True, slots=True)
class Map:
    """A feature map: its shape, and the operation that made it."""

    channels: int
    height: int
    width: int
    made_by: str = "input"

    @property
    def size(self) -> int:
        """Numbers in it."""
        return self.channels * self.height * self.width


class Tape:
    """Kernels of a network for one input, and its trainable parameters.

    Attributes:
        kernels: in running order.
        params: weights, biases, scales and shifts.
    """

    def __init__(self) -> None:
        self.kernels: list[Kernel] = []
        self.params = 0

    def conv(
        self, x: Map, channels: int, kernel: int | tuple[int, int] = 1, stride: int = 1, *,
        valid: bool = False, depthwise: bool = False, after: str = "norm act",
    ) -> Map:  # fmt: skip
        """Returns a convolution, and what follows it: ``norm`` (or ``bias``, a kernel of its own too), ``act``.

        ``valid``: no padding; otherwise sides are rounded up.
        """
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        height, width = (
            (side - k) // stride + 1 if valid else -(-side // stride)
            for side, k in zip((x.height, x.width), sides, strict=True)
        )
        made = Map(channels, height, width, "conv")
        groups = x.channels if depthwise else 1
        weights = channels * (x.channels // groups) * sides[0] * sides[1]
        self.params += weights
        self.kernels.append(
            Kernel(
                name=f"conv{len(self.kernels)}", operation="conv",
                kind=convolution_kind(sides, groups, x.channels),
                macs=weights * height * width, elements=x.size + weights + made.size,
            )
        )  # fmt: skip
        for operation in after.split():
            if operation in ("norm", "bias"):
                self.params += channels * (2 if operation == "norm" else 1)
            made = self.apply(made, "act" if operation == "act" else "norm")
        return made

    def apply(self, x: Map, operation: str) -> Map:
        """Returns an operation on each number of a map: ``norm`` or ``act``."""
        return self._plain(operation, [x], Map(x.channels, x.height, x.width, operation))

    def norm_act(self, x: Map) -> Map:
        """Returns a batch norm of its own and an activation, as before the convolutions of ResNet v2."""
        self.params += 2 * x.channels
        return self.apply(self.apply(x, "norm"), "act")

    def pool(self, x: Map, stride: int = 1, *, side: int = 3, valid: bool = False) -> Map:
        """Pooling."""
        height, width = (
            (length - side) // stride + 1 if valid else -(-length // stride) for length in (x.height, x.width)
        )
        return self._plain("pool", [x], Map(x.channels, height, width, "pool"))

    def add(self, x: Map, y: Map) -> Map:
        """Returns the sum of two maps."""
        if (x.channels, x.height, x.width) != (y.channels, y.height, y.width):
            raise ValueError(f"{x} and {y} have no sum")
        return self._plain("add", [x, y], Map(x.channels, x.height, x.width, "add"))

    def cat(self, maps: Sequence[Map]) -> Map:
        """Maps one behind the other along the channels."""
        if len({(each.height, each.width) for each in maps}) > 1:
            raise ValueError(f"{maps} differ in size")
        first = maps[0]
        return self._plain(
            "cat", maps, Map(sum(each.channels for each in maps), first.height, first.width, "cat")
        )

    def classify(self, x: Map, classes: int) -> Map:
        """Returns the mean over the map, and a linear layer."""
        return self.linear(self._plain("pool", [x], Map(x.channels, 1, 1, "pool")), classes)

    def linear(self, x: Map, features: int) -> Map:
        """Returns a linear layer with bias on a map taken as one vector."""
        weights = x.size * features
        self.params += weights + features
        made = Map(features, 1, 1, "linear")
        self.kernels.append(
            Kernel(
                name=f"linear{len(self.kernels)}", operation="linear", kind="linear", macs=weights,
                elements=x.size + weights + features + made.size,
            )
        )  # fmt: skip
        return made

    def _plain(self, operation: str, inputs: Sequence[Map], output: Map) -> Map:
        self.kernels.append(
            Kernel(
                name=f"{operation}{len(self.kernels)}", operation=operation,
                elements=sum(each.size for each in inputs) + output.size,
                fused=is_fused(operation, inputs[0].made_by),
            )
        )  # fmt: skip
        return output
