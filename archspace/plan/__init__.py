"""From a resolved spec to every derived integer of its network, without torch.

``nodes`` is the tree, ``counts`` its closed-form counts, ``request`` what a unit is asked and ``design`` what a network
is; ``units`` and ``networks`` hold a file each, ``placing`` and ``heads`` what networks share.
"""

from __future__ import annotations

from archspace.plan import networks, units  # noqa: F401  (they enter their designs)
from archspace.plan.counts import Count, count_block, count_layer, layer_params
from archspace.plan.design import NETWORKS, TASKS, stage_channels
from archspace.plan.nodes import (
    AxisConv,
    Block,
    Conv,
    Deconv,
    Embedding,
    Layer,
    Linear,
    Node,
    NormAct,
    Placed,
    Size,
    placed_layers,
)
from archspace.plan.request import UNITS, UnitRequest, branch_widths, draw_unit

__all__ = [
    "NETWORKS",
    "TASKS",
    "UNITS",
    "AxisConv",
    "Block",
    "Conv",
    "Count",
    "Deconv",
    "Embedding",
    "Layer",
    "Linear",
    "Node",
    "NormAct",
    "Placed",
    "Size",
    "UnitRequest",
    "branch_widths",
    "count_block",
    "count_layer",
    "draw_unit",
    "layer_params",
    "placed_layers",
    "stage_channels",
]
