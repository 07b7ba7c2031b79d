"""How a study judges networks before, or instead of, training them fully. No torch."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from archspace.support.errors import FieldError
from searches.config.inheriting import Inheriting
from searches.config.rungs import FIELD, Rungs
from searches.config.screen import Screens


class Judging(Screens, Rungs, Inheriting):
    """Cheaper judgement than training every network fully; each part is a switch, off if left out."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        """Refuses rungs where nothing is trained."""
        if self.supernet is not None and self.rungs:
            rule = "with a supernet no network is trained, so that none comes to a rung"
            raise FieldError(FIELD, self.rungs if self.rungs == "auto" else list(self.rungs), rule, [])
        return self
