"""The modules that ESPNet compares in one host (figure 5), at the published sizes. No torch.

The figure puts each module into ESPNet-C (alpha2 = 2, alpha3 = 3) and prints the parameters, but not how wide the
modules are inside. So the inner width follows from the parameters: of the shares of the output's width in steps of
:data:`STEP`, one for both levels, the one whose network comes closest to the published number (:func:`fit_inner`).

MobileNet's inner width is a whole number of depth-wise filters for each channel, so its parameters come in steps: with
one share for both levels the closest network has 246 k or more, or 189 k or less, instead of 233 k. It gets a whole
share for each level instead: one filter a channel at level 2, three at level 3. ESP is the published network itself.
ASP and EESP are compared as they are: nothing is published for them, and ASP has no width inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from archspace.plan import count_block
from archspace.presets.preset import Preset
from archspace.spec.archspec import ArchSpec

Inner: TypeAlias = float | tuple[float, float]

STEP = 0.01
"""Steps in which a share for both levels is tried, up to :data:`MOST`."""
MOST = 4
TOLERANCE = 0.05
"""How far from the published parameters a network may be; where no single share is so near, each level has one."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the comparison: its name in the figure, our unit, the published parameters, the inner width."""

    name: str
    unit: str
    params: float | None = None
    inner: Inner | None = None

    def spec(self, host: ArchSpec) -> ArchSpec:
        """``host`` with this module."""
        return with_module(host, self.unit, self.inner)


MODULES: Mapping[str, Module] = {
    module.name: module
    for module in (
        Module("ESP", "esp", 0.187e6),
        Module("MobileNet", "mobilenet", 0.233e6, (1.0, 3.0)),
        Module("ShuffleNet", "shufflenet", 0.181e6, 2.79),
        Module("Inception", "inception", 0.328e6, 1.27),
        Module("ResNeXt", "resnext", 0.424e6, 1.41),
        Module("ResNet", "resnet", 1.2e6, 0.85),
        Module("ASP", "asp"),
        Module("EESP", "eesp"),
    )
}
"""By name, in the order of the figure; the parameters are printed in it."""

HOST = "espnet-c-2-3"
"""Preset of the host: 512 x 1024, 20 classes."""


def with_module(host: ArchSpec, unit: str, inner: Inner | None) -> ArchSpec:
    """``host`` with ``unit`` at both levels, as a residual network's would be, and K of the unit's own."""
    return ArchSpec(
        host.network, task=host.task, unit=unit, alphas=host.alphas, width=host.width, activation=host.activation,
        classes=host.classes, input_size=host.input_size, channels=host.channels, inner=inner,
    )  # fmt: skip


def fit_inner(host: Preset | ArchSpec, unit: str, params: float) -> Inner:
    """Returns the inner width with which ``unit`` gives ``host`` the nearest to ``params`` parameters.

    One share for both levels; a whole share for each level where the best single one misses by over
    :data:`TOLERANCE`. Of equally near ones the narrower.
    """
    spec = host.spec if isinstance(host, Preset) else host

    def miss(inner: Inner) -> float:
        drawn = with_module(spec, unit, inner)
        return abs(count_block(drawn.plan, drawn.input_size).params - params) / params

    single = min(_shares(), key=miss)
    if miss(single) <= TOLERANCE:
        return single
    whole = [float(share) for share in range(1, MOST + 1)]
    return min(product(whole, whole), key=miss)


def _shares() -> Iterator[float]:
    return (round(i * STEP, 2) for i in range(1, round(MOST / STEP) + 1))
