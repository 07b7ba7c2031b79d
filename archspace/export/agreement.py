"""How an export agrees with torch, as data. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from archspace.support.errors import InputError

TOLERANCE = 1e-4
"""Largest allowed difference to torch, as a share of the largest output."""

HALF_TOLERANCE = 2e-2
"""The same where numbers are float16: its rounding is 5e-4, once a layer."""

INT8_TOLERANCE = 1.0
"""The same in INT8, which rounds by design: beyond it, it is another network. The metric on a split is its judge."""

TOLERANCES = {"float32": TOLERANCE, "float16": HALF_TOLERANCE, "int8": INT8_TOLERANCE}
"""The limit by precision."""

Arrays: TypeAlias = tuple[NDArray[Any], ...]
Runner: TypeAlias = Callable[[Arrays], Sequence[NDArray[Any]]]
"""From all inputs of one run to all outputs, in the order of the signature."""


class ExportError(InputError):
    """The network cannot be exported, or the export does not answer as the network does."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The inputs of one run, and what torch answers, in the order of the signature."""

    inputs: Arrays
    outputs: Arrays


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two runtimes agree on some images; of several images or outputs, the numbers of the worst.

    Attributes:
        images: number of images (or texts) compared.
        max_difference: largest absolute difference of two scores.
        max_output: largest absolute score of torch.
        same_class: share of the pixels (images, boxes, words) whose best class is the same, 0 to 1.
        tolerance: largest allowed share of the largest output.
        runtime: what answered, with its version.
        output: of several outputs, the name of the worst.
    """

    images: int
    max_difference: float
    max_output: float
    same_class: float
    tolerance: float = TOLERANCE
    runtime: str = ""
    output: str = ""

    @property
    def relative(self) -> float:
        """Largest difference as a share of the largest output."""
        return self.max_difference / self.max_output if self.max_output else self.max_difference

    @property
    def share(self) -> float:
        """The difference as a share of what is allowed."""
        return self.relative / self.tolerance

    @property
    def holds(self) -> bool:
        """Whether the difference is within :attr:`tolerance`; never where a number is not finite."""
        return self.max_difference <= self.tolerance * self.max_output < float("inf")

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {
            "images": self.images, "max_difference": self.max_difference, "max_output": self.max_output,
            "relative_difference": self.relative, "tolerance": self.tolerance, "same_class": self.same_class,
            "runtime": self.runtime, **({"output": self.output} if self.output else {}),
        }  # fmt: skip
