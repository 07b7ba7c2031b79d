"""What a network asks of a unit, what a unit can honour, and the integers derived from both. No torch.

Every unit answers the same :class:`UnitRequest`, with stride 1 or 2, so any unit can stand at any place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from archspace.plan.nodes import Block
from archspace.support.errors import SpecError
from archspace.support.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRequest:
    """What a network asks of a unit at one place.

    Attributes:
        branches: K, the number of parallel branches or groups; ``None`` for units that have none.
        limit: largest effective kernel (2 x dilation + 1) of a branch; ``None`` for no limit.
        dilated: branches see at different rates; otherwise every branch is a plain 3 x 3.
        fusion: hierarchical feature fusion (HFF) sums the branches before they are concatenated.
        cascade: the fused branches of a unit that splits its channels run one after the other: each reads its own part
            and the output of the branch before.
        residual: an identity is added where the shapes allow.
        projected: a unit that may choose its shortcut has that of a residual network: projected where shapes change,
            and the last activation follows the sum.
        act, eps: activation, and epsilon of the batch norms.
        pointwise_kernel: side of the reducing convolution, 1 or 3 (ESPNet table 2(d)).
        kernel: side of the filters of units whose network may choose it; ``None``: the unit's own (FCU 5, ENet's
            bottleneck 3). Other units have 3.
        rate: dilation of units with one dilated branch whose network chooses it.
        dropout: share of channels that units with spatial dropout lose in training; others have none.
        inner: channels inside the unit as a share of ``whole``; ``None``: the unit's own share.
        whole: the width that an inner width is a share of; ``None``: the unit's output.
        grouped: the first convolution of a unit with groups is grouped too.
        at: stride of the unit's input to the image (DICE has a filter for each row and column).
        activate: the unit ends in its activation; off where the network activates after a concatenation.
        where: field name for error messages (``branches[0]``).
    """

    in_channels: int
    out_channels: int
    stride: int = 1
    branches: int | None = None
    limit: int | None = None
    dilated: bool = True
    fusion: bool = True
    cascade: bool = False
    residual: bool = True
    projected: bool = False
    act: str = "prelu"
    eps: float = 1e-5
    pointwise_kernel: int = 1
    kernel: int | None = None
    rate: int = 1
    dropout: float = 0.0
    inner: float | None = None
    whole: int | None = None
    grouped: bool = True
    at: int = 8
    activate: bool = True
    where: str = "branches"

    @property
    def k(self) -> int:
        """K as a number; a unit that asks for it has been given one."""
        assert self.branches is not None
        return self.branches

    @property
    def identity(self) -> bool:
        """Whether an identity shortcut fits and is wanted."""
        return self.residual and self.stride == 1 and self.in_channels == self.out_channels

    @property
    def limited_rate(self) -> int:
        """The rate that its network chose, after the limit and the switch that hold for all dilations."""
        return limited_rates((self.rate,), self.limit, self.dilated)[0]

    @property
    def full(self) -> int:
        """The width that an inner width is a share of."""
        return self.whole or self.out_channels

    @property
    def final(self) -> str | None:
        """The activation at the end, if any."""
        return self.act if self.activate else None


@dataclass(frozen=True, slots=True)
class UnitDesign:
    """How a unit is drawn, and which fields of a spec it can honour.

    Attributes:
        draw: from a request to the unit's block.
        branches: the default K, or ``None`` when the unit has no branches to choose.
        rates: from K (1 where there is none to choose) to the dilations of its branches; ``None`` when the unit
            has no dilated form.
        fused_from: the smallest K at which hierarchical fusion changes the unit; ``None`` when it never does.
        residual: an identity can be added around the unit.
        projects: a strided unit keeps a (projected) shortcut.
        pointwise: strides at which the side of the reducing convolution can be chosen.
        inner: the channels inside can be chosen (:func:`inner_channels`).
        widest: the largest share that they can be; ``None`` where any may.
        rated: its one branch takes the rate that its network chooses for its place.
        cascades: its fused branches can run one after the other.
        shortcuts: its shortcut can be projected.
    """

    draw: Callable[[UnitRequest], Block]
    branches: int | None = None
    rates: Callable[[int], tuple[int, ...]] | None = None
    fused_from: int | None = None
    residual: bool = True
    projects: bool = False
    pointwise: tuple[int, ...] = ()
    inner: bool = False
    widest: float | None = None
    rated: bool = False
    cascades: bool = False
    shortcuts: bool = False


UNITS: Registry[UnitDesign] = Registry("unit")
"""Every unit by name."""


MOST_BRANCHES = 8
"""Largest K of units whose dilations double: rates up to 128 (ESPNet table 2(e) ends there)."""


def branch_widths(channels: int, branches: int) -> tuple[int, ...]:
    """ESPNet's width divider: ``channels`` over K branches, the remainder to the first.

    >>> branch_widths(64, 5)
    (16, 12, 12, 12, 12)
    """
    width = channels // branches
    return (channels - (branches - 1) * width, *[width] * (branches - 1))


def inner_channels(outputs: int, share: float, step: int = 1) -> int:
    """Returns channels inside a unit: ``share`` of its ``outputs``, rounded half up to a multiple of ``step``.

    At least one.

    >>> inner_channels(64, 0.25), inner_channels(64, 1.9, 4), inner_channels(64, 0.01, 8)
    (16, 120, 8)
    """
    return max(1, int(outputs * share / step + 0.5)) * step


def doubling_rates(branches: int) -> tuple[int, ...]:
    """ESP dilations 1, 2, 4, ..., 2^(K-1) (ESPNet section 3.1)."""
    return tuple(2**k for k in range(branches))


def linear_rates(branches: int) -> tuple[int, ...]:
    """EESP dilations 1, 2, ..., K (ESPNetv2 section 3.1)."""
    return tuple(range(1, branches + 1))


def limited_rates(rates: tuple[int, ...], limit: int | None, dilated: bool = True) -> tuple[int, ...]:
    """Dilations in ascending order after those whose kernel 2d + 1 exceeds ``limit`` fell back to 1.

    >>> limited_rates((1, 2, 3, 4), 7)
    (1, 1, 2, 3)
    """
    if not dilated:
        return (1,) * len(rates)
    return tuple(sorted(1 if limit is not None and 2 * d + 1 > limit else d for d in rates))


def need(request: UnitRequest, fits: Callable[[int], bool], rule: str) -> int:
    """K of the request if it ``fits``.

    Raises:
        SpecError: it does not; the message has the nearest K that does.
    """
    if not fits(request.k):
        top = max(MOST_BRANCHES, request.out_channels)
        valid = sorted((k for k in range(1, top + 1) if fits(k)), key=lambda k: (abs(k - request.k), k))
        raise SpecError(request.where, request.k, rule, valid[0] if valid else None)
    return request.k


def divides(*channels: int) -> Callable[[int], bool]:
    """Returns a test whether K divides all of ``channels``."""
    return lambda k: k >= 1 and all(c % k == 0 for c in channels)


def first_groups(groups: int, *channels: int) -> int:
    """Groups of a strided unit's first convolution: ungrouped where they do not divide its channels.

    ShuffleNet does the same at its first stage; it is what lets grouped units read an image-reinforced map.
    """
    return groups if all(c % groups == 0 for c in channels) else 1


@lru_cache(maxsize=65536)
def draw_unit(name: str, request: UnitRequest) -> Block:
    """Returns the block of the unit ``name`` for ``request``; equal requests share one block.

    Raises:
        SpecError: K does not fit the channels.
    """
    return UNITS[name].draw(request)
