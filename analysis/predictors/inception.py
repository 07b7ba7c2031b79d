"""Inception v1, v3, v4 and Inception-ResNet v2 as lists of branches, for fitting. No torch.

A branch is a text: convolutions ``WIDTH[@KERNEL][/2]`` in a row, a leading ``pool`` for pooling before them, a last
``A|B`` for two convolutions of the same input. Kernels are ``1`` (the default), ``3``, ``5``, ``1x7``, ...
"""

from __future__ import annotations

from collections.abc import Sequence

from analysis.predictors.tape import Map, Tape

# Szegedy et al. 2015, table 1, with slim's 3 x 3 for 5 x 5; None: pooling.
V1: tuple[tuple[int, int, int, int, int, int] | None, ...] = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None,
    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), None,
    (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
)  # fmt: skip

# Szegedy et al. 2016 (v3); Szegedy et al. 2017 (v4, Inception-ResNet v2).
_SEVENS = ("192", "{0} {0}@1x7 192@7x1", "{0} {0}@7x1 {0}@1x7 {0}@7x1 192@1x7", "pool 192")
V3: tuple[tuple[str, ...], ...] = (
    *(("64", "48 64@5", "64 96@3 96@3", f"pool {pooled}") for pooled in (32, 64, 64)),
    ("384@3/2", "64 96@3 96@3/2", "pool/2"),
    *(tuple(branch.format(width) for branch in _SEVENS) for width in (128, 160, 160, 192)),
    ("192 320@3/2", "192 192@1x7 192@7x1 192@3/2", "pool/2"),
    *(("320", "384 384@1x3|384@3x1", "448 384@3 384@1x3|384@3x1", "pool 192"),) * 2,
)
V4: tuple[tuple[str, ...], ...] = (
    ("pool/2", "96@3/2"),
    ("64 96@3/v", "64 64@7x1 64@1x7 96@3/v"),
    ("192@3/2", "pool/2"),
    *(("96", "64 96@3", "64 96@3 96@3", "pool 96"),) * 4,
    ("384@3/2", "192 224@3 256@3/2", "pool/2"),
    *(("384", "192 224@1x7 256@7x1", "192 192@7x1 224@1x7 224@7x1 256@1x7", "pool 128"),) * 7,
    ("192 192@3/2", "256 256@1x7 320@7x1 320@3/2", "pool/2"),
    *(("256", "384 256@1x3|256@3x1", "384 448@3x1 512@1x3 256@1x3|256@3x1", "pool 256"),) * 3,
)
RESIDUAL: tuple[tuple[tuple[str, ...], int], ...] = (
    (("96", "48 64@5", "64 96@3 96@3", "pool 64"), 0),
    (("32", "32 32@3", "32 48@3 64@3"), 10),
    (("384@3/2", "256 256@3 384@3/2", "pool/2"), 0),
    (("192", "128 160@1x7 192@7x1"), 20),
    (("256 384@3/2", "256 288@3/2", "256 288@3 320@3/2", "pool/2"), 0),
    (("192", "192 224@1x3 256@3x1"), 10),
)
"""Branches, and how many residual units of them follow one another; 0: no residual."""


def inception_v1(side: int) -> Tape:
    """Inception v1 of slim."""
    tape = Tape()
    x = tape.pool(tape.conv(Map(3, side, side), 64, 7, 2), 2)
    x = tape.pool(tape.conv(tape.conv(x, 64), 192, 3), 2)
    for unit in V1:
        if unit is None:
            x = tape.pool(x, 2)
            continue
        one, reduce3, three, reduce5, five, pooled = unit
        x = _mixed(tape, x, (f"{one}", f"{reduce3} {three}@3", f"{reduce5} {five}@3", f"pool {pooled}"))
    tape.classify(x, 1001)
    return tape


def inception_v3(side: int) -> Tape:
    """Inception v3 without its auxiliary classifier."""
    tape = Tape()
    x = _stem_v3(tape, side)
    for branches in V3:
        x = _mixed(tape, x, branches)
    tape.classify(x, 1001)
    return tape


def inception_v4(side: int) -> Tape:
    """Inception v4 without its auxiliary classifier."""
    tape = Tape()
    x = tape.conv(Map(3, side, side), 32, 3, 2, valid=True)
    x = tape.conv(tape.conv(x, 32, 3, valid=True), 64, 3)
    for branches in V4:
        x = _mixed(tape, x, branches)
    tape.classify(x, 1001)
    return tape


def inception_resnet_v2(side: int) -> Tape:
    """Inception-ResNet v2 without its auxiliary classifier; the last residual unit has no activation."""
    tape = Tape()
    x = _stem_v3(tape, side)
    for part, (branches, repeats) in enumerate(RESIDUAL):
        if not repeats:
            x = _mixed(tape, x, branches)
        for unit in range(repeats):
            y = tape.conv(_mixed(tape, x, branches), x.channels, after="bias")
            x = tape.add(tape.apply(y, "norm"), x)
            if (part, unit) != (len(RESIDUAL) - 1, repeats - 1):
                x = tape.apply(x, "act")
    tape.classify(tape.conv(x, 1536), 1001)
    return tape


def _stem_v3(tape: Tape, side: int) -> Map:
    x = tape.conv(Map(3, side, side), 32, 3, 2, valid=True)
    x = tape.conv(tape.conv(x, 32, 3, valid=True), 64, 3)
    x = tape.conv(tape.pool(x, 2, valid=True), 80)
    return tape.pool(tape.conv(x, 192, 3, valid=True), 2, valid=True)


def _mixed(tape: Tape, x: Map, branches: Sequence[str]) -> Map:
    """Branches side by side, then their concatenation."""
    ends: list[Map] = []
    for branch in branches:
        y = x
        *steps, last = branch.split()
        for step in steps:
            y = _step(tape, y, step)
        ends += [_step(tape, y, step) for step in last.split("|")]
    return tape.cat(ends)


def _step(tape: Tape, x: Map, step: str) -> Map:
    words, _, form = step.partition("/")
    valid, stride = bool(form), 2 if form == "2" else 1
    if words == "pool":
        return tape.pool(x, stride, valid=valid)
    width, _, kernel = words.partition("@")
    sides = tuple(int(k) for k in (kernel or "1").split("x"))
    return tape.conv(x, int(width), (sides[0], sides[-1]), stride, valid=valid)
