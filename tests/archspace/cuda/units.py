"""Single units with statistics, and how far two answers are apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archspace.plan.request import UnitRequest, draw_unit
from archspace.units.base import initialise, make
from tests.archspace.export.trained import lived_in


def difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def unit(name: str, given: dict[str, object]) -> nn.Module:
    """A unit of 16 channels as one that has been trained for a while: norms have statistics."""
    torch.manual_seed(0)
    fields = {"in_channels": 16, "out_channels": 16, "branches": 4, **given}
    made = nn.Sequential(make(draw_unit(name, UnitRequest(**fields))))  # type: ignore[arg-type]
    initialise(made)
    return lived_in(made)
