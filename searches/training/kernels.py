"""C++ kernels of training on one CPU thread: opened, and called with tensors (N, C, H, W) that are channels last."""

from __future__ import annotations

import ctypes
import functools
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archspace.support.compiled import built
from archspace.support.errors import InputError

log = logging.getLogger(__name__)

SOURCES = tuple(
    Path(__file__).with_name(name) for name in ("kernels.cpp", "norms.h", "depth_wise.h", "rows.h")
)
NAMES = {torch.float32: "float", torch.float64: "double"}
POINTER, NUMBER, REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
ARGUMENTS = {
    "norm_forward": [POINTER] * 2 + [NUMBER] * 2 + [POINTER] * 5 + [REAL] * 2 + [POINTER],
    "norm_backward": [POINTER] * 2 + [NUMBER] * 2 + [POINTER] * 6,
    "prelu_backward": [POINTER] * 2 + [NUMBER] * 2 + [POINTER] * 3,
    "depth_wise_backward": [POINTER] * 6,
}


@functools.cache
def opened() -> dict[tuple[str, torch.dtype], Any] | None:
    """Returns the kernels by name and type, built on first use; ``None`` where they cannot be, which is logged."""
    try:
        library = ctypes.CDLL(str(built("training", "training", SOURCES)))
    except (InputError, OSError) as error:
        log.warning("%s; training goes on without C++ kernels, which takes longer", error)
        return None
    found = {}
    for name, arguments in ARGUMENTS.items():
        for dtype, suffix in NAMES.items():
            function = getattr(library, f"{name}_{suffix}")
            function.argtypes, function.restype = arguments, None
            found[name, dtype] = function
    return found


def takes(x: Tensor) -> bool:
    """Whether the kernels are there for this map, whose channels lie side by side; it may be some of another's."""
    return (
        x.ndim == 4 and x.dtype in NAMES
        and (x.stride(1) == 1 or x.is_contiguous(memory_format=torch.channels_last))
        and torch.get_num_threads() == 1 and opened() is not None
    )  # fmt: skip


def _call(name: str, dtype: torch.dtype, *arguments: Tensor | float | None) -> None:
    kernels = opened()
    assert kernels is not None, "asked only behind takes()"
    kernels[name, dtype](*(one.data_ptr() if isinstance(one, Tensor) else one for one in arguments))


def dense(x: Tensor) -> Tensor:
    """Returns the map with nothing between its channels, as the kernels read it."""
    return x.contiguous(memory_format=torch.channels_last)


def norm(
    x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor | None, running: tuple[Tensor, Tensor] | None,
    momentum: float, eps: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Batch norm by the batch's own statistics, then PReLU.

    Args:
        slope: of the negative values, one a channel; no activation if left out.
        running: mean and variance, which take the batch's in.

    Returns:
        The map, and what :func:`norm_backward` needs, (4, C).
    """
    channels = x.shape[1]
    y, kept = torch.empty_like(x), x.new_empty(4, channels)
    mean, var = running or (None, None)
    pixels = x.numel() // channels
    _call(
        "norm_forward", x.dtype, x, y, pixels, channels, weight, bias, slope, mean, var, momentum, eps, kept
    )
    return y, kept


def norm_backward(
    gradient: Tensor, x: Tensor, kept: Tensor, slope: Tensor | None, of_input: bool
) -> tuple[Tensor | None, Tensor, Tensor, Tensor | None]:
    """Returns the gradients of input (if wanted), weight, bias and slope behind :func:`norm`."""
    channels = x.shape[1]
    by_x = torch.empty_like(x) if of_input else None
    by = x.new_empty(3, channels)
    by_slope = None if slope is None else by[2]
    _call(
        "norm_backward", x.dtype, dense(gradient), x, x.numel() // channels, channels, kept, slope,
        by_x, by[0], by[1], by_slope,
    )  # fmt: skip
    return by_x, by[0], by[1], by_slope


def prelu_backward(gradient: Tensor, x: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the gradients of input and slopes of a PReLU of one slope a channel."""
    by_x, by_slope, channels = torch.empty_like(x), torch.empty_like(slope), x.shape[1]
    pixels = x.numel() // channels
    _call("prelu_backward", x.dtype, dense(gradient), x, pixels, channels, slope, by_x, by_slope)
    return by_x, by_slope


def depth_wise_backward(
    gradient: Tensor, x: Tensor, weight: Tensor, dilation: tuple[int, int], stride: int
) -> tuple[Tensor, Tensor]:
    """Returns the gradients of input and weight of a depth-wise convolution, padded by half its kernel's span."""
    by_x, by_weight = torch.empty_like(x), torch.empty_like(weight)
    (images, channels, high, wide), (rows, columns) = x.shape, weight.shape[2:]
    shape = (images, high, wide, channels, rows, columns, *dilation, stride, *gradient.shape[2:])
    numbers = (NUMBER * len(shape))(*shape)
    kernels = opened()
    assert kernels is not None, "asked only behind takes()"
    gradient = dense(gradient)
    kernels["depth_wise_backward", x.dtype](
        gradient.data_ptr(), x.data_ptr(), weight.data_ptr(), numbers, by_x.data_ptr(), by_weight.data_ptr()
    )
    return by_x, by_weight
