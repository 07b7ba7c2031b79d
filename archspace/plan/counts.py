"""Exact counts of one layer or one block, as closed forms of its numbers.

1 MAC is one multiply-accumulate of a convolution, transposed convolution or linear layer; bias, batch norm,
activations, pooling, resizing and looking up an embedding cost none in this convention (torch's own counter,
halved). Counts are for one input: an image, or the whole sequence of T tokens of a language model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

from archspace.plan.nodes import (
    AxisConv,
    Block,
    Conv,
    Deconv,
    Embedding,
    Layer,
    Linear,
    NormAct,
    Size,
    map_size,
    output_map,
    stands_at,
)

FLOAT32_BYTES = 4
AXIS_KERNEL = 9
"""Weights of one filter of a convolution along an axis: 3 x 3."""


@dataclass(frozen=True, slots=True)
class Count:
    """What a layer, block or network holds and does for one input: an image, or a whole sequence of tokens.

    Attributes:
        params: trainable parameters.
        dead_params: those among them that the forward pass never touches.
        conv_macs: MACs of convolutions alone, which ESPNetv2 and its successors publish as "FLOPs".
        deconv_macs: MACs of transposed convolutions.
        linear_macs: MACs of linear layers.
        activations: elements written by convolutions, transposed convolutions and linear layers.
        half_biases: half an operation per element with a bias, which the published counter adds.
    """

    params: int = 0
    dead_params: int = 0
    conv_macs: int = 0
    deconv_macs: int = 0
    linear_macs: int = 0
    activations: int = 0
    half_biases: int = 0

    @property
    def macs(self) -> int:
        """MACs of convolutions, transposed convolutions and linear layers."""
        return self.conv_macs + self.deconv_macs + self.linear_macs

    @property
    def activation_bytes(self) -> int:
        """Bytes of every output counted in ``activations``, in float32."""
        return self.activations * FLOAT32_BYTES

    @property
    def size_bytes(self) -> int:
        """Network size: bytes of the parameters in float32."""
        return self.params * FLOAT32_BYTES

    @property
    def size_mb(self) -> float:
        """Network size in units of 10^6 bytes."""
        return self.size_bytes / 1e6

    def __add__(self, other: Count) -> Count:
        return Count(
            self.params + other.params,
            self.dead_params + other.dead_params,
            self.conv_macs + other.conv_macs,
            self.deconv_macs + other.deconv_macs,
            self.linear_macs + other.linear_macs,
            self.activations + other.activations,
            self.half_biases + other.half_biases,
        )


def _after(channels: int, norm: float | None, act: str | None) -> int:
    """Parameters of a batch norm (scale and shift) and of a PReLU (one slope a channel)."""
    return (2 * channels if norm is not None else 0) + (channels if act == "prelu" else 0)


def layer_params(layer: Layer) -> int:
    """Trainable parameters of one layer."""
    if isinstance(layer, Conv):
        weights = layer.out_channels * (layer.in_channels // layer.groups) * prod(layer.sides)
        bias = layer.out_channels if layer.bias else 0
        return weights + bias + _after(layer.out_channels, layer.norm, layer.act)
    if isinstance(layer, Deconv):
        weights = layer.in_channels * layer.out_channels * layer.side**2
        bias = layer.out_channels if layer.bias else 0
        return weights + bias + _after(layer.out_channels, layer.norm, layer.act)
    if isinstance(layer, Linear):
        return (0 if layer.tied else layer.in_features * layer.out_features) + layer.out_features
    if isinstance(layer, Embedding):
        return layer.words * layer.channels
    if isinstance(layer, AxisConv):
        return AXIS_KERNEL * layer.side
    return _after(layer.channels, layer.norm, layer.act)


def count_layer(layer: Layer, size: Size, at: int = 1, dead: bool = False) -> Count:
    """Counts of one layer whose input stands at stride ``at`` of an image of ``size``."""
    params = layer_params(layer)
    if dead:
        return Count(params=params, dead_params=params)
    if isinstance(layer, NormAct | Embedding):
        return Count(params=params)
    if isinstance(layer, Linear):
        written = layer.out_features * prod(map_size(size, at))
        return Count(params=params, linear_macs=layer.in_features * written, activations=written)
    if isinstance(layer, Deconv):
        read = layer.in_channels * prod(map_size(size, at))
        written = layer.out_channels * prod(output_map(layer, size, at))
        return Count(
            params=params, deconv_macs=read * layer.out_channels * layer.side**2, activations=written
        )
    if isinstance(layer, AxisConv):
        height, width = map_size(size, at)
        written = layer.channels * layer.side * (width if layer.axis == "height" else height)
        return Count(params=params, conv_macs=written * AXIS_KERNEL, activations=written)
    written = layer.out_channels * prod(output_map(layer, size, at))
    macs = written * (layer.in_channels // layer.groups) * prod(layer.sides)
    half = written // 2 if layer.bias else 0
    return Count(params=params, conv_macs=macs, activations=written, half_biases=half)


@lru_cache(maxsize=65536)
def count_block(block: Block, size: Size) -> Count:
    """Counts of a block whose input has ``size``; each distinct block at each size is counted once."""
    total = [0] * 7
    for node in (node for _, node in block.items()):
        if isinstance(node, Block):
            one = count_block(node, map_size(size, node.at))
        else:
            off = block.dead or (isinstance(node, NormAct) and node.dead)
            one = count_layer(node, size, stands_at(node), off)
        total[0] += one.params
        total[1] += one.params if block.dead else one.dead_params
        if not block.dead:
            total[2] += one.conv_macs
            total[3] += one.deconv_macs
            total[4] += one.linear_macs
            total[5] += one.activations
            total[6] += one.half_biases
    return Count(*total)
