"""Floating-point numbers that lose or cost: weights that are none, said when they are loaded, and subnormal ones.

Intel's processors compute with subnormal numbers, those below the normal range, many times slower. Weights as small as
weight decay can leave them fill maps with them: four published ESPNet networks were 4 to 14 times slower in torch on
such a processor than they were without.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

SUBNORMAL = 1e-39
"""Of float32."""


@contextmanager
def flushed() -> Iterator[None]:
    """Lets subnormal numbers count as zero while it lasts, where the processor can.

    That holds for this thread and for those that it starts meanwhile.
    """
    import torch  # here, as weights are looked at without it too

    before = (torch.full((), SUBNORMAL) * 2).item() == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def warn_of_lost_weights(tensors: Mapping[str, Tensor], where: str) -> None:
    """Logs a warning, once, where tensors hold NaN or infinite values: every answer of the network is then lost."""
    lost = [
        name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()
    ]
    if lost:
        _warn(f"{where}: {len(lost)} of {len(tensors)} tensors hold NaN or infinite values, {lost[0]} first")


def other_kind(tensor: Tensor, wanted: Tensor | None = None) -> str:
    """Returns what is wrong with the kind of a tensor's numbers; an empty string where they can be used.

    >>> import torch
    >>> other_kind(torch.zeros(1, dtype=torch.int8), torch.zeros(1))
    'is int8, needs real numbers'
    """
    kind = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_meta or tensor.is_sparse or tensor.is_quantized or tensor.is_complex():
        lacking = "without values" if tensor.is_meta else "sparse" if tensor.is_sparse else kind
        return f"is {lacking}, needs plain numbers"
    integers = wanted is not None and wanted.is_floating_point() and not tensor.is_floating_point()
    return f"is {kind}, needs real numbers" if integers else ""


@lru_cache(maxsize=1024)
def _warn(message: str) -> None:
    log.warning("%s; a training that diverged? no answer of this network means anything", message)
