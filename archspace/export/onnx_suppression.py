"""Non-maximum suppression inside a detector's ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archspace.detection.boxes import MOST, detections
from archspace.detection.priors import prior_boxes
from archspace.export.agreement import ExportError, Sample
from archspace.export.formats.base import Source
from archspace.export.signature import Port, Signature

if TYPE_CHECKING:
    from onnx import NodeProto

MATCHED = 1e-3
"""Largest difference of a box, as a share of the image, or of a score, between torch and the file."""

OUTPUTS = (
    Port(name="boxes", shape=("objects", 4)),
    Port(name="scores", shape=("objects",), classes=0),
    Port(name="labels", shape=("objects",), dtype="int64"),
)
"""Of a file that suppresses doubles itself: of one image, the surest first."""


def suppressed(signature: Signature) -> Signature:
    """Returns the signature of a detector after :func:`add_suppression`."""
    return Signature(signature.inputs, OUTPUTS)


def add_suppression(source: Source, path: Path) -> None:
    """Give the detector's file, whose outputs are ``boxes`` and ``scores``, those of :data:`OUTPUTS`, and prove it.

    It does what :func:`archspace.detection.boxes.detections` does with all candidates.

    Raises:
        ExportError: the file finds other objects than torch.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    limits = source.metadata["thresholds"]
    model = onnx.load(str(path))
    graph = model.graph
    for node in graph.node:
        node.output[:] = [_inner(name) for name in node.output]
        node.input[:] = [_inner(name) for name in node.input]
    constants: dict[str, Any] = {
        "nms_low": np.float32(0), "nms_high": np.float32(1), "nms_most": np.array([MOST], np.int64),
        "nms_limit": np.array([MOST], np.float32),
        "nms_overlap": np.array([limits["overlap"]], np.float32), "nms_score": np.array([limits["score"]], np.float32),
        "nms_0": np.array([0], np.int64), "nms_1": np.array([1], np.int64), "nms_2": np.array([2], np.int64),
        "nms_4": np.array([4], np.int64), "nms_class": np.int64(1), "nms_box": np.int64(2),
        "nms_axis": np.array([2], np.int64), "nms_rows": np.array([-1, 4], np.int64),
    }  # fmt: skip
    graph.initializer.extend(numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items())
    graph.node.extend(_nodes())
    del graph.output[:]
    for port in OUTPUTS:
        kind = TensorProto.INT64 if port.dtype == "int64" else TensorProto.FLOAT
        graph.output.append(helper.make_tensor_value_info(port.name, kind, list(port.shape)))
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())
    _check(source, path)


def _inner(name: str) -> str:
    return f"all_{name}" if name in ("boxes", "scores") else name


def _nodes() -> list[NodeProto]:
    """Boxes without area lose their scores; then suppression class by class; then the surest of all classes.

    Every operator is as operator sets 11 to 18 have it; axes of Squeeze and ReduceMin and Min of integers are not.
    """
    from onnx import helper

    make = helper.make_node
    return [
        make("Clip", ["all_boxes", "nms_low", "nms_high"], ["nms_boxes"]),
        make("Slice", ["nms_boxes", "nms_0", "nms_2", "nms_axis"], ["nms_from"]),
        make("Slice", ["nms_boxes", "nms_2", "nms_4", "nms_axis"], ["nms_to"]),
        make("Sub", ["nms_to", "nms_from"], ["nms_sides"]),
        make("Slice", ["nms_sides", "nms_0", "nms_1", "nms_axis"], ["nms_width"]),
        make("Slice", ["nms_sides", "nms_1", "nms_2", "nms_axis"], ["nms_height"]),
        make("Min", ["nms_width", "nms_height"], ["nms_side"]),
        make("Greater", ["nms_side", "nms_low"], ["nms_real"]),
        make("Cast", ["nms_real"], ["nms_weight"], to=1),
        make("Mul", ["all_scores", "nms_weight"], ["nms_scores"]),
        make("Transpose", ["nms_scores"], ["nms_by_class"], perm=[0, 2, 1]),
        make(
            "NonMaxSuppression",
            ["nms_boxes", "nms_by_class", "nms_most", "nms_overlap", "nms_score"],
            ["nms_chosen"],
        ),
        make("GatherND", ["nms_by_class", "nms_chosen"], ["nms_values"]),
        make("Gather", ["nms_chosen", "nms_class"], ["nms_labels"], axis=1),
        make("Gather", ["nms_chosen", "nms_box"], ["nms_places"], axis=1),
        make("Shape", ["nms_values"], ["nms_count"]),
        make("Cast", ["nms_count"], ["nms_found"], to=1),
        make("Min", ["nms_found", "nms_limit"], ["nms_least"]),
        make("Cast", ["nms_least"], ["nms_kept"], to=7),
        make("TopK", ["nms_values", "nms_kept"], ["scores", "nms_order"], axis=0, largest=1, sorted=1),
        make("Gather", ["nms_labels", "nms_order"], ["labels"]),
        make("Gather", ["nms_places", "nms_order"], ["nms_best"]),
        make("Reshape", ["nms_boxes", "nms_rows"], ["nms_flat"]),
        make("Gather", ["nms_flat", "nms_best"], ["boxes"]),
    ]


def _check(source: Source, path: Path) -> None:
    from archspace.export.onnx_model import open_session

    session = open_session(path)
    for samples in source.samples.values():
        for sample in samples:
            theirs = session.run([port.name for port in OUTPUTS], {"image": sample.inputs[0]})
            _same_objects(_objects(source, sample), theirs)


def _objects(source: Source, sample: Sample) -> list[Any]:
    """Boxes, scores and labels by torch."""
    import torch

    limits = source.metadata["thresholds"]
    network = source.network
    with torch.no_grad():
        outputs = network(torch.from_numpy(sample.inputs[0]))
    priors = torch.from_numpy(prior_boxes(network.spec.input_size).copy())
    found = detections(
        outputs, priors, threshold=limits["score"], overlap=limits["overlap"], candidates=len(priors)
    )
    return [value.numpy() for value in found[0]]


def _same_objects(ours: list[Any], theirs: list[Any]) -> None:
    """Every object of one is among the other's, but for those at a threshold: at most one in a hundred."""
    missing = max(_missing(ours, theirs), _missing(theirs, ours))
    if missing > len(ours[1]) // 100:
        raise ExportError(
            f"export: with suppression ONNX Runtime finds {len(theirs[1])} objects and torch {len(ours[1])}, of "
            f"which {missing} differ; nothing was written"
        )


def _missing(these: list[Any], those: list[Any]) -> int:
    """How many of these objects have none of the same class, place and score among those."""
    boxes, scores, labels = those
    count = 0
    for box, score, label in zip(*these, strict=True):
        near = (labels == label) & (np.abs(scores - score) < MATCHED)
        count += not (near & (np.abs(boxes - box).max(1, initial=0.0) < MATCHED)).any()
    return count
