"""What a study may not begin with, though one that was begun with it goes on. No torch, no optuna."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.quantities import goals
from archspace.support.errors import FieldError
from searches.config.parts import Bound
from searches.config.space import CONTINUOUS, MOST_OFF, check_space
from searches.config.study import StudyConfig

PERCENT = (0.0, 100.0)
"""What a metric in per cent can be."""


def check_beginning(study: StudyConfig) -> None:
    """Refuses a space or a limit that says what cannot be, where the study does not run yet.

    Raises:
        FieldError: the first thing that is wrong, with the space or with what it says.
    """
    check_space(study.space, study.task)
    for name, value in study.space.items():
        if isinstance(value, Mapping):
            if "choices" in value:
                _check_choices(name, value)
            else:
                _check_range(name, value)
            if not isinstance(value.get("per_level", False), bool):
                raise FieldError(
                    f"space.{name}.per_level", value["per_level"], "must be true or false", False
                )
            _check_stands(name, value, study.space)
    for name, bound in study.constraints.items():
        _check_limit(name, bound)


def stands(value: Mapping[str, Any], space: Mapping[str, Any]) -> bool:
    """Whether the condition of a free field can hold in a space."""
    return _never_met(value, space) is None


def _check_choices(name: str, value: Mapping[str, Any]) -> None:
    """Refuses what would not be read beside choices, and a choice that stands twice."""
    for key in ("low", "high", "step", "log"):
        if key in value:
            raise FieldError(f"space.{name}.{key}", value[key], "is not read beside choices", "leave it out")
    choices: list[Any] = value["choices"]
    for place, choice in enumerate(choices):
        if choice in choices[:place]:
            left = ", ".join(map(str, dict.fromkeys(choices)))
            rule = f"{choice} stands twice, so that it would be drawn twice as often"
            raise FieldError(f"space.{name}.choices", choices, rule, f"[{left}]")


def _check_range(name: str, value: Mapping[str, Any]) -> None:
    """Refuses fractions where whole numbers are drawn, and steps that miss ``high``, which would become another one."""
    low, high, step = value["low"], value["high"], value.get("step")
    if step is not None and (isinstance(step, bool) or not isinstance(step, int | float) or step <= 0):
        raise FieldError(f"space.{name}.step", step, "must be a number above 0", "leave it out")
    for key, number in (("low", low), ("high", high), ("step", step or 1)):
        if name not in CONTINUOUS and number != int(number):
            rule = f"must be whole: a range of {name} is drawn in whole numbers"
            near = max(1, round(number)) if key == "step" else f"{{choices: [{low}, {high}]}}"
            raise FieldError(f"space.{name}.{key}", number, rule, near)
    if step is None:
        return
    steps = (high - low) / step
    if abs(steps - round(steps)) > MOST_OFF:
        below, above = (round(low + count * step, 6) for count in (int(steps), int(steps) + 1))
        rule = f"must be low, {low}, and a whole number of steps of {step}"
        raise FieldError(f"space.{name}.high", high, rule, f"{below} or {above}")


def _check_stands(name: str, value: Mapping[str, Any], space: Mapping[str, Any]) -> None:
    """Refuses a condition that never holds."""
    other = _never_met(value, space)
    if other is not None:
        rule = f"{other} never has this in the space, so that {name} would never be searched"
        raise FieldError(f"space.{name}.where.{other}", value["where"][other], rule, _had(space[other]))


def _never_met(value: Mapping[str, Any], space: Mapping[str, Any]) -> str | None:
    """The first field of a free field's condition that has none of the values that are asked of it."""
    for other, wanted in value.get("where", {}).items():
        asked = wanted if isinstance(wanted, list) else [wanted]
        if not any(_can_be(one, space[other]) for one in asked):
            return str(other)
    return None


def _can_be(one: Any, value: Any) -> bool:
    """Whether a field of a space, as it is written there, can have this value."""
    if not isinstance(value, Mapping):
        return one in value if isinstance(value, list) else bool(one == value)
    if "choices" in value:
        return one in value["choices"]
    step = value.get("step")
    steps = 0.0 if step is None else (one - value["low"]) / step
    return bool(value["low"] <= one <= value["high"]) and abs(steps - round(steps)) <= MOST_OFF


def _had(value: Any) -> str:
    """The values that a field of a space can have, for a message."""
    if not isinstance(value, Mapping):
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if "choices" in value:
        return ", ".join(map(str, value["choices"]))
    step = value.get("step")
    return f"{value['low']} to {value['high']}{'' if step is None else f' in steps of {step}'}"


def _check_limit(name: str, bound: Bound) -> None:
    """Refuses a limit that lies outside what the quantity can be."""
    quantity = goals()[name]
    if quantity.source == "device" and bound.max is not None and bound.max <= 0:
        raise FieldError(
            f"constraints.{name}.max", bound.max, "is measured, and must be above 0", "leave it out"
        )
    if quantity.unit != "%" or quantity.source != "evaluation":
        return
    least, most = PERCENT
    for side, limit in (("min", bound.min), ("max", bound.max)):
        if limit is not None and not least <= limit <= most:
            rule = f"is in per cent: must be from {least:g} to {most:g}"
            raise FieldError(f"constraints.{name}.{side}", limit, rule, f"{min(max(limit, least), most):g}")
