"""What a layout is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archspace.support.errors import FieldError
from searches.config.parts import Crop
from searches.data.cache import Stamp
from searches.data.own import Own

NOTHING_SAID = Own()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a layout is asked for; the values are checked before a layout sees them.

    Attributes:
        own: what the user says of the folder; ``own.splits`` is none of a layout's business.
        whole: all of train is wanted: no part of it stands in for val.
    """

    layout: str
    split: str
    root: Path | None
    input_size: tuple[int, int]
    channels: int
    task: str
    seed: int
    crop: Crop = "squash"
    own: Own = NOTHING_SAID
    whole: bool = False

    @property
    def folder(self) -> Path:
        """The absolute root of a layout that reads files."""
        if self.root is None:
            raise FieldError("data.root", None, f"layout {self.layout!r} reads files and needs a folder")
        return self.root

    def cache_key(self, sources: Sequence[Stamp] = (), **more: object) -> dict[str, object]:
        """Returns the cache key of this request's arrays, made from these source files."""
        return {
            "layout": self.layout,
            "root": None if self.root is None else str(self.root),
            "split": self.split,
            "input_size": self.input_size,
            "channels": self.channels,
            "sources": sources,
            **({} if self.crop == "squash" else {"crop": self.crop}),
            **more,
        }
