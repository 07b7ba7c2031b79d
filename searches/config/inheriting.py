"""Networks of a study that are judged by inherited weights. No torch."""

from __future__ import annotations

from pathlib import Path

from searches.config.parts import Part


class Inheriting(Part):
    """Which weights networks are judged by, where they are not trained.

    Attributes:
        supernet: folder of a supernet that covers the space (``archspace supernet train``): every network is judged by
            the weights that it inherits, none is trained; their metric says so. The front is for ``archspace retrain``.
    """

    supernet: Path | None = None
