"""The language model of ESPNetv2, as we read it. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from archspace.plan.networks.eru import HIDDEN
from archspace.presets.preset import Preset

_ERU_HIDDEN: Mapping[str, int] = {"7m": 320, "15m": 768}
"""Hidden sizes with which the parameters come nearest to 7 M and 15 M: 7,058,560 and 15,103,744."""


def eru_presets() -> list[Preset]:
    """Returns the two sizes of ESPNetv2's language model, in our reading (archspace.plan.networks.eru).

    The paper's own sizes are not at hand: the hidden size is the multiple of 16 whose total is nearest to the name's.
    """
    source = "our reading of one sentence of ESPNetv2, CVPR 2019 (ERU); sized by us, not published numbers"
    return [
        Preset(
            name=f"eru-{name}",
            fields={"network": "eru", "width": hidden / HIDDEN},
            published={},
            source=source,
        )
        for name, hidden in _ERU_HIDDEN.items()
    ]
