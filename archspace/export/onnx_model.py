"""A network as an ONNX file, and the comparison of what ONNX Runtime and torch answer."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from archspace.export.onnx_graph import kept_graph
from archspace.export.onnx_lowering import lowered
from archspace.support.errors import InputError

if TYPE_CHECKING:
    from onnx_ir import Model
    from onnxruntime import InferenceSession

INPUT_NAME, OUTPUT_NAME = "image", "scores"
TOLERANCE = 1e-4
"""Largest allowed difference to torch, as a share of the largest output."""

EXPORTED = 18
"""The oldest operator set that torch's exporter writes without a conversion; older ones are made from it."""

_CHATTY = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")


class ExportError(InputError):
    """The network cannot be exported, or the export does not answer as the network does."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two runtimes agree on some images; of several images, the numbers of the worst.

    Attributes:
        images: number of images compared, one at a time.
        max_difference: largest absolute difference of two scores.
        max_output: largest absolute score of torch.
        same_class: share of the pixels (or images) whose best class is the same, 0 to 1.
    """

    images: int
    max_difference: float
    max_output: float
    same_class: float

    @property
    def relative(self) -> float:
        """Largest difference as a share of the largest output."""
        return self.max_difference / self.max_output if self.max_output else self.max_difference

    @property
    def holds(self) -> bool:
        """Whether the difference is within :data:`TOLERANCE`; never where a number is not finite."""
        return self.max_difference <= TOLERANCE * self.max_output < float("inf")

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {
            "images": self.images, "max_difference": self.max_difference, "max_output": self.max_output,
            "relative_difference": self.relative, "tolerance": TOLERANCE, "same_class": self.same_class,
        }  # fmt: skip


def write_onnx(
    network: nn.Module,
    image: Tensor,
    path: Path,
    metadata: Mapping[str, Any],
    *,
    opset: int | None = None,
    outputs: Sequence[str] = (OUTPUT_NAME,),
) -> None:
    """Write ``network`` for inputs shaped like ``image`` to one ONNX file without traces of this machine.

    Args:
        network: on the CPU and in eval mode.
        image: (N, C, H, W); the file's input ``image`` has this fixed shape.
        path: the file.
        metadata: plain data for the file's metadata, each value as JSON.
        opset: operator set, 11 to 18, for readers that know no later one (TensorRT 8.2: 13, 7.1: 11); left out, what
            the exporter writes.
        outputs: names of the network's outputs.

    Raises:
        ExportError: torch cannot express the network in ONNX.
        InputError: the network needs something that the operator set does not have.
    """
    import onnx

    asked = None if opset is None else EXPORTED
    graph = kept_graph(network, image, asked, outputs, lambda: _graph(network, image, asked, outputs))
    model = onnx.load_model_from_string(graph)
    onnx.helper.set_model_props(
        model, {f"archspace.{name}": json.dumps(value) for name, value in metadata.items()}
    )
    path.write_bytes((model if opset is None else lowered(model, opset)).SerializeToString())


def _graph(network: nn.Module, image: Tensor, opset: int | None, outputs: Sequence[str]) -> bytes:
    """The network as torch's exporter writes it, without metadata.

    Raises:
        ExportError: torch cannot express the network in ONNX.
    """
    with _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                network, (image,), dynamo=True, input_names=[INPUT_NAME], output_names=list(outputs),
                verbose=False, opset_version=opset,
            )  # fmt: skip
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ExportError(f"export: the network cannot be written as ONNX: {reason}") from error
        assert program is not None
        _strip(program.model)
        graph: bytes = program.model_proto.SerializeToString()
        return graph


def _strip(model: Model) -> None:
    """Remove the exporter's notes (stack traces with local paths) from graph, nodes and values."""
    model.graph.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()


def open_session(path: Path, threads: int = 1) -> InferenceSession:
    """Returns an ONNX Runtime session on the CPU.

    Raises:
        InputError: ONNX Runtime cannot open the file: it is damaged, too new, or its data are not beside it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no base class for its errors
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: ONNX Runtime cannot open it: {reason}") from error


@torch.no_grad()
def agreement(network: nn.Module, session: InferenceSession, images: Tensor) -> Agreement:
    """Returns how ``session`` agrees with ``network``, image by image.

    Args:
        network: on the CPU and in eval mode.
        session: from :func:`open_session`.
        images: (N, C, H, W), N at least 1.
    """
    worst: Agreement | None = None
    same = 0.0
    for image in torch.split(images, 1):
        ours = network(image)
        theirs = torch.from_numpy(session.run([OUTPUT_NAME], {INPUT_NAME: image.numpy()})[0])
        if ours.shape != theirs.shape:
            shapes = f"{tuple(theirs.shape)} in ONNX Runtime, {tuple(ours.shape)} in torch"
            raise ExportError(f"export: the scores differ in shape: {shapes}")
        same += (ours.argmax(1) == theirs.argmax(1)).double().mean().item() / len(images)
        one = Agreement(len(images), (ours - theirs).abs().max().item(), ours.abs().max().item(), 0.0)
        if worst is None or not one.relative <= worst.relative:
            worst = one
    assert worst is not None
    return Agreement(worst.images, worst.max_difference, worst.max_output, min(1.0, same))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's warnings and log lines; errors still come through as exceptions."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
