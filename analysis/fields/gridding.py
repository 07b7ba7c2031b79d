"""De-gridding by hierarchical feature fusion (HFF): what one channel of an ESP or EESP unit sees.

A dilated 3 x 3 reads nine pixels of its field and leaves holes between them, which show as a grid in its feature
map. HFF adds the maps of the smaller dilations before the concatenation, so each channel reads more of its field
(ESPNet section 3.1, figure 1; ESPNetv2 section 3.1). Over all channels together both read the same pixels: the holes
are those of the single channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.fields.effective import Map
from archspace.plan import UnitRequest, draw_unit
from archspace.support.errors import FieldError

FUSIONS = ("none", "hff")
FUSED_UNITS = ("esp", "eesp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gridding:
    """What the channels of each branch of one unit see, with uniform positive weights.

    Attributes:
        fusion: ``hff`` or ``none``.
        dilations: of the branches.
        responses: (side, side) for each branch: gradient of one position of its channels to the unit's input.
        holes: for each branch, the share of pixels inside its receptive field that it does not read, 0 to 1.
    """

    fusion: str
    dilations: tuple[int, ...]
    responses: tuple[Map, ...]
    holes: tuple[float, ...]

    @property
    def mean_holes(self) -> float:
        """Mean of ``holes`` over the branches."""
        return float(np.mean(self.holes))


def griddings(unit: str = "esp", branches: int = 5) -> Mapping[str, Gridding]:
    """Returns the unit with and without hierarchical fusion, by fusion.

    Args:
        unit: ``esp`` or ``eesp``.
        branches: K.

    Raises:
        FieldError: the unit has no fusion, or K does not fit.
    """
    if unit not in FUSED_UNITS:
        raise FieldError(
            "unit", unit, "only ESP and EESP units fuse their branches", " or ".join(FUSED_UNITS)
        )
    if not 2 <= branches <= 8:
        raise FieldError("branches", branches, "K must be 2 to 8", min(max(branches, 2), 8))
    return {fusion: _gridding(unit, branches, fusion) for fusion in FUSIONS}


def _gridding(unit: str, branches: int, fusion: str) -> Gridding:
    import torch
    from torch import nn

    from archspace.units import make

    channels = branches * branches
    block = draw_unit(
        unit,
        UnitRequest(in_channels=channels, out_channels=channels, branches=branches,
                    fusion=fusion == "hff", residual=False),
    )  # fmt: skip
    module = make(block).double().eval()
    for child in module.modules():
        if isinstance(child, nn.Conv2d):
            nn.init.constant_(child.weight, child.groups / (child.in_channels * child.weight[0, 0].numel()))
    rates = tuple(conv.dilation for conv in block.part("branches"))  # type: ignore[union-attr]
    centre = max(rates)
    x = torch.ones(1, channels, 2 * centre + 1, 2 * centre + 1, dtype=torch.double, requires_grad=True)
    y = module(x)
    responses, holes = [], []
    for index, rate in enumerate(rates):
        chosen = y[0, index * branches : (index + 1) * branches, centre, centre].sum()
        (gradient,) = torch.autograd.grad(chosen, x, retain_graph=True)
        response = gradient[0].abs().sum(0).numpy()
        inside = response[centre - rate : centre + rate + 1, centre - rate : centre + rate + 1]
        responses.append(response)
        holes.append(float((inside == 0).mean()))
    return Gridding(fusion=fusion, dilations=rates, responses=tuple(responses), holes=tuple(holes))
