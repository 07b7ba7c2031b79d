"""Activations as the kernels know them: a number, and a slope for each channel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NONE, SLOPED, RELU6, HARDSWISH, SILU = range(5)


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation of a map of some channels.

    Attributes:
        kind: its number in the kernels.
        slopes: (C,); of negative values where it is ``SLOPED`` (PReLU, ReLU, leaky ReLU), else ones.
    """

    kind: int
    slopes: Tensor

    @classmethod
    def of(cls, module: nn.Module | None, channels: int, like: Tensor) -> Activation | None:
        """Returns that of a module, its slopes of the type and device of ``like``; ``None`` if no kernel has it."""
        ones = torch.ones(channels, dtype=like.dtype, device=like.device)
        if module is None:
            return cls(NONE, ones)
        if isinstance(module, nn.PReLU):
            return cls(SLOPED, module.weight.detach().expand(channels).clone())
        if isinstance(module, nn.LeakyReLU):
            return cls(SLOPED, ones * module.negative_slope)
        plain = {nn.ReLU: SLOPED, nn.ReLU6: RELU6, nn.Hardswish: HARDSWISH, nn.SiLU: SILU}
        kind = plain.get(type(module))
        return None if kind is None else cls(kind, ones * (0 if kind == SLOPED else 1))


def activated(y: Tensor, kind: int, slopes: Tensor) -> Tensor:
    """Returns the activation in torch. (N, C, H, W) and (C,) -> (N, C, H, W)."""
    if kind == SLOPED:
        return F.prelu(y, slopes)
    functions = {RELU6: F.relu6, HARDSWISH: F.hardswish, SILU: F.silu}
    return functions[kind](y) if kind in functions else y
