"""The form of a network for inference: batch norms folded into the convolution before them."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from archspace.cuda.forms import FORMS, PLAIN
from archspace.network import Network
from archspace.units.base import LayerModule

TINY = 1e-20
"""Of a weight, nothing that a sum in single precision could tell."""


def deployed(network: Network, form: str = PLAIN) -> Network:
    """Returns a copy in eval mode whose batch norms are folded into the convolution before them, where there is one.

    The copy computes the same function with fewer operations; a norm that follows a concatenation or a sum
    stays. Weights are folded in float64, so the answers agree to rounding. Weights below :data:`TINY` are zero: they
    make maps of subnormal numbers (:mod:`archspace.floats`). The given network is not touched.
    The copy is for running and exporting; :func:`archspace.save` refuses it.

    Args:
        network: of ours.
        form: of its units (:data:`archspace.cuda.forms.FORMS`): ``streams`` and ``fused`` are for CUDA GPUs, and cannot
            be exported to files; elsewhere they run as torch does.
    """
    copied = copy.deepcopy(network).eval()
    FORMS[form](copied)
    for layer in copied.modules():
        if isinstance(layer, LayerModule):
            _fold(layer)
    with torch.no_grad():
        for weight in copied.parameters():
            weight.masked_fill_(weight.abs() < TINY, 0.0)
    return copied


def _fold(layer: LayerModule) -> None:
    """Fold ``norm`` into ``conv`` in place; does nothing where one of them is missing."""
    conv, norm = (layer._modules.get(name) for name in ("conv", "norm"))
    if not isinstance(conv, nn.Conv2d | nn.ConvTranspose2d) or not isinstance(norm, nn.BatchNorm2d):
        return
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    before = norm.running_mean.new_zeros(()) if conv.bias is None else conv.bias
    shift = norm.bias.double() + (before.double() - norm.running_mean.double()) * scale
    conv.weight = _frozen(conv.weight * _per_output(scale, conv), conv.weight)
    conv.bias = _frozen(shift, conv.weight)
    del layer.norm


def _per_output(scale: Tensor, conv: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    """``scale`` shaped to multiply the weights of each output channel."""
    if isinstance(conv, nn.Conv2d):
        return scale.view(-1, 1, 1, 1)
    # (in, out / groups, k, k): output channel g * (out / groups) + j is column j of the rows of group g
    rows = conv.in_channels // conv.groups
    return scale.view(conv.groups, -1).repeat_interleave(rows, 0).unsqueeze(-1).unsqueeze(-1)


def _frozen(value: Tensor, like: Tensor) -> nn.Parameter:
    return nn.Parameter(value.detach().to(like.dtype), requires_grad=False)
