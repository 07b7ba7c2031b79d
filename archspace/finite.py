"""Weights that are no numbers, said when they are loaded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)


def warn_of_lost_weights(tensors: Mapping[str, Tensor], where: str) -> None:
    """Logs a warning, once, where tensors hold NaN or infinite values: every answer of the network is then lost."""
    lost = [
        name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()
    ]
    if lost:
        _warn(f"{where}: {len(lost)} of {len(tensors)} tensors hold NaN or infinite values, {lost[0]} first")


@lru_cache(maxsize=1024)
def _warn(message: str) -> None:
    log.warning("%s; a training that diverged? no answer of this network means anything", message)
