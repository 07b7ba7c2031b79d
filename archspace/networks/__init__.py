"""Encoders: each takes an image and returns its features by name."""

from __future__ import annotations

from archspace.networks import (  # noqa: F401  (they enter their classes)
    eru,
    espnet,
    espnetv2,
    factorised,
    staged,
)
