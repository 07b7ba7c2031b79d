"""To Core ML: an ML Program. It is converted here; only macOS and iOS predict with it."""

from __future__ import annotations

import coremltools as ct
import torch
from job import job


def main() -> None:
    """Convert, then read the package again and look at its graph."""
    work = job()
    precision = ct.precision.FLOAT16 if work.half else ct.precision.FLOAT32
    program = work.program.run_decompositions({})
    for node in list(program.graph.nodes):
        if node.target == torch.ops.aten.alias.default:  # Core ML has no word for the same tensor again
            node.replace_all_uses_with(node.args[0])
            program.graph.erase_node(node)
    model = ct.convert(
        program,
        outputs=[ct.TensorType(name=name) for name in work.output_names],
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS16,
        compute_precision=precision,
    )
    for name, text in work.metadata.items():
        model.user_defined_metadata[name] = text
    path = work.folder / "model.mlpackage"
    model.save(str(path))
    spec = ct.models.MLModel(str(path), skip_model_load=True).get_spec()
    operations = sorted(
        {
            operation.type
            for function in spec.mlProgram.functions.values()
            for block in function.block_specializations.values()
            for operation in block.operations
        }
    )
    ports = {
        kind: {one.name: list(one.type.multiArrayType.shape) for one in getattr(spec.description, kind)}
        for kind in ("input", "output")
    }
    work.answer(None, "Core ML", ct.__version__, operations=operations, ports=ports)


main()
