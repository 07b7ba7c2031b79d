"""What a shell completes where a command takes a network."""

from __future__ import annotations


def complete_network(incomplete: str) -> list[str]:
    """Returns the presets that begin so; where there is none, the shell completes files."""
    from archspace.presets import PRESETS

    return [name for name in PRESETS if name.startswith(incomplete)]
