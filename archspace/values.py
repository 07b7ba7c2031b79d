"""Whether a single value can ever be right for a spec field, whatever the other fields are. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archspace import fields
from archspace.plan.networks import NETWORKS
from archspace.plan.request import UNITS

_READERS: Mapping[str, Callable[[str, object], object]] = {
    "network": lambda f, v: fields.choice(f, v, list(NETWORKS), "network"),
    "unit": lambda f, v: fields.choice(f, v, list(UNITS), "unit"),
    "branches": lambda f, v: fields.whole(f, v, 1),
    "width": fields.width,
    "alphas": fields.repeats,
    "receptive_field": fields.limit,
    "dilated": fields.flag,
    "fusion": lambda f, v: fields.choice(f, v, fields.FUSIONS, "fusion"),
    "residual": fields.flag,
    "activation": lambda f, v: fields.choice(f, v, fields.ACTIVATIONS, "activation"),
    "pointwise_kernel": fields.pointwise_kernel,
    "inner": fields.share,
    "downsampling": lambda f, v: fields.choice(f, v, fields.DOWNSAMPLINGS, "downsampling"),
    "reinforcement": fields.flag,
    "decoder": lambda f, v: fields.choice(
        f, v, sorted({d for n in NETWORKS.values() for d in n.decoders}), "decoder"
    ),
}


def check_value(where: str, field: str, value: object) -> None:
    """Refuses a single value that can never be right for ``field``, whatever the other fields are.

    Args:
        where: how the user calls the place, for the message (``space.unit.choices``).

    Raises:
        SpecError: it cannot be right.
    """
    _READERS[field](where, value)
