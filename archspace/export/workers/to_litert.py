"""To LiteRT: a .tflite file."""

from __future__ import annotations

from importlib.metadata import version

import litert_torch
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from job import job


def main() -> None:
    """Convert, run the file, keep the answers."""
    work = job()
    path = work.folder / "model.tflite"
    litert_torch.convert(work.program.module(), work.example).export(str(path))
    _keep(path, work.metadata)
    reader = Interpreter(str(path), num_threads=1)
    signature = reader.get_signature_runner()
    names = sorted(signature.get_input_details(), key=_place)
    outputs = sorted(signature.get_output_details(), key=_place)

    def run(inputs: list[np.ndarray]) -> list[np.ndarray]:
        details = signature.get_input_details()
        given = {name: x.astype(details[name]["dtype"]) for name, x in zip(names, inputs, strict=True)}
        answers = signature(**given)
        return [answers[name] for name in outputs]

    work.answer(run, "LiteRT", version("ai-edge-litert"), inputs=names, outputs=outputs)


def _place(name: str) -> int:
    """Names are ``args_0``, ``output_0``, ..."""
    return int(name.rpartition("_")[2])


def _keep(path: object, metadata: dict[str, str]) -> None:
    """Each entry of the metadata as a named buffer of the file."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(str(path))
    model.metadata = list(model.metadata or [])
    for name, text in metadata.items():
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(text.encode(), np.uint8)
        model.buffers.append(buffer)
        entry = schema.MetadataT()
        entry.name, entry.buffer = name.encode(), len(model.buffers) - 1
        model.metadata.append(entry)
    flatbuffer_utils.write_model(model, str(path))


main()
