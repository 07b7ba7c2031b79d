"""Encoders: each takes an image and returns its features by name."""

from __future__ import annotations

from archspace.support.registry import import_all

import_all(__name__, __path__)
