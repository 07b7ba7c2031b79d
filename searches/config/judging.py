"""How a study judges networks before, or instead of, training them fully. No torch."""

from __future__ import annotations

from searches.config.inheriting import Inheriting
from searches.config.screen import Screens


class Judging(Screens, Inheriting):
    """Cheaper judgement than training every network fully; each part is a switch, off if left out."""
