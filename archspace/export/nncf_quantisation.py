"""INT8 for OpenVINO, by NNCF: the same layers as in :mod:`archspace.export.quantisation`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspace.export.agreement import ExportError
from archspace.export.quantisation import hushed, kept_nodes, layer_names

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto

QUANTISED = frozenset({"Convolution", "GroupConvolution", "MatMul"})
"""Types of OpenVINO's operations; products that are no layer are left out by name.

With sums and concatenations in INT8 too, answers of ESPNet are off by as much as they are large. Ranges are not NNCF's
usual ones, means of the images' smallest and largest values: what lies outside would be cut in every layer.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What NNCF made.

    Attributes:
        model: OpenVINO's model.
        layers: how many layers are INT8.
        kept: layers that stay in float32 as asked.
        barred: layers that stay in float32 because OpenVINO cannot compile them.
    """

    model: Any
    layers: int
    kept: tuple[str, ...]
    barred: tuple[str, ...]


def quantise_openvino(
    model: Any, onnx_file: Path, runs: Sequence[NDArray[Any]], keep: Sequence[str] = ()
) -> Made:
    """Returns the INT8 form of an OpenVINO model.

    Args:
        model: as OpenVINO read it from ``onnx_file``, whose names its operations have; it is not changed.
        onnx_file: of the same network.
        runs: inputs that say the ranges.
        keep: layers that stay in float.

    Raises:
        FieldError: ``--keep`` names no layer.
        ExportError: NNCF cannot do it.
    """
    import onnx

    graph = onnx.load(str(onnx_file))
    layers = layer_names(graph)
    kept = kept_nodes(layers, keep)
    barred = {node: layers[node] for node in after_products(graph) if node in layers and node not in kept}
    products = [node.name for node in graph.graph.node if node.op_type == "MatMul"]
    others = {operation.get_type_name() for operation in model.get_ops()} - QUANTISED
    with hushed():
        import nncf
        from nncf.quantization.range_estimator import RangeEstimatorParametersSet

        try:
            made = nncf.quantize(
                model, nncf.Dataset(list(runs)), preset=nncf.QuantizationPreset.MIXED, subset_size=len(runs),
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
                ),
                ignored_scope=nncf.IgnoredScope(
                    names=[*kept, *barred, *products], types=sorted(others), validate=False
                ),
            )  # fmt: skip
        except Exception as error:  # NNCF passes on errors of OpenVINO
            reason = " ".join(str(error).split())[:300]
            raise ExportError(
                f"export: openvino: cannot be quantised: {reason}; nothing was written"
            ) from error
    count = len(layers) - len(kept) - len(barred)
    return Made(model=made, layers=count, kept=tuple(kept.values()), barred=tuple(barred.values()))


def after_products(graph: ModelProto) -> list[str]:
    """Returns the convolutions that read a product of matrices, a pooling to a free size.

    OpenVINO 2026.4 compiles none of them in INT8: it joins the scales of the channels to the product, whose columns
    they are taken for.
    """
    makers = {output: node.op_type for node in graph.graph.node for output in node.output}
    return [
        node.name
        for node in graph.graph.node
        if node.op_type == "Conv" and makers.get(node.input[0]) == "MatMul"
    ]
