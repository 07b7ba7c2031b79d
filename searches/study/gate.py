"""One worker of a study measures while the others on this machine stand still.

Every worker that trains holds a lock of its own and looks at the gate between two steps. Who measures closes the gate
and waits until it can have each of those locks. All are locks of the kernel, so a process that is killed, whether it
measures or trains, holds up nobody.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from archspace.support.files import write_text
from archspace.support.locks import Held, locked, try_lock
from archspace.support.machine import machine_folder
from searches.training.loop import Callback

log = logging.getLogger(__name__)

FOLDER = "measuring"
POLL_S = 0.02
PATIENCE_S = 600.0
"""Longest wait for another worker's next step; one evaluates or reads longer only if something is wrong with it."""

OnPause = Callable[[str | None], None]
"""Called with the reason when this process begins to stand still, and with ``None`` when it goes on."""


class Gate(Callback):
    """This process's side of the gate; as a callback of a training run it holds the run between two steps.

    Args:
        folder: the run folder; workers on other machines that share it have gates of their own.
        on_pause: see :data:`OnPause`.
        patience_s: longest wait for the others; what is measured then is marked as unstable.
    """

    def __init__(
        self, folder: Path, on_pause: OnPause = lambda reason: None, *, patience_s: float = PATIENCE_S
    ) -> None:
        self._folder = folder / FOLDER / machine_folder()
        self._lock, self._sign = self._folder / "gate.lock", self._folder / "gate.json"
        self._own = self._folder / f"worker-{os.getpid()}.lock"
        self._held: Held | None = None
        self.on_pause, self._patience_s = on_pause, patience_s

    @contextmanager
    def working(self) -> Iterator[None]:
        """Marks this process as one that others wait for before they measure; begins when nobody measures."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def pause(self) -> float:
        """Stands still while another process measures, if one does; returns the seconds that it took."""
        if self._held is None or not self._closed():
            return 0.0
        begin = time.monotonic()
        self._leave()
        self._enter()
        return time.monotonic() - begin

    @contextmanager
    def closed(self, what: str) -> Iterator[tuple[str, ...]]:
        """Keeps the others standing still until the block ends; gives the reasons why one does not, usually none.

        Args:
            what: is measured, for the others to show.
        """
        assert self._held is None, "who measures does not train meanwhile"
        with locked(self._lock):
            write_text(self._sign, json.dumps({"what": what, "process": os.getpid()}) + "\n")
            try:
                yield self._others_stand_still()
            finally:
                self._sign.unlink(missing_ok=True)

    def _enter(self) -> None:
        begin, paused = time.monotonic(), False
        while True:
            self._held = try_lock(self._own)
            if self._held is not None and not self._closed():
                break
            self._leave()
            if not paused and self._closed():
                paused = True
                self.on_pause(self._reason())
            time.sleep(POLL_S)
        if paused:
            log.info("paused for %.1f s while another worker measured", time.monotonic() - begin)
            self.on_pause(None)

    def _leave(self) -> None:
        if self._held is not None:
            self._held.release()
        self._held = None

    def _closed(self) -> bool:
        """Whether somebody measures; the sign of one who was killed is taken away."""
        if not self._sign.exists():
            return False
        probe = try_lock(self._lock)
        if probe is None:
            return True
        self._sign.unlink(missing_ok=True)
        probe.release()
        return False

    def _reason(self) -> str:
        try:
            return f"paused: {json.loads(self._sign.read_text(encoding='utf-8'))['what']} is measured"
        except (OSError, ValueError, KeyError, TypeError):
            return "paused: another worker measures"

    def _others_stand_still(self) -> tuple[str, ...]:
        """Waits for each other worker's next step."""
        end = time.monotonic() + self._patience_s
        moving = []
        for path in sorted(self._folder.glob("worker-*.lock")):
            if path == self._own:
                continue
            while (other := try_lock(path)) is None and time.monotonic() < end:
                time.sleep(POLL_S)
            if other is None:
                process = path.stem.removeprefix("worker-")
                moving.append(f"load: process {process} of this study went on working meanwhile")
            else:
                other.release()
        return tuple(moving)
