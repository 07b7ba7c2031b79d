"""From plan nodes to modules: layers are made here, blocks are looked up by their kind."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.plan.nodes import AxisConv, Block, Conv, Deconv, Embedding, Linear, Node, NormAct
from archspace.support.registry import Registry
from archspace.units.axis import AxisConvolution

ACTIVATIONS: dict[str, Callable[[int], nn.Module]] = {
    "prelu": nn.PReLU,
    "relu": lambda channels: nn.ReLU(),
    "relu6": lambda channels: nn.ReLU6(),
    "leaky-relu": lambda channels: nn.LeakyReLU(0.1),
    "hardswish": lambda channels: nn.Hardswish(),
    "silu": lambda channels: nn.SiLU(),
    "selu": lambda channels: nn.SELU(),
}
"""Activation modules by name, for a number of channels."""


class LayerModule(nn.Sequential):
    """One plan layer: an optional operation ``conv``, an optional ``norm`` and an optional ``act``.

    Shapes: (N, C, H, W) -> (N, C', H/stride, W/stride), rounded up.
    """

    def __init__(self, conv: nn.Module | None, channels: int, norm: float | None, act: str | None) -> None:
        super().__init__()
        if conv is not None:
            self.add_module("conv", conv)
        if norm is not None:
            self.add_module("norm", nn.BatchNorm2d(channels, eps=norm))
        if act is not None:
            self.add_module("act", ACTIVATIONS[act](channels))


class TiedLinear(nn.Module):
    """A linear layer with a bias of its own and the weights of an embedding, given at each call."""

    def __init__(self, out_features: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(out_features))

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """(..., C) and weights (C', C) -> (..., C')."""
        return F.linear(x, weight, self.bias)


class BlockModule(nn.Module):
    """A plan block: its children are made under the plan's names; a subclass says how they run."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block
        for name, part in block.parts:
            if isinstance(part, tuple):
                self.add_module(name, nn.ModuleList(make(node) for node in part))
            else:
                self.add_module(name, make(part))

    def has(self, name: str) -> bool:
        """Returns whether the block has a part called ``name``."""
        return name in self._modules

    def initialise(self) -> None:
        """Give the block's own layers other initial values than :func:`initialise`; most blocks have none."""


MODULES: Registry[type[BlockModule]] = Registry("block")
"""Module classes by block kind."""


def make(node: Node) -> nn.Module:
    """Returns the module of a plan node, freshly initialised."""
    if isinstance(node, Conv):
        conv = nn.Conv2d(
            node.in_channels, node.out_channels, node.sides, node.stride,
            padding=(
                0 if node.causal else node.dilation * (node.sides[0] - 1) // 2,
                node.dilation * (node.sides[1] - 1) // 2,
            ),
            dilation=node.dilation, groups=node.groups, bias=node.bias,
        )  # fmt: skip
        return LayerModule(conv, node.out_channels, node.norm, node.act)
    if isinstance(node, Deconv):
        pad = (node.side - node.stride + 1) // 2
        deconv = nn.ConvTranspose2d(
            node.in_channels, node.out_channels, node.side, node.stride, padding=pad,
            output_padding=2 * pad + node.stride - node.side, bias=node.bias,
        )  # fmt: skip
        return LayerModule(deconv, node.out_channels, node.norm, node.act)
    if isinstance(node, NormAct):
        return LayerModule(None, node.channels, node.norm, node.act)
    if isinstance(node, Embedding):
        return nn.Embedding(node.words, node.channels)
    if isinstance(node, Linear) and node.tied:
        return TiedLinear(node.out_features)
    if isinstance(node, Linear) and node.everywhere:
        return nn.Linear(node.in_features, node.out_features)
    if isinstance(node, Linear):
        return nn.Sequential(nn.Dropout(node.dropout), nn.Linear(node.in_features, node.out_features))
    if isinstance(node, AxisConv):
        return AxisConvolution(node)
    return MODULES[node.kind](node)


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Channel shuffle: interleaves ``groups`` groups of channels. (N, C, H, W) -> (N, C, H, W)."""
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


def halved(x: Tensor) -> Tensor:
    """3 x 3 average pooling of stride 2, padded zeros counted. (N, C, H, W) -> (N, C, H/2, W/2), rounded up."""
    return F.avg_pool2d(x, 3, stride=2, padding=1)


def running_sums(maps: list[Tensor]) -> list[Tensor]:
    """Hierarchical feature fusion: each map plus all maps before it."""
    for index in range(1, len(maps)):
        maps[index] = maps[index] + maps[index - 1]
    return maps


def initialise(module: nn.Module) -> None:
    """Kaiming-normal convolutions (fan out); batch norms at 1 and 0; small normal linear layers; small embeddings.

    Blocks with an initialisation of their own come last.
    """
    for child in module.modules():
        if isinstance(child, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(child.weight, mode="fan_out", nonlinearity="relu")
            if child.bias is not None:
                nn.init.zeros_(child.bias)
        elif isinstance(child, nn.Linear):
            nn.init.normal_(child.weight, std=0.01)
            nn.init.zeros_(child.bias)
        elif isinstance(child, nn.Embedding):
            nn.init.uniform_(child.weight, -0.1, 0.1)
    for child in module.modules():
        if isinstance(child, BlockModule):
            child.initialise()
