"""From the fields a user gave to a complete, consistent set of fields. No torch.

A field that the chosen network and units cannot honour is ``None`` in the result; giving it a value raises, because
a value that changes nothing would be a lie in every table. ``lenient`` fields are dropped instead: that is how
samplers with rectangular spaces and :meth:`ArchSpec.replace` use it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from archspace.spec.network import decoder, family_name, input_size, what
from archspace.spec.record import FIELDS
from archspace.spec.state import Resolution
from archspace.spec.switches import dilations, switches
from archspace.spec.units import branches, depth, inner_widths, units

STEPS = (what, depth, units, branches, inner_widths, decoder, dilations, switches, input_size, family_name)
"""Each fills some fields from what is given and what the steps before it filled."""


def resolve(given: Mapping[str, Any], lenient: Collection[str] = ()) -> dict[str, Any]:
    """Returns a value for every field of :data:`FIELDS`.

    Args:
        given: fields by name; missing or ``None`` means the network's default.
        lenient: fields whose value is dropped, instead of refused, where it cannot be honoured.

    Raises:
        SpecError: a value breaks a rule.
    """
    state = Resolution({k: v for k, v in given.items() if v is not None}, lenient)
    for step in STEPS:
        step(state)
    return {name: state.out[name] for name in FIELDS}
