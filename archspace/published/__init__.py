"""Published checkpoints: which network a file holds, and its weights in ours."""

from __future__ import annotations

from archspace.published.loading import load_published

__all__ = ["load_published"]
