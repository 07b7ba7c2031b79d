"""The graph of torch.export: what every format but the checkpoint is made of."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from archspace.export.agreement import ExportError
from archspace.export.flat import Flat, Halved, batch_axis
from archspace.export.folding import folded
from archspace.export.quiet import quiet
from archspace.export.signature import ANY, LARGEST_BATCH, ExportOptions
from archspace.network import Network

LARGEST_SIDE = 8192
"""Of a free size, for readers that must know one."""


def traced(
    form: Flat | Halved, inputs: tuple[Tensor, ...], options: ExportOptions, network: Network
) -> ExportedProgram:
    """Returns the graph of a form in the operations that it was written with, batch norms folded wherever exact.

    Args:
        form: in eval mode.
        inputs: of one run; where the batch is free, of two or more images.
        options: which sides are free.
        network: for the sizes that fit.

    Raises:
        ExportError: torch cannot trace it, or not with these sides free.
    """
    shapes = _free_sides(form, inputs, options, network)
    with quiet(), torch.no_grad():
        try:
            return folded(torch.export.export(form, inputs, dynamic_shapes=shapes))
        except Exception as error:  # torch has no base class for what tracing can raise
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = lines[0] if lines else type(error).__name__
            asked = " and ".join(text for key, text in options.asked.items() if key.startswith("free"))
            if asked:
                rule = f"{network.spec.label}: {asked}: the network needs a fixed one"
                raise ExportError(f"export: {rule} ({reason[:120]}); leave it out") from error
            raise ExportError(f"export: {network.spec.label}: torch cannot trace it: {reason}") from error


def _free_sides(
    form: Flat | Halved, inputs: tuple[Tensor, ...], options: ExportOptions, network: Network
) -> Any:
    """``dynamic_shapes`` of torch.export; ``None`` where all sides are fixed."""
    if options.batch != ANY and not options.free_size:
        return None
    batch = Dim("batch", min=1, max=LARGEST_BATCH)
    step = size_step(network)
    sides: list[dict[int, Any]] = []
    for port in form.signature.inputs:
        free: dict[int, Any] = {batch_axis(port): batch} if options.batch == ANY else {}
        if options.free_size:
            free |= {axis: _side(word, step) for axis, word in ((2, "height"), (3, "width"))}
        sides.append(free)
    first, rest = sides[0], tuple(sides[1:])
    if isinstance(form, Halved):
        return {"inputs": (first, *rest)}
    return {"tokens": first, "state": rest} if rest else {"image": first}


def size_step(network: Network) -> int:
    """Returns of what a free height and width are multiples: what the decoder asks, and the encoder's stride."""
    return math.lcm(network.multiple, *(max(1, level.stride) for level in network.feature_info))


def least_side(network: Network) -> int:
    """Returns the smallest free side that torch's graph reads: with it no map has one position alone."""
    return 2 * size_step(network)


def _side(word: str, step: int) -> Any:
    """A free height or width: multiples of ``step``."""
    if step == 1:
        return Dim(word, min=1, max=LARGEST_SIDE)
    return step * Dim(f"{word}_{step}", min=1, max=LARGEST_SIDE // step)


def named_operation(program: ExportedProgram, message: str) -> str:
    """Returns where an operation that a converter named stands in the network; empty where it named none."""
    for node in program.graph.nodes:
        target = str(node.target)
        if node.op != "call_function" or not any(
            word and word in message for word in (target, target.removesuffix(".default"))
        ):
            continue
        stack = node.meta.get("nn_module_stack") or {}
        path = list(stack.values())[-1][0] if stack else ""
        return f"{target} at {path.removeprefix('network.') or 'the network'}"
    return ""
