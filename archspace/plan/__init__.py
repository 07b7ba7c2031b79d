"""From a resolved spec to every derived integer of its network, without torch.

``nodes`` is the tree, ``counts`` its closed-form counts, ``request`` what a unit is asked, ``esp`` and
``compared`` the units, ``espnet``, ``espnetv2``, ``mobile``, ``detection`` and ``heads`` the networks.
"""

from __future__ import annotations

from archspace.plan import compared, esp, espnet, espnetv2, mobile  # noqa: F401  (they enter their designs)
from archspace.plan.counts import Count, count_block, count_layer, layer_params
from archspace.plan.networks import NETWORKS, TASKS, stage_channels
from archspace.plan.nodes import (
    AxisConv,
    Block,
    Conv,
    Deconv,
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
