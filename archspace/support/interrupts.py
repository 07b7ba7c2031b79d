"""Ctrl-C, and SIGTERM as schedulers send it: the end of a command, at a place where it can go on from."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED, TERMINATED = 130, 143
"""Exit codes, as shells give them."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


_came = threading.Event()


def _terminated(number: int, frame: FrameType | None) -> None:
    _came.set()
    raise Terminated


def exit_code(error: KeyboardInterrupt) -> int:
    """Returns the exit code of a command that was interrupted; of SIGTERM, Ray makes an exception of its own."""
    return TERMINATED if isinstance(error, Terminated) or _came.is_set() else INTERRUPTED


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Lets SIGTERM end the block as Ctrl-C does, with :class:`Terminated`; in the main thread alone."""
    if not _is_main():
        yield
        return
    _came.clear()
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def sigterm_kept() -> Iterator[None]:
    """Gives SIGTERM its handler back after a block in which a library takes it, be it in C, behind Python's back."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if _is_main() and callable(before):
            signal.signal(signal.SIGTERM, before)


@contextmanager
def held_back() -> Iterator[Callable[[], type[KeyboardInterrupt] | None]]:
    """Holds Ctrl-C and SIGTERM back while the block runs; a second one comes through at once.

    Gives what says which came, ``None`` for none: the block asks where it can end, and raises it then. Held back is
    only what would end the block as :class:`KeyboardInterrupt`; a program's own handlers stay.
    """
    came: list[type[KeyboardInterrupt]] = []

    def hold(number: int, frame: FrameType | None) -> None:
        kind = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        if came:
            raise kind
        came.append(kind)

    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: _terminated}
    ours = [one for one, handler in usual.items() if _is_main() and signal.getsignal(one) is handler]
    for one in ours:
        signal.signal(one, hold)
    try:
        yield lambda: came[0] if came else None
    finally:
        for one in ours:
            signal.signal(one, usual[one])
    if came:
        raise came[0]
