"""What goes into an exported network and what comes out: names, shapes and types. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from archspace.export.agreement import TOLERANCES
from archspace.support.errors import FieldError

ANY: Literal["any"] = "any"
LARGEST_BATCH = 1024
"""Inputs of a run at most: all of them are computed when answers are compared."""
Side: TypeAlias = int | str
"""A number, or the name of a size that is free: ``batch``, ``height``, ``width``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One input or output.

    Attributes:
        name: as files have it.
        shape: its sides; free ones by name.
        dtype: NumPy's name of the type.
        classes: of an output of scores, the axis of the classes.
        slack: of an output, how many times the tolerance it may differ.
    """

    name: str
    shape: tuple[Side, ...]
    dtype: str = "float32"
    classes: int | None = None
    slack: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}

    def freed(self, axes: dict[int, str]) -> Port:
        """Returns the port with free sides, by axis."""
        return replace(self, shape=tuple(axes.get(i, side) for i, side in enumerate(self.shape)))


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs, in order."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs."""
        return [port.name for port in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        return [port.name for port in self.outputs]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How a network leaves.

    Attributes:
        batch: inputs of a run, or ``"any"``.
        free_size: whether height and width are free, within the network's multiple.
        precision: ``float32``, ``float16`` or ``int8``.
        opset: ONNX operator set, 11 to 18; left out, what the format writes.
        nms: of a detector, whether doubles are suppressed inside.
        threshold: least score of what is named (detection, multi-label); left out, the task's own.
        overlap: of a detector, the overlap above which two objects of a class are one.
        keep: in INT8, layers that stay in float32, by path; a path names what is inside it too.
    """

    batch: int | Literal["any"] = 1
    free_size: bool = False
    precision: str = "float32"
    opset: int | None = None
    nms: bool = False
    threshold: float | None = None
    overlap: float | None = None
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.batch != ANY and not (isinstance(self.batch, int) and 1 <= self.batch <= LARGEST_BATCH):
            near = min(max(self.batch, 1), LARGEST_BATCH) if isinstance(self.batch, int) else 1
            raise FieldError("--batch", self.batch, f"must be 1 to {LARGEST_BATCH}, or any", near)
        if self.precision not in TOLERANCES:
            raise FieldError("--precision", self.precision, "must be float32, float16 or int8", "float32")
        if self.keep and not self.int8:
            raise FieldError("--keep", ", ".join(self.keep), "leaves layers out of INT8", "--precision int8")
        for name in ("threshold", "overlap"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise FieldError(f"--{name}", value, "must be 0 to 1", 1.0 if value > 1 else 0.0)

    @property
    def half(self) -> bool:
        """Whether numbers are float16."""
        return self.precision == "float16"

    @property
    def int8(self) -> bool:
        """Whether convolutions and linear layers are INT8."""
        return self.precision == "int8"

    @property
    def asked(self) -> dict[str, str]:
        """What is not as usual: name of the ability that a format must have -> what the user wrote."""
        wanted = {
            "batch": "" if self.batch == 1 else f"--batch {self.batch}",
            "free batch": "--batch any" if self.batch == ANY else "",
            "free size": "--input any" if self.free_size else "",
            "float16": "--precision float16" if self.half else "",
            "int8": "--precision int8" if self.int8 else "",
            "opset": f"--opset {self.opset}" if self.opset is not None else "",
            "nms": "--nms" if self.nms else "",
        }
        return {name: text for name, text in wanted.items() if text}
