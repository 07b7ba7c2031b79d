"""Heads: each takes an encoder's features and returns the scores of a task."""

from __future__ import annotations

from archspace.heads import base, detection, mirrored, segmentation  # noqa: F401  (they enter their classes)
