"""Networks that archspace does not have, whose time on a TX2 is published: their layers, for fitting. No torch.

They are those of TensorFlow's slim models, which the published times are of. Slim's ResNets stride in the last unit of
a block, and there in the 3 x 3; its Inception v1 has 3 x 3 where the paper has 5 x 5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

from analysis.predictors.inception import inception_resnet_v2, inception_v1, inception_v3, inception_v4
from analysis.predictors.tape import Map, Tape

VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Width and number of 3 x 3 convolutions before each pooling (Simonyan and Zisserman 2015, configuration D)."""

RESNET = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Bottlenecks of each block (He et al. 2016, table 1)."""

MOBILENET = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
"""Widths of MobileNet's depth-wise separable convolutions (Howard et al. 2017, table 1)."""


def vgg_16(side: int) -> Tape:
    """VGG-16."""
    tape = Tape()
    x = Map(3, side, side)
    for width, repeats in VGG16:
        for _ in range(repeats):
            x = tape.conv(x, width, 3, after="bias act")
        x = tape.pool(x, 2, side=2)
    for features in (4096, 4096):
        x = tape.apply(tape.linear(x, features), "act")
    tape.linear(x, 1000)
    return tape


def resnet_v1(depth: int, side: int) -> Tape:
    """ResNet of bottlenecks, batch norms after the convolutions."""
    tape = Tape()
    x = tape.pool(tape.conv(Map(3, side, side), 64, 7, 2), 2)
    for block, units in enumerate(RESNET[depth]):
        inner, outer = 64 * 2**block, 256 * 2**block
        for unit in range(units):
            stride = 2 if unit == units - 1 and block < 3 else 1
            if x.channels != outer:
                short = tape.conv(x, outer, 1, stride, after="norm")
            else:
                short = tape.pool(x, stride, side=1) if stride > 1 else x
            y = tape.conv(tape.conv(x, inner), inner, 3, stride)
            x = tape.apply(tape.add(tape.conv(y, outer, after="norm"), short), "act")
    tape.classify(x, 1000)
    return tape


def resnet_v2(depth: int, side: int) -> Tape:
    """ResNet of bottlenecks, batch norms before the convolutions."""
    tape = Tape()
    x = tape.pool(tape.conv(Map(3, side, side), 64, 7, 2, after="bias"), 2)
    for block, units in enumerate(RESNET[depth]):
        inner, outer = 64 * 2**block, 256 * 2**block
        for unit in range(units):
            stride = 2 if unit == units - 1 and block < 3 else 1
            ready = tape.norm_act(x)
            if x.channels != outer:
                short = tape.conv(ready, outer, 1, stride, after="bias")
            else:
                short = tape.pool(x, stride, side=1) if stride > 1 else x
            y = tape.conv(tape.conv(ready, inner), inner, 3, stride)
            x = tape.add(tape.conv(y, outer, after="bias"), short)
    tape.classify(tape.norm_act(x), 1001)
    return tape


def mobilenet_v1(width: float, side: int) -> Tape:
    """MobileNet v1 at a width at which every channel count is whole."""
    tape = Tape()
    widths = [int(width * channels) for channels in (32, *MOBILENET)]
    x = tape.conv(Map(3, side, side), widths[0], 3, 2)
    for before, after in pairwise(enumerate(widths)):
        stride = 2 if after[0] in (2, 4, 6, 12) else 1
        x = tape.conv(tape.conv(x, before[1], 3, stride, depthwise=True), after[1])
    tape.classify(x, 1001)
    return tape


FOREIGN: Mapping[str, Callable[[], Tape]] = {
    "vgg_16": partial(vgg_16, 224),
    **{f"resnet_v1_{depth}": partial(resnet_v1, depth, 224) for depth in RESNET},
    **{f"resnet_v2_{depth}": partial(resnet_v2, depth, 299) for depth in RESNET},
    "inception_v1": partial(inception_v1, 224),
    "inception_v3": partial(inception_v3, 299),
    "inception_v4": partial(inception_v4, 299),
    "inception_resnet_v2": partial(inception_resnet_v2, 299),
    "mobilenet_v1_0.25": partial(mobilenet_v1, 0.25, 128),
    "mobilenet_v1_0.5": partial(mobilenet_v1, 0.5, 160),
    "mobilenet_v1_1.0": partial(mobilenet_v1, 1.0, 224),
}
"""By the name in the published tables, at the input size of those tables."""
