"""Values of a study or a training run that are given apart from its YAML."""

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
