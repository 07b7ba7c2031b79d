"""INT8: what a quantised network is made of, and static quantisation of an ONNX file (QDQ). No torch until it is used.

Weights of convolutions and linear layers become signed bytes with a scale a channel, their inputs and outputs unsigned
bytes with one scale; what lies between stays float32. The ranges are those of calibration images.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspace.export.agreement import ExportError, Runner
from archspace.support.errors import FieldError, closest

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto
    from torch import Tensor

LEAST_IMAGES, USUAL_IMAGES = 16, 128
"""Fewest calibration images, and how many are taken."""

OPERATORS = ("Conv", "Gemm")
"""What is quantised: a pooling or an interpolation that is written as a product is not."""

OPSET = 13
"""The oldest operator set that knows a scale a channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Images whose activations say the ranges.

    Attributes:
        images: (N, C, H, W) as the network reads them, float32.
        about: where they come from, for the card.
    """

    images: Tensor
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.images) < LEAST_IMAGES:
            rule = "too few images to calibrate INT8"
            raise FieldError("calibration", len(self.images), rule, f"at least {LEAST_IMAGES}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """A network before and after, in one runtime.

    Attributes:
        before, after: answer the inputs of a run.
        layers: how many layers are INT8.
        kept: layers that stay in float32 because ``--keep`` names them.
        barred: layers that stay in float32 because the runtime cannot run them otherwise.
    """

    before: Runner
    after: Runner
    layers: int
    kept: tuple[str, ...]
    barred: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {"layers": self.layers, "float32": [*self.kept, *self.barred]}


def layer_names(model: ModelProto) -> dict[str, str]:
    """Returns name of the node -> path of the layer, of what can be quantised, in the order of the graph."""
    weights = {one.name for one in model.graph.initializer}
    return {
        node.name: _path(node.input[1]) if node.input[1] in weights else node.name
        for node in model.graph.node
        if node.op_type in OPERATORS
    }


def _path(weight: str) -> str:
    return weight.removeprefix("network.").removesuffix(".weight")


def under(layer: str, names: Sequence[str]) -> bool:
    """Returns whether a layer is one of ``names``, or inside one of them."""
    return any(layer == name or layer.startswith(f"{name}.") for name in names)


def kept_nodes(layers: Mapping[str, str], keep: Sequence[str]) -> dict[str, str]:
    """Returns the nodes, and their layers, that stay in float.

    Raises:
        FieldError: a name is of no layer, or every layer stays.
    """
    for name in keep:
        if not any(under(layer, [name]) for layer in layers.values()):
            raise FieldError("--keep", name, "no such layer", closest(name, list(layers.values())))
    kept = {node: layer for node, layer in layers.items() if under(layer, keep)}
    if len(kept) == len(layers):
        raise FieldError("--keep", ", ".join(keep), "leaves no layer for INT8", "--precision float32")
    return kept


def runs_of(images: Tensor, batch: int) -> list[NDArray[Any]]:
    """Returns images as inputs of so many runs of a batch, float32 (B, C, H, W)."""
    import numpy as np

    short = -len(images) % batch
    values = (
        images.numpy() if not short else np.resize(images.numpy(), (len(images) + short, *images.shape[1:]))
    )
    return [np.ascontiguousarray(values[i : i + batch]) for i in range(0, len(values), batch)]


def quantise_onnx(
    path: Path, runs: Sequence[NDArray[Any]], keep: Sequence[str] = ()
) -> tuple[int, tuple[str, ...]]:
    """Replaces a float32 ONNX file of one input by its INT8 form.

    Args:
        path: the file.
        runs: inputs that say the ranges.
        keep: layers that stay in float.

    Returns:
        How many layers are INT8, and which stay in float as asked.

    Raises:
        FieldError: the operator set is too old, or ``--keep`` names no layer.
        ExportError: ONNX Runtime's quantiser cannot do it.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._runs = iter(runs)

        def get_next(self) -> dict[str, Any] | None:
            x = next(self._runs, None)
            return None if x is None else {model.graph.input[0].name: x}

    model = onnx.load(str(path))
    opset = next(known.version for known in model.opset_import if not known.domain)
    if opset < OPSET:
        raise FieldError("--opset", opset, f"INT8 needs {OPSET} or later", OPSET)
    layers = layer_names(model)
    kept = kept_nodes(layers, keep)
    properties = {one.key: one.value for one in model.metadata_props}
    with hushed():
        try:
            quantize_static(
                model, path, Reader(), quant_format=QuantFormat.QDQ, op_types_to_quantize=list(OPERATORS),
                per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                nodes_to_exclude=list(kept),
            )  # fmt: skip
        except Exception as error:  # ONNX Runtime's quantiser has no base class for its errors
            reason = " ".join(str(error).split())[:300]
            raise ExportError(f"export: onnx: cannot be quantised: {reason}; nothing was written") from error
    made = onnx.load(str(path))
    onnx.helper.set_model_props(made, properties)
    made.producer_name, made.producer_version = model.producer_name, model.producer_version
    path.write_bytes(made.SerializeToString())
    return len(layers) - len(kept), tuple(kept.values())


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Silences quantisers, which talk on standard output and through the root logger."""
    import io

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
