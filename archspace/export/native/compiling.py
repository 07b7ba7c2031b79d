"""From the graph of torch.export to what the engine of this processor opens."""

from __future__ import annotations

from torch.export import ExportedProgram

from archspace.export.native.library import library
from archspace.export.native.program import Program, make_program
from archspace.export.native.reading import read_program


def compiled(program: ExportedProgram) -> Program:
    """Returns a graph's operations and weights for the vectors of this processor.

    Raises:
        UnsupportedError: the engine has no kernel for an operation.
        InputError: the engine cannot be built here.
    """
    graph, engine = read_program(program), library()
    return make_program(graph, engine.native_lanes(), engine.native_registers())
