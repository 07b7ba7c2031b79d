"""Long commands in pieces of minutes: each is run until it ends or the time is up, and goes on where it stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspace.support.files import write_text
from archspace.support.text_files import read_json

POLL_S, GRACE_S = 0.5, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A command that can be killed at any time and then goes on.

    Attributes:
        name: of its log and its mark.
        argv: of ``python -m``.
        after: names of those that must have ended before.
        hours: CPU hours that it is expected to take.
    """

    name: str
    argv: tuple[str, ...]
    after: tuple[str, ...] = ()
    hours: float = 0.0


class Runner:
    """Runs pieces side by side and remembers in ``folder`` which have ended, and what CPU time each has taken.

    Args:
        processes: at once.
        minutes: after which all that run are ended; ``None``: to the end.
    """

    def __init__(self, pieces: Sequence[Piece], folder: Path, processes: int, minutes: float | None) -> None:
        self.pieces, self.folder, self.processes = pieces, folder, processes
        self.until = None if minutes is None else time.monotonic() + 60 * minutes
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.failed: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def kept(self) -> Path:
        """The file that remembers."""
        return self.folder / "pieces.json"

    def known(self) -> dict[str, Any]:
        """Returns by name: ``ended``, and ``cpu_s`` over all goes."""
        return dict(read_json(self.kept)) if self.kept.is_file() else {}

    def left(self) -> list[Piece]:
        """Returns the pieces that have not ended."""
        known = self.known()
        return [one for one in self.pieces if not known.get(one.name, {}).get("ended")]

    def run(self) -> bool:
        """Runs until all have ended, one fails, or the time is up; returns whether all have ended."""
        try:
            while self._start() or self.running:
                time.sleep(POLL_S)
                for name in tuple(self.running):
                    self._look(name)
                if self.until is not None and time.monotonic() > self.until:
                    break
        finally:
            for process in self.running.values():
                process.terminate()
            for name in tuple(self.running):
                self._ended(name)
        return not self.left()

    def _start(self) -> bool:
        """Starts what can run now; returns whether anything was started."""
        left = {one.name for one in self.left()}
        ready = [
            one for one in self.pieces
            if one.name in left and one.name not in self.running and not left & set(one.after)
        ]  # fmt: skip
        free = 0 if self.failed else self.processes - len(self.running)
        for one in ready[:free]:
            print(f"{one.name}: python -m {' '.join(one.argv)}", flush=True)
            with (self.folder / f"{one.name}.log").open("ab") as log:
                self.running[one.name] = subprocess.Popen(
                    [sys.executable, "-m", *one.argv], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                )  # fmt: skip
        return bool(ready[:free])

    def _look(self, name: str, wait: bool = False) -> bool:
        """Notes the end of a piece; returns whether it has come."""
        process = self.running[name]
        pid, status, usage = os.wait4(process.pid, 0 if wait else os.WNOHANG)
        if not pid:
            return False
        del self.running[name]
        code = process.returncode = os.waitstatus_to_exitcode(status)
        known = self.known()
        before = known.get(name, {}).get("cpu_s", 0.0)
        cpu = before + usage.ru_utime + usage.ru_stime
        known[name] = {"ended": code == 0, "cpu_s": round(cpu, 1)}
        write_text(self.kept, json.dumps(known, indent=1) + "\n")
        if code > 0:
            self.failed.append(name)
            print(f"{name}: failed with code {code}: {self.folder / name}.log", flush=True)
        else:
            print(f"{name}: {'done' if code == 0 else 'paused'} after {cpu / 60:.1f} CPU minutes", flush=True)
        return True

    def _ended(self, name: str) -> None:
        """Waits for a piece that was told to end; kills it where it does not listen."""
        until = time.monotonic() + GRACE_S
        while time.monotonic() < until:
            if self._look(name):
                return
            time.sleep(POLL_S)
        self.running[name].kill()
        self._look(name, wait=True)
