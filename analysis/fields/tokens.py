"""What the layers of a language model see of its tokens, in theory, as plain data. No torch."""

from __future__ import annotations

from typing import Any

from analysis.fields.theoretical import receptive_fields, token_windows
from archspace.spec.archspec import ArchSpec


def token_fields(spec: ArchSpec) -> dict[str, Any]:
    """Returns the content of ``archspace receptive-field --json`` for a language model."""
    windows = token_windows(spec)
    levels = {
        field.name: {
            "theoretical_tokens": field.side, "all_earlier_tokens": field.whole,
            "window_tokens": windows.get(field.name),
        }
        for field in receptive_fields(spec)
    }  # fmt: skip
    return {"label": spec.label, "arch_id": spec.arch_id, "levels": levels}
