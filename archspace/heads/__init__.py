"""Heads: each takes an encoder's features and returns the scores of a task."""

from __future__ import annotations

from archspace.support.registry import import_all

import_all(__name__, __path__)
