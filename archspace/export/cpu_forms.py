"""The formats that run on this machine's processor, opened again as what answers one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from archspace.export.agreement import Runner
from archspace.export.formats.base import Source

Opener: TypeAlias = Callable[[Source, Path, int], Runner]
"""From what was exported, the folder where the format's files lie, and threads."""


def _onnx(source: Source, folder: Path, threads: int) -> Runner:
    from archspace.export.card import MODEL_FILE
    from archspace.export.onnx_model import open_session, session_runner

    return session_runner(open_session(folder / MODEL_FILE, threads), source.signature)


def _openvino(source: Source, folder: Path, threads: int) -> Runner:
    import openvino

    hints = {
        "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
    }  # fmt: skip
    compiled = openvino.Core().compile_model(str(folder / "model.xml"), "CPU", hints)
    request, outputs = compiled.create_infer_request(), list(compiled.outputs)

    def run(inputs: Any) -> Any:
        answers = request.infer(list(inputs), share_inputs=True, share_outputs=True)
        return [answers[one] for one in outputs]

    return run


def _native(source: Source, folder: Path, threads: int) -> Runner:
    from archspace.export.formats.native import FILE
    from archspace.export.native.file import open_native

    network = open_native(folder / FILE, threads)
    return lambda inputs: network(*inputs)


def _torch(source: Source, folder: Path, threads: int) -> Runner:
    import torch

    from archspace.export.formats.torch_program import FILE
    from archspace.export.quiet import quiet
    from archspace.export.samples import arrays

    with quiet():
        loaded = torch.export.load(folder / FILE).module()

    def run(inputs: Any) -> Any:
        before = torch.get_num_threads()
        try:
            torch.set_num_threads(threads)
            with torch.no_grad():
                return arrays(loaded(*map(torch.from_numpy, inputs)))
        finally:
            torch.set_num_threads(before)

    return run


CPU_FORMS: Mapping[str, Opener] = {"native": _native, "onnx": _onnx, "openvino": _openvino, "torch": _torch}
"""By the name of the format."""
