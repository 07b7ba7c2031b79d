"""What a shell completes where a command takes a study or a training recipe."""

from __future__ import annotations


def complete_study(incomplete: str) -> list[str]:
    """Returns the built-in studies that begin so; where there is none, the shell completes files."""
    from searches.config.study import recipes

    return [name for name in recipes() if name.startswith(incomplete)]


def complete_recipe(incomplete: str) -> list[str]:
    """Returns the built-in training recipes that begin so; where there is none, the shell completes files."""
    from searches.config.training import train_recipes

    return [name for name in train_recipes() if name.startswith(incomplete)]


def complete_trained(incomplete: str) -> list[str]:
    """Returns the presets and the training recipes that begin so, as ``archspace train`` takes both."""
    from archspace.presets.completion import complete_network

    return [*complete_network(incomplete), *complete_recipe(incomplete)]
