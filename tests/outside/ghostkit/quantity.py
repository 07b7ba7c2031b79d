"""An objective: the number of convolutions that run."""

from __future__ import annotations

from analysis.quantities import Quantity, register
from archspace.plan.nodes import Conv, placed_layers
from archspace.spec.archspec import ArchSpec


def convolutions(spec: ArchSpec) -> float:
    """Convolutions of a network; those of the published layout that never run are left out."""
    return sum(isinstance(one.layer, Conv) and not one.dead for one in placed_layers(spec.plan))


register(
    Quantity(
        name="convs",
        unit="convolutions",
        direction="minimize",
        title="Number of convolutions",
        short="convolutions",
        source="counted",
        digits=0,
        count=convolutions,
    )
)
