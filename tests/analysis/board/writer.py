"""Shows a changing power on trees of files, through a first-order filter, and keeps what it really was.

Run as a process: its one argument is JSON ``{"boards": [...], "rate_hz", "busy_after", "seconds"}``; prints one JSON
line with when the load begins, and one with the times and the unfiltered watts.

A board is ``{"files": {path: [share, unit]}, "signal"}``. A signal is
``[idle, busy, swing, hertz]``: idle watts for ``busy_after`` seconds, then
``busy`` with a sine of ``swing`` upon it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
from typing import Any

TAU_S = 0.34


class Shows:
    """A file whose number changes in one step, and always has as many digits, so that no reader sees half of it."""

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_WRONLY)

    def set(self, value: int) -> None:
        os.pwrite(self.descriptor, b"%012d\n" % value, 0)


class Board:
    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.idle, self.busy, self.swing, self.hertz = request["signal"]
        self.watts: list[float] = []
        self.files = {path: Shows(path) for path in request["files"]}
        self.shown = self.idle

    def power(self, since: float) -> float:
        if since < 0:
            return float(self.idle)
        return float(self.busy + self.swing * math.sin(2 * math.pi * self.hertz * since))

    def step(self, since: float, seconds: float) -> None:
        """The power of the step before lasted until now; from now on it is that of ``since``."""
        if self.watts:
            # Written otherwise than analysis.board.energy.filtered, which the tests hold against it.
            self.shown += (self.watts[-1] - self.shown) * -math.expm1(-seconds / TAU_S)
        self.watts.append(self.power(since))
        for path, (share, unit) in self.request["files"].items():
            self.files[path].set(round(self.shown * share * unit))


def _tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")


def main() -> None:
    asked = json.loads(sys.argv[1])
    with contextlib.suppress(OSError):  # root may: a busy machine must not hold up what is to be measured
        os.nice(-10)
    boards = [Board(request) for request in asked["boards"]]
    started = last = time.monotonic()
    _tell({"busy_at": started + asked["busy_after"]})
    times: list[float] = []
    while last < started + asked["seconds"]:
        now = time.monotonic()
        for board in boards:
            board.step(now - started - asked["busy_after"], now - last)
        times.append(now)
        last = now
        step = 1 / asked["rate_hz"]
        done = time.monotonic() - started
        time.sleep(step * (1 + done // step) - done)
    _tell({"times": times, "watts": [board.watts for board in boards]})


if __name__ == "__main__":
    main()
