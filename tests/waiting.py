"""Waiting for an event: as long as it takes on a busy machine, and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable

GENEROUS_S = 300.0
"""Longer than anything takes that a test waits for; only what never comes lasts so long."""


def until(condition: Callable[[], object], what: str = "", limit_s: float = GENEROUS_S) -> None:
    """Returns once ``condition`` is true.

    Raises:
        AssertionError: it was not within ``limit_s`` seconds.
    """
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"waited {limit_s:g} s for nothing: {what or condition}"
        time.sleep(0.01)
