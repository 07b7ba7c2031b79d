"""The roofline of a device: how long a kernel takes at least, from its arithmetic and the bytes it moves. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "dense", "pointwise", "factorised", "depthwise", "linear", "dilated", "grouped", "transposed", "plain"
]
"""What a kernel is to a GPU: a convolution by its shape, a matrix product, or (``plain``) one without MACs."""

_FUSED_AFTER: Mapping[str, tuple[str, ...] | None] = {
    "norm": ("conv",), "act": ("conv", "norm", "add"), "cat": None,
}  # fmt: skip
"""What a fusing runtime (TensorRT) does within the kernel before it, and after which; ``None``: after any.

A concatenation is free because its inputs are written in place. A PReLU stays a kernel of its own.
"""


def is_fused(operation: str, before: str) -> bool:
    """Returns whether a fusing runtime does ``operation`` within the kernel of the operation ``before`` it."""
    after = _FUSED_AFTER.get(operation, ())
    return after is None or before in after


Bound: TypeAlias = Literal["compute", "memory", "launch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """One operation as a GPU runs it, for one input.

    Attributes:
        name: where it stands in its network.
        operation: what it does (``conv``, ``norm``, ``act``, ``add``, ...).
        kind: of its arithmetic.
        macs: multiply-accumulates.
        elements: numbers read and written: maps and weights.
        fused: a runtime that fuses does it within the kernel before it, so that it costs nothing there.
    """

    name: str
    operation: str
    kind: Kind = "plain"
    macs: int = 0
    elements: int
    fused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A device at one set of clocks.

    Attributes:
        peak: floating-point operations a second; a MAC is two.
        bandwidth: bytes a second of its memory.
        element_bytes: of one number.
    """

    peak: float
    bandwidth: float
    element_bytes: int

    @property
    def ridge(self) -> float:
        """Operations a byte from which the arithmetic is the limit."""
        return self.peak / self.bandwidth


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """What kernels attain of a device.

    Attributes:
        efficiency: share of the peak by kind.
        memory: share of the bandwidth.
        launch_s: seconds that each kernel takes on top.
    """

    efficiency: Mapping[Kind, float]
    memory: float
    launch_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A kernel's predicted time in seconds, and what bounds it."""

    kernel: Kernel
    compute_s: float
    memory_s: float
    launch_s: float

    @property
    def seconds(self) -> float:
        """The longer of arithmetic and transfer, and the launch."""
        return max(self.compute_s, self.memory_s) + self.launch_s

    @property
    def bound(self) -> Bound:
        """The longest of the three."""
        parts: dict[Bound, float] = {
            "compute": self.compute_s,
            "memory": self.memory_s,
            "launch": self.launch_s,
        }
        return max(parts, key=lambda name: parts[name])


def timed(kernel: Kernel, machine: Machine, coefficients: Coefficients) -> Timed:
    """Returns what one kernel takes: ``max(2 MACs / (efficiency x peak), bytes / (memory x bandwidth)) + launch``.

    Raises:
        KeyError: it does MACs of a kind that has no efficiency.
    """
    compute = 0.0
    if kernel.macs:
        compute = 2 * kernel.macs / (coefficients.efficiency[kernel.kind] * machine.peak)
    moved = kernel.elements * machine.element_bytes
    return Timed(
        kernel=kernel, compute_s=compute, memory_s=moved / (coefficients.memory * machine.bandwidth),
        launch_s=coefficients.launch_s,
    )  # fmt: skip


def ran(kernels: Iterable[Kernel], *, fuses: bool) -> list[Kernel]:
    """Returns the kernels that a runtime launches: all, or those that are not fused into the one before."""
    return [kernel for kernel in kernels if not (fuses and kernel.fused)]


def convolution_kind(
    sides: tuple[int, int], groups: int, in_channels: int, *, dilation: int = 1, transposed: bool = False
) -> Kind:
    """Returns the kind of a convolution; a dilated depth-wise one is depth-wise.

    >>> convolution_kind((3, 3), 1, 64), convolution_kind((1, 7), 1, 64), convolution_kind((3, 3), 64, 64)
    ('dense', 'factorised', 'depthwise')
    """
    if transposed:
        return "transposed"
    if groups > 1:
        return "depthwise" if groups == in_channels else "grouped"
    if dilation > 1:
        return "dilated"
    if sides == (1, 1):
        return "pointwise"
    return "factorised" if 1 in sides else "dense"
