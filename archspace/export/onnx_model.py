"""A network as an ONNX file, and ONNX Runtime to answer it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from archspace.export.agreement import ExportError, Runner
from archspace.export.flat import Halved
from archspace.export.folding import folded
from archspace.export.onnx_activations import summed_prelu
from archspace.export.onnx_graph import kept_graph
from archspace.export.onnx_lowering import lowered
from archspace.export.quiet import quiet
from archspace.export.translations import translations_kept
from archspace.support.errors import InputError

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnx_ir import Model
    from onnxruntime import InferenceSession
    from torch.export import ExportedProgram

    from archspace.export.formats.base import Source
    from archspace.export.signature import Signature

INPUT_NAME, OUTPUT_NAME = "image", "scores"

EXPORTED = 18
"""The oldest operator set that torch's exporter writes without a conversion; older ones are made from it."""


def write_onnx(
    network: nn.Module,
    image: Tensor,
    path: Path,
    metadata: Mapping[str, Any],
    *,
    opset: int | None = None,
    outputs: Sequence[str] = (OUTPUT_NAME,),
    summed: bool = False,
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
        summed: whether PReLU is written as a sum (:func:`archspace.export.onnx_activations.summed_prelu`).

    Raises:
        ExportError: torch cannot express the network in ONNX.
        InputError: the network needs something that the operator set does not have.
    """
    import onnx

    asked = None if opset is None else EXPORTED
    key = (tuple(image.shape), image.dtype, asked, tuple(outputs))
    graph = kept_graph(network, key, lambda: _graph(network, (image,), asked, outputs))
    _keep(onnx.load_model_from_string(graph), path, metadata, opset, summed)


def program_onnx(source: Source, path: Path, opset: int | None = None, summed: bool = False) -> None:
    """Write the graph of torch.export to one ONNX file without traces of this machine.

    Args:
        source: whose program it is, with names and metadata.
        path: the file.
        opset: as of :func:`write_onnx`.
        summed: as of :func:`write_onnx`.

    Raises:
        ExportError: torch cannot express the network in ONNX.
        InputError: the network needs something that the operator set does not have.
    """
    import onnx

    asked = None if opset is None else EXPORTED
    form, named, options = source.form, source.signature, source.options
    network = form.form.network if isinstance(form, Halved) else form.network
    key = (
        type(form),
        named,
        tuple(one.shape for one in source.example),
        options.batch,
        options.free_size,
        asked,
    )
    graph = kept_graph(
        network, key, lambda: _graph(source.program, None, asked, named.output_names, named.input_names)
    )
    _keep(onnx.load_model_from_string(graph), path, source.metadata, opset, summed)


def _keep(
    model: ModelProto, path: Path, metadata: Mapping[str, Any], opset: int | None, summed: bool
) -> None:
    import onnx

    if summed:
        summed_prelu(model)
    onnx.helper.set_model_props(
        model, {f"archspace.{name}": json.dumps(value) for name, value in metadata.items()}
    )
    path.write_bytes((model if opset is None else lowered(model, opset)).SerializeToString())


def _graph(
    network: nn.Module | ExportedProgram, inputs: tuple[Tensor, ...] | None, opset: int | None,
    outputs: Sequence[str], names: Sequence[str] = (INPUT_NAME,),
) -> bytes:  # fmt: skip
    """The network as torch's exporter writes it, without metadata.

    Raises:
        ExportError: torch cannot express the network in ONNX.
    """
    with quiet(), translations_kept(), torch.no_grad():
        try:
            traced = network if inputs is None else folded(torch.export.export(network, inputs))  # type: ignore[arg-type]
            program = torch.onnx.export(
                traced, (), dynamo=True, input_names=list(names), output_names=list(outputs),
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


def session_runner(session: InferenceSession, signature: Signature) -> Runner:
    """Returns what answers a sample with ``session``."""

    def run(inputs: Any) -> Any:
        return session.run(signature.output_names, dict(zip(signature.input_names, inputs, strict=True)))

    return run
