"""Many processes share one board: one measurement at a time, and patience when the board goes away."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from analysis.devices.base import DeviceAway
from analysis.devices.settings import OnProgress, no_progress
from archspace.support.files import cache_root
from archspace.support.locks import Held, try_lock

T = TypeVar("T")
POLL_S = 0.2
FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 300.0


@contextmanager
def one_at_a_time(board: str, limit_s: float, on_progress: OnProgress = no_progress) -> Iterator[None]:
    """Holds this user's turn at a board among all processes of this machine; the kernel ends it with the process.

    Other machines and users are kept apart by a lock on the board itself; this one saves them a connection.

    Args:
        board: ``user@host:port``.
        limit_s: longest wait.
        on_progress: called now and then while waiting.

    Raises:
        DeviceAway: others had the board for all that time.
    """
    path = cache_root() / "boards" / (re.sub(r"[^\w.@-]", "_", board) + ".lock")
    begin = time.monotonic()
    held = try_lock(path)
    while held is None:
        waited = time.monotonic() - begin
        if waited > limit_s:
            raise DeviceAway(f"{board}: others measured on the board for {limit_s:g} s")
        on_progress(f"waiting for the board: another process measures ({waited:.0f} s)", 0.0)
        time.sleep(POLL_S)
        held = try_lock(path)
    with _released(held):
        yield


@contextmanager
def _released(held: Held) -> Iterator[None]:
    try:
        yield
    finally:
        held.release()


def with_retries(
    call: Callable[[], T],
    *,
    limit_s: float | None = None,
    on_progress: OnProgress = no_progress,
    first_s: float = FIRST_WAIT_S,
    longest_s: float = LONGEST_WAIT_S,
) -> T:
    """Returns what ``call`` returns, called again with growing pauses while the device is away.

    Args:
        call: what needs the device.
        limit_s: longest wait in all; ``None`` waits for ever.
        on_progress: called with the reason before each pause.
        first_s, longest_s: the first pause, and the one that doubling stops at.

    Raises:
        DeviceAway: it was still away at the limit.
    """
    begin, pause = time.monotonic(), first_s
    while True:
        try:
            return call()
        except DeviceAway as away:
            left = float("inf") if limit_s is None else limit_s - (time.monotonic() - begin)
            if left <= 0:
                raise
            pause_now = min(pause, left)
            on_progress(f"{away}; again in {pause_now:.0f} s", 0.0)
        time.sleep(pause_now)
        pause = min(2 * pause, longest_s)
