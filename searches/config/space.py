"""What can be wrong with a study's space, whatever samples it: checked before any trial. No torch, no optuna."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archspace.plan.decoders import DECODERS
from archspace.plan.design import NETWORKS
from archspace.plan.request import UNITS
from archspace.spec import fields
from archspace.spec.record import FIELDS
from archspace.support.errors import FieldError, closest
from searches.config.parts import Free, fixed_by_data

PER_LEVEL = ("unit", "branches", "alphas", "receptive_field", "inner")
CONTINUOUS = ("width",)
"""Fields of which a range has fractions."""
MOST_OFF = 1e-6
"""Share of a step by which a number may miss one: digits that are lost in writing it."""
FREE_KEYS = tuple(Free.model_fields)


def check_space(space: Mapping[str, Any], task: str) -> None:
    """Refuses a space with a field, a network or a value that can never be right.

    Args:
        space: the study's ``space``; an empty one is that of a study that samples nothing.
        task: of the study.

    Raises:
        FieldError: the first thing that is wrong.
    """
    fixed = fixed_by_data(task)
    for name, value in space.items():
        if name in fixed:
            rule = "follows from the study's task and data"
            raise FieldError(f"space.{name}", value, rule, "leave it out")
        if name not in FIELDS:
            known = [field for field in FIELDS if field not in fixed]
            raise FieldError(f"space.{name}", value, "unknown field", closest(name, known))
    if not space:
        return
    if "network" not in space:
        raise FieldError("space.network", None, "a space names its network", "espnetv2")
    _check_network(space["network"], task)
    for name, value in space.items():
        if isinstance(value, Mapping):
            _check_free(name, value)
            _check_where(name, value.get("where", {}), space)
        else:
            for item in value if isinstance(value, list) and name in PER_LEVEL else [value]:
                if item is not None:
                    check_value(f"space.{name}", name, item)


def _check_network(value: object, task: str) -> None:
    """Refuses a network that is none, or not one for the task."""
    if isinstance(value, Mapping):
        _check_free("network", value)
    networks: list[Any] = value["choices"] if isinstance(value, Mapping) else [value]
    for network in networks:
        if network in NETWORKS and task not in NETWORKS[network].alphas:
            known = [name for name, design in NETWORKS.items() if task in design.alphas]
            raise FieldError(
                "space.network", network, f"is not a network for {task}", closest(network, known)
            )
        check_value("space.network", "network", network)


def _check_free(name: str, value: Mapping[str, Any]) -> None:
    where = f"space.{name}"
    for key in value:
        if key not in FREE_KEYS:
            raise FieldError(f"{where}.{key}", value[key], "unknown key", closest(str(key), list(FREE_KEYS)))
    if value.get("per_level", False) and name not in PER_LEVEL:
        raise FieldError(f"{where}.per_level", True, "this field has one value", "leave it out")
    if "choices" in value:
        _check_choices(name, value["choices"])
        return
    for bound in ("low", "high"):
        number = value.get(bound)
        if isinstance(number, bool) or not isinstance(number, int | float):
            rule = "a free field needs choices, or low and high as numbers"
            raise FieldError(f"{where}.{bound}", number, rule)
        check_value(f"{where}.{bound}", name, number)
    log = value.get("log", False)
    if not isinstance(log, bool):
        raise FieldError(f"{where}.log", log, "must be true or false", False)
    if value["low"] > value["high"]:
        rule = f"must not be above high, {value['high']}"
        raise FieldError(f"{where}.low", value["low"], rule, value["high"])


def _check_where(name: str, where: object, space: Mapping[str, Any]) -> None:
    """Refuses a condition on a field that is not there always, or on a value that it can never have."""
    label = f"space.{name}.where"
    if not isinstance(where, Mapping):
        raise FieldError(label, where, "must be a mapping of fields to values", "{unit: [esp, eesp]}")
    if where and name == "network":
        raise FieldError(label, dict(where), "the network is always chosen", "leave it out")
    others = [field for field, value in space.items() if field != name and not _conditional(value)]
    for field, values in where.items():
        if field not in others:
            rule = "must be a field of the space that is not conditional itself"
            raise FieldError(label, field, rule, closest(str(field), others))
        for value in values if isinstance(values, list) else [values]:
            check_value(f"{label}.{field}", field, value)


def condition(free: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns where a free field is searched at all: by other field, the values of which one must stand there."""
    return {
        other: wanted if isinstance(wanted, list) else [wanted]
        for other, wanted in free.get("where", {}).items()
    }


def holds(where: Mapping[str, Sequence[Any]], fields: Mapping[str, Any]) -> bool:
    """Whether each field that a condition names, or one of its levels, has one of the wanted values."""
    values = {other: fields.get(other) for other in where}
    return all(
        any(one in where[other] for one in (value if isinstance(value, list | tuple) else [value]))
        for other, value in values.items()
    )


def _conditional(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value.get("where"))


def _check_choices(name: str, choices: object) -> None:
    where = f"space.{name}.choices"
    if not isinstance(choices, list) or not choices:
        raise FieldError(where, choices, "must be a list with at least one value", "[...]")
    for choice in choices:
        if not isinstance(choice, list):
            check_value(where, name, choice)
    if any(isinstance(choice, list) for choice in choices):
        raise FieldError(where, choices, "choices are single values; use per_level for lists")


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
    "shortcut": lambda f, v: fields.choice(f, v, fields.SHORTCUTS, "shortcut"),
    "stem": lambda f, v: fields.choice(f, v, fields.STEMS, "stem"),
    "long_skip": fields.flag,
    "gate": fields.flag,
    "decoder_width": fields.width,
    "decoder": lambda f, v: fields.choice(f, v, sorted(DECODERS), "decoder"),
    "channels": lambda f, v: fields.whole(f, v, 1, fields.MOST_CHANNELS),
}


def check_value(where: str, field: str, value: object) -> None:
    """Refuses a single value that can never be right for ``field``, whatever the other fields are.

    Args:
        where: how the user calls the place, for the message (``space.unit.choices``).

    Raises:
        SpecError: it cannot be right.
    """
    _READERS[field](where, value)
