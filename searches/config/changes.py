"""Values of a study or a training run that are given apart from its YAML, or differ from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspace.support.errors import FieldError


def changed(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns plain data with values replaced by dotted field (``data.root``); ``data`` itself stays as it is.

    Raises:
        FieldError: a field on the way is no mapping.
    """
    made = dict(data)
    for field, value in changes.items():
        outer, _, rest = field.partition(".")
        inner = made.get(outer) or {}
        if rest and not isinstance(inner, Mapping):
            raise FieldError(outer, inner, f"must be a mapping of fields, as {field} is to be changed")
        made[outer] = changed(inner, {rest: value}) if rest else value
    return made


def first_difference(
    held: Mapping[str, Any], new: Mapping[str, Any], inside: str = ""
) -> tuple[str, Any, Any] | None:
    """Returns the first field in which two studies or trainings differ, dotted, with its value in both.

    ``None`` if they are one.
    """
    for name in [*held, *(name for name in new if name not in held)]:
        one, other = held.get(name), new.get(name)
        if one == other:
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            return first_difference(one, other, f"{inside}{name}.")
        return f"{inside}{name}", one, other
    return None
