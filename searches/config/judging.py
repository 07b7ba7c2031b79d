"""How a study judges networks before, or instead of, training them fully. No torch."""

from __future__ import annotations

from searches.config.rungs import Rungs
from searches.config.screen import Screens


class Judging(Rungs, Screens):
    """Cheaper judgement than training every network fully; each part is a switch, off if left out."""
