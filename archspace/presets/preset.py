"""What a preset is. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archspace.spec.archspec import ArchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A published network.

    Attributes:
        name: how it is called here.
        spec: what it is.
        published: what its authors report: ``params``, ``conv_macs`` (published as "FLOPs") or ``macs``, and an
            accuracy under the metric's name with its ``dataset``. Rounded as published.
        source: where the numbers stand.
    """

    name: str
    spec: ArchSpec
    published: Mapping[str, Any]
    source: str
