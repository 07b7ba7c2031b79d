"""What a preset is. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from archspace.spec.archspec import ArchSpec


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A published network; its spec is resolved when it is first asked for.

    Attributes:
        name: how it is called here.
        fields: those of its spec that differ from the network's defaults, ``network`` among them.
        published: what its authors report: ``params``, ``conv_macs`` (published as "FLOPs") or ``macs``, and an
            accuracy under the metric's name with its ``dataset``. Rounded as published.
        source: where the numbers stand.
    """

    name: str
    fields: Mapping[str, Any]
    published: Mapping[str, Any]
    source: str

    @cached_property
    def spec(self) -> ArchSpec:
        """What it is."""
        return ArchSpec(**self.fields)
