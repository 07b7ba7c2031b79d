"""Where the predictors that ``archspace calibrate`` fitted are kept. No torch."""

from __future__ import annotations

from pathlib import Path

from archspace.support.caches import CACHES, CacheKind
from archspace.support.files import cache_root

FOLDER = "predictors"


def default_file(device: str) -> Path:
    """Returns where the predictor of a device is kept when no file is named."""
    return cache_root() / FOLDER / f"{device}.json"


CACHES.register(FOLDER)(
    CacheKind(
        about="latency predictors that archspace calibrate fitted, in minutes each",
        paths=lambda root: (root / FOLDER).glob("*.json*"),
        label=lambda path: path.name,
        remade=False,
    )
)
