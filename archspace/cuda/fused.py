"""EESP and ESP units in eval mode as fused modules, made from their layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archspace.cuda.activation import Activation
from archspace.cuda.dense import Dense
from archspace.cuda.transform import Pointwise, Transform
from archspace.plan.nodes import Block, Conv
from archspace.units.base import LayerModule
from archspace.units.esp import Eesp, Esp

Pair = tuple[Tensor, Tensor]


class FusedUnit(nn.Module):
    """An EESP or ESP unit of two passes: the reducing convolution, and all else. (N, C, H, W) -> (N, C', H', W')."""

    def __init__(self, reduce: nn.Module, rest: Transform | Dense, residual: bool) -> None:
        super().__init__()
        self.reduce, self.rest, self.residual = reduce, rest, residual

    def forward(self, x: Tensor) -> Tensor:
        """Runs the unit."""
        return self.rest(self.reduce(x), x if self.residual else None)  # type: ignore[no-any-return]


def fuse(network: nn.Module) -> int:
    """Replaces every EESP and ESP unit of a network in eval mode, in place; returns how many.

    A unit with an activation that no kernel has stays. Norms are folded in float64.

    Raises:
        ValueError: the network is in training mode, whose norms depend on the batch.
    """
    if network.training:
        raise ValueError("a network in training mode cannot be fused: its norms depend on the batch")
    count = 0
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            made = _eesp(child) if type(child) is Eesp else _esp(child) if type(child) is Esp else None
            if made is not None:
                parent.add_module(name, made)
                count += 1
    return count


def _eesp(unit: Eesp) -> FusedUnit | None:
    convs, dilations, stride = _branches(unit)
    channels = convs[0].out_channels
    mix = _layer(unit.mix, channels * len(convs))
    expand = unit.expand.conv if isinstance(unit.expand, LayerModule) else None
    ends = Activation.of(_act(unit.last) if unit.activates else None, channels * len(convs), convs[0].weight)
    if mix is None or ends is None or not isinstance(expand, nn.Conv2d):
        return None
    weight, bias = _folded(expand, _norm(unit.expand))
    expansion = Pointwise(weight, bias, expand.groups, ends)
    taps = torch.stack([conv.weight.detach()[:, 0] for conv in convs])
    transform = Transform(taps, dilations, stride, unit.block.option("fusion"), mix[0], mix[1], expansion)
    return FusedUnit(_reduce(unit.reduce), transform, unit.block.option("residual"))


def _esp(unit: Esp) -> FusedUnit | None:
    convs, dilations, _ = _branches(unit)
    mix = _layer(unit.mix, sum(conv.out_channels for conv in convs))
    if mix is None or any(conv.out_channels != convs[-1].out_channels for conv in convs[1:]):
        return None
    weights = [conv.weight.detach() for conv in convs]
    dense = Dense(weights, dilations, unit.block.option("fusion"), mix[0], mix[1])
    return FusedUnit(unit.reduce, dense, unit.block.option("residual"))


def _branches(unit: Eesp | Esp) -> tuple[list[nn.Conv2d], tuple[int, ...], int]:
    """Convolutions of the branches, their dilations, and the stride that they share."""
    nodes = unit.block.part("branches")
    assert isinstance(unit.block, Block) and isinstance(nodes, tuple)
    convs = [branch.conv for branch in unit.branches]
    drawn = [node for node in nodes if isinstance(node, Conv)]
    return convs, tuple(node.dilation for node in drawn), drawn[0].stride  # type: ignore[return-value]


def _reduce(layer: nn.Module) -> nn.Module:
    """The reducing layer as one pass, where it is a 1 x 1 with an activation that kernels have."""
    conv = layer.conv if isinstance(layer, LayerModule) else None
    if not isinstance(conv, nn.Conv2d) or conv.kernel_size != (1, 1) or conv.stride != (1, 1):
        return layer
    activation = Activation.of(_act(layer), conv.out_channels, conv.weight)
    return layer if activation is None else Pointwise(*_folded(conv, _norm(layer)), conv.groups, activation)


def _layer(layer: nn.Module, channels: int) -> tuple[Pair, Activation] | None:
    """Scale and shift of a layer's norm, and its activation; ``None`` if no kernel has that."""
    norm = _norm(layer)
    like = next(layer.parameters(), torch.zeros(()))
    activation = Activation.of(_act(layer), channels, like)
    if norm is None:
        pair = (like.new_ones(channels).detach(), like.new_zeros(channels).detach())
    else:
        scale, shift = _scale_and_shift(norm)
        pair = (scale.to(norm.weight.dtype), shift.to(norm.weight.dtype))
    return None if activation is None else (pair, activation)


def _norm(layer: nn.Module) -> nn.BatchNorm2d | None:
    norm = layer._modules.get("norm")
    return norm if isinstance(norm, nn.BatchNorm2d) else None


def _act(layer: nn.Module) -> nn.Module | None:
    return layer._modules.get("act")


def _scale_and_shift(norm: nn.BatchNorm2d) -> Pair:
    """What a batch norm does in eval mode, in float64."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return scale, norm.bias.detach().double() - norm.running_mean.double() * scale


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d | None) -> Pair:
    """Weights and bias of a convolution with the norm after it."""
    weight = conv.weight.detach()
    bias = weight.new_zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()
    if norm is None:
        return weight, bias
    scale, shift = _scale_and_shift(norm)
    folded = weight.double() * scale.view(-1, 1, 1, 1)
    return folded.to(weight.dtype), (bias.double() * scale + shift).to(weight.dtype)
