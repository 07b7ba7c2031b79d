"""Inputs on which an export is compared with torch, and what torch answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archspace.export.agreement import Arrays, Sample
from archspace.export.flat import Flat, Words
from archspace.export.program import least_side, size_step
from archspace.export.signature import ANY, ExportOptions
from archspace.network import Network
from archspace.support.errors import FieldError

RANDOM_SEED = 0
TRACED_BATCH = 2
"""Inputs with which a free batch is traced: one alone would be taken as fixed."""


def images_by_kind(network: Network, real: Tensor | None) -> dict[str, Tensor]:
    """Returns random numbers (of a language model: tokens), and the real images after a look at them.

    Raises:
        FieldError: the real images have another shape, or are no finite numbers.
    """
    spec = network.spec
    generator = torch.Generator().manual_seed(RANDOM_SEED)
    if spec.task == "language":
        return {"random": torch.randint(0, spec.classes, (1, spec.input_size[0]), generator=generator)}
    shape = (spec.channels, *spec.input_size)
    inputs = {"random": torch.randn(1, *shape, generator=generator)}
    if real is None:
        return inputs
    if real.ndim != 4 or not len(real) or tuple(real.shape[1:]) != shape:
        raise FieldError("real_inputs", tuple(real.shape), "must have the network's shape", ("N", *shape))
    if not torch.isfinite(real).all():
        raise FieldError("real_inputs", "nan or inf", "must be finite numbers")
    return {**inputs, "real": real.detach().cpu().float().contiguous()}


def samples_of(
    form: Flat, inputs: Mapping[str, Tensor], options: ExportOptions
) -> dict[str, tuple[Sample, ...]]:
    """Returns the runs of every kind of input: of the fixed batch, or of one and three where it is free.

    Args:
        form: of the network as it is, not folded.
        inputs: (N, C, H, W) images, or (N, T) tokens, by kind.
        options: batch, and whether the size is free: then random images of a second size are among them.
    """
    generator = torch.Generator().manual_seed(RANDOM_SEED + 1)
    made = {}
    for kind, values in inputs.items():
        size = 1 if options.batch == ANY else options.batch
        runs = [_filled(part, size) for part in torch.split(values, size)]
        if kind == "random" and options.batch == ANY:
            runs.append(_filled(values, 3))
        if kind == "random" and options.free_size:
            runs.append(torch.randn(_other_size(values, form.network), generator=generator))
        made[kind] = tuple(answered(form, (run, *state_of(form, len(run), generator))) for run in runs)
    return made


def _filled(values: Tensor, size: int) -> Tensor:
    """So many inputs: those given, again and again, shifted by one place so that no two are the same."""
    short = size - len(values)
    if short <= 0:
        return values[:size]
    more = [torch.roll(values[i % len(values)], i + 1, -1) for i in range(short)]
    return torch.cat((values, torch.stack(more)))


def _other_size(images: Tensor, network: Network) -> tuple[int, ...]:
    step, least = size_step(network), least_side(network)
    height, width = (max(least, -(-side // step) * step) for side in images.shape[2:])
    return (1, images.shape[1], height + step, width - step if width > least else width + 2 * step)


def state_of(form: Flat, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Returns of a language model the state after a window of random words, so that it is not zero."""
    if not isinstance(form, Words):
        return ()
    tokens = torch.randint(0, form.network.spec.classes, (batch, 2), generator=generator)
    with torch.no_grad():
        _, after = form.network(tokens)
    return tuple(value.contiguous() for one in after for value in one if value.numel())


@torch.no_grad()
def answered(form: nn.Module, inputs: tuple[Tensor, ...]) -> Sample:
    """Returns the run of ``form`` on these inputs."""
    return Sample(arrays(inputs), arrays(form(*inputs)))


def arrays(values: Any) -> Arrays:
    """Returns a tensor or several as NumPy's arrays."""
    several = values if isinstance(values, tuple | list) else (values,)
    return tuple(np.ascontiguousarray(value.detach().cpu().numpy()) for value in several)
