"""To ExecuTorch: a .pte whose layers XNNPACK runs, where it can."""

from __future__ import annotations

from importlib.metadata import version

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from executorch.runtime import Runtime
from job import job


def main() -> None:
    """Convert, run the file, keep the answers."""
    work = job()
    with torch.no_grad():
        lowered = to_edge_transform_and_lower(
            work.program,
            partitioner=[XnnpackPartitioner()],
            constant_methods={name.replace(".", "_"): text for name, text in work.metadata.items()},
        ).to_executorch()
    path = work.folder / "model.pte"
    path.write_bytes(lowered.buffer)
    left = sorted(
        {
            str(node.target)
            for node in lowered.exported_program().graph.nodes
            if node.op == "call_function" and str(node.target).startswith("aten.")
        }
    )
    method = Runtime.get().load_program(path).load_method("forward")

    def run(inputs: list[object]) -> list[object]:
        return [value.clone().numpy() for value in method.execute([torch.from_numpy(x) for x in inputs])]

    work.answer(run, "ExecuTorch (XNNPACK)", version("executorch"), left=left)


main()
