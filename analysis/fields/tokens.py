"""What the layers of a language model see of its tokens, in theory, as plain data. No torch."""

from __future__ import annotations

from typing import Any

from analysis.fields.theoretical import receptive_fields, token_windows
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import parse_changes, parse_size, read_spec
from archspace.support.errors import InputError


def language_spec(
    text: str, task: str | None, classes: int | None, size: str | None, changes: list[str] | None
) -> ArchSpec | None:
    """The spec that ``text`` names after the changes, if it is a language model's.

    Raises:
        InputError: it is, and a change does not fit it.
    """
    try:
        named = read_spec(text)
    except InputError:
        return None
    if named.task != "language":
        return None
    wanted = None if size is None else parse_size(size)
    return read_spec(
        text, task=task, classes=classes, input_size=wanted, changes=parse_changes(changes or [])
    )


def token_fields(spec: ArchSpec) -> dict[str, Any]:
    """The content of ``archspace receptive-field --json`` for a language model."""
    windows = token_windows(spec)
    levels = {
        field.name: {
            "theoretical_tokens": field.side, "all_earlier_tokens": field.whole,
            "window_tokens": windows.get(field.name),
        }
        for field in receptive_fields(spec)
    }  # fmt: skip
    return {"label": spec.label, "arch_id": spec.arch_id, "levels": levels}
