"""From a resolved spec to every derived integer of its network, without torch.

``nodes`` is the tree, ``counts`` its closed-form counts, ``request`` what a unit is asked, ``esp``, ``compared``,
``dice`` and ``factorised`` the units, the other files the networks and their heads.
"""

from __future__ import annotations

from archspace.plan import (  # noqa: F401  (they enter their designs)
    compared,
    dice,
    dicenet,
    enet,
    erfnet,
    eru,
    esp,
    espnet,
    espnetv2,
    factorised,
    mobile,
    segnet,
)
from archspace.plan.counts import Count, count_block, count_layer, layer_params
from archspace.plan.networks import NETWORKS, TASKS, stage_channels
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
