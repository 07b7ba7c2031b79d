"""When a kernel runs, and how large its tiles are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import torch
from torch import Tensor

INTERPRETED = "TRITON_INTERPRET"
"""Triton's own switch: kernels run on the CPU, slowly. It counts when a kernel's module is imported."""

FILLED = 264
"""Programs that fill a large GPU twice over (an H100 has 132 multiprocessors); fewer leave some of it idle."""

INSTALLED = find_spec("triton") is not None

HELD = 2048
"""Sums that a program of 4 warps holds; with twice as many, ptxas for compute capability 9.0 spills registers."""

TYPES = (torch.float32, torch.float16, torch.bfloat16)

Precision = Literal["ieee", "tf32x3", "tf32"]


def interpreting() -> bool:
    """Returns whether kernels run in Triton's interpreter."""
    return os.environ.get(INTERPRETED) == "1"


def launches(x: Tensor) -> bool:
    """Returns whether a kernel runs on ``x``; where none does, the same is computed by torch."""
    return INSTALLED and x.dtype in TYPES and (x.is_cuda or interpreting())


@dataclass(frozen=True, slots=True)
class Launch:
    """How a kernel is launched.

    Attributes:
        pixels: of a program's tile; a power of two.
        warps: of a program.
        split: a program for each branch instead of one for all.
        unroll: taps that are loaded at once; of the depth-wise transform.
        precision: of float32 products: ``ieee``; ``tf32x3``, three products of the tensor cores, which keeps
            float32's error; ``tf32`` does not. No other type is concerned.
    """

    pixels: int = 64
    warps: int = 4
    split: bool = False
    unroll: int = 3
    precision: Precision = "ieee"

    def options(self) -> dict[str, Any]:
        """Returns the keyword arguments that all kernels share."""
        return {
            "BLOCK_P": self.pixels, "PRECISION": self.precision, "WIDE": interpreting(), "num_warps": self.warps,
        }  # fmt: skip


def usual(pixels: int, images: int, channels: int) -> Launch:
    """Returns a launch that was chosen by counting programs and registers; nothing was timed.

    Args:
        pixels: of the output map.
        images: in the batch.
        channels: that a program holds at once.
    """
    tile = max(16, min(64, HELD // channels))
    while tile > 16 and -(-pixels // tile) * images < FILLED:
        tile //= 2
    return Launch(pixels=tile, split=-(-pixels // tile) * images < FILLED)


def fastest(
    run: Callable[[Launch], Any], clock: Callable[[Callable[[], Any]], float], among: Iterable[Launch]
) -> Launch:
    """Returns the launch whose run takes least by ``clock``; one that does not compile or fit is passed over.

    Raises:
        RuntimeError: none runs.
    """
    times: dict[Launch, float] = {}
    failed: Exception | None = None
    for launch in among:
        try:
            times[launch] = clock(lambda launch=launch: run(launch))  # type: ignore[misc]
        except Exception as error:  # Triton's errors of resources have no common base
            failed = error
    if not times:
        raise RuntimeError("no launch runs") from failed
    return min(times, key=times.__getitem__)


def empty_like_layout(x: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Returns an empty (N, ``channels``, ``height``, ``width``) of the type, device and memory format of ``x``."""
    return torch.empty(
        x.shape[0], channels, height, width, dtype=x.dtype, device=x.device, memory_format=layout(x)
    )


def layout(x: Tensor) -> torch.memory_format:
    """Returns ``channels_last`` where that is how ``x`` lies in memory, and not the other way too."""
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def power_of_two(n: int, least: int = 16) -> int:
    """Returns the smallest power of two that is at least ``n`` and ``least``; products need 16."""
    return max(least, 1 << max(0, n - 1).bit_length())
