"""Encoders: each takes an image and returns its features by name."""

from __future__ import annotations

from archspace.networks import espnet, espnetv2, mobile  # noqa: F401  (they enter their classes)
