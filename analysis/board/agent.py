"""The agent on the board: holds the temporary folder and the board's lock, and watches over the process that measures.

Two processes watch each other. The agent reads frames from the link and starts the worker in a process group of its
own; if the link is lost, a time limit passes or the agent is told to end, it kills that group and removes the folder.
If the agent itself is killed, the worker sees its standard input end, removes the folder and kills its own group. What
both leave behind when the power fails, the next agent removes.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Dict, List, Optional

from analysis.board import worker
from analysis.board.folder import board_lock, free_bytes, keep_alive_mark, remove, sweep
from analysis.board.frames import (
    BEAT,
    BEAT_S,
    MARK,
    MODEL,
    REQUEST,
    RUN,
    SILENCE_S,
    BadFrame,
    Receiver,
)  # fmt: skip

LOG = "worker.log"
SPARE_BYTES = 16 * 1024 * 1024
ENGINE_FACTOR = 3
"""A model, its engine and the runtime's own files take about this much of the model's size."""
GRACE_S = 5.0
"""Seconds that the worker gets beyond the time limit to tell by itself what hung."""
TICK_S = 0.25


class Ended(Exception):
    """The link is lost, or the agent was told to end."""


class Failed(Exception):
    """The request cannot be met; the message is one line for the user."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Agent:
    """One link's worth of measuring in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.request: Optional[Dict[str, Any]] = None
        self._receiver = Receiver(self._open)
        self._worker: "Optional[subprocess.Popen[bytes]]" = None
        self._tail = b""
        self._answer = b""
        self._deadline = 0.0
        self._lock: Optional[int] = None
        self._lock_until = 0.0
        self._silence_s = SILENCE_S
        self._heard = self._beaten = time.monotonic()

    def serve(self) -> None:
        """Answers frames until the link ends.

        Raises:
            Ended: always, in the end.
        """
        say({"hello": 1, "python": sys.version.split()[0], "folder": str(self.folder)})
        while True:
            try:
                self._turn()
            except (Failed, BadFrame) as failure:
                self._stop()
                self._unlock()
                say({"error": str(failure), "kind": getattr(failure, "kind", "garbage")})
                raise Ended(str(failure)) from failure

    def close(self) -> None:
        """Kills what runs, lets go of the lock and removes the folder."""
        self._stop()
        self._receiver.close()
        self._unlock()
        remove(self.folder)

    def _turn(self) -> None:
        out = self._worker.stdout if self._worker is not None else None
        ready, _, _ = select.select([0] if out is None else [0, out.fileno()], [], [], TICK_S)
        now = time.monotonic()
        if 0 in ready:
            data = os.read(0, 1 << 18)
            if not data:
                raise Ended("the link ended")
            self._heard = now
            self._take(data)
        if out is not None and out.fileno() in ready:
            self._forward(os.read(out.fileno(), 1 << 18))
        if now - self._heard > self._silence_s:
            raise Ended("the link is silent")
        if self._lock_until:
            self._try_lock(now)
        if self._worker is not None and now > self._deadline:
            limit = (self.request or {})["timeout_s"]
            raise Failed("timeout", "no result within %g s; stopped on the board" % limit)
        if now - self._beaten > BEAT_S:
            self._beaten = now
            say({"beat": 1, "waiting": bool(self._lock_until)})

    def _take(self, data: bytes) -> None:
        try:
            names = self._receiver.receive(data)
        except OSError as error:
            raise Failed("disk", "%s: %s" % (self.folder, error.strerror)) from error
        for name in names:
            if name == REQUEST:
                self._begin()
            elif name == RUN:
                if self.request is None or self._worker is not None:
                    raise Failed("garbage", "a run was asked for out of turn")
                self._start()
            elif name not in (BEAT, MODEL):
                raise Failed("garbage", "a frame named %r" % name)

    def _open(self, name: str, size: int) -> BinaryIO:
        if name not in (REQUEST, MODEL):
            raise Failed("garbage", "a frame named %r" % name)
        free = free_bytes(self.folder)
        needed = SPARE_BYTES + ENGINE_FACTOR * size
        if name == MODEL and free < needed:
            mib = 1024.0 * 1024.0
            facts = (self.folder.parent, free / mib, needed / mib)
            raise Failed("disk", "%s has %.1f MiB free on the board; %.1f MiB are needed" % facts)
        return (self.folder / name).open("wb")

    def _begin(self) -> None:
        self.request = json.loads((self.folder / REQUEST).read_text(encoding="utf-8"))
        assert self.request is not None
        self._silence_s = self.request.get("silence_s", SILENCE_S)
        if self.request["mode"] == "doctor":
            say({"ready": 1})
            return
        self._lock_until = time.monotonic() + self.request["wait_s"]
        self._try_lock(time.monotonic())
        if self._lock is None:
            say({"beat": 1, "waiting": True})

    def _try_lock(self, now: float) -> None:
        self._lock = self._lock if self._lock is not None else board_lock()
        if self._lock is not None:
            self._lock_until = 0.0
            say({"ready": 1})
        elif now > self._lock_until:
            limit = (self.request or {})["wait_s"]
            raise Failed("busy", "the board measured for others for %g s" % limit)

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _start(self) -> None:
        environment = dict(os.environ)
        if os.uname().machine == "aarch64":  # numpy 1.19.5 dies of an illegal instruction there otherwise
            environment.setdefault("OPENBLAS_CORETYPE", "ARMV8")
        with (self.folder / LOG).open("wb") as log:
            self._worker = subprocess.Popen(
                [sys.executable, sys.argv[0], "work", str(self.folder)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, cwd=str(self.folder), env=environment, start_new_session=True,
            )  # fmt: skip
        self._tail = self._answer = b""
        self._deadline = time.monotonic() + (self.request or {})["timeout_s"] + GRACE_S

    def _forward(self, data: bytes) -> None:
        if not data:
            self._finish()
            return
        lines = (self._tail + data).split(b"\n")
        self._tail = lines.pop()
        for line in lines:
            if line.startswith((b'{"result"', b'{"error"')):
                self._answer = line  # passed on when the worker has ended: the next run may come at once
            else:
                write(MARK.encode("ascii") + line + b"\n")

    def _finish(self) -> None:
        code = self._stop(GRACE_S)
        if self._answer:
            write(MARK.encode("ascii") + self._answer + b"\n")
        else:
            say({"error": self._why(code), "kind": "killed"})

    def _why(self, code: int) -> str:
        if code < 0:
            name = signal.Signals(-code).name
            hint = "; out of memory?" if name == "SIGKILL" else ""
            return "the measuring process on the board was ended by %s%s" % (name, hint)
        log = (self.folder / LOG).read_text(encoding="utf-8", errors="replace")
        said = log.strip().splitlines() or ["it said nothing"]
        return "the measuring process on the board failed: %s" % said[-1]

    def _stop(self, patience: float = 0.0) -> int:
        """Ends the worker's whole process group; how the worker itself ended."""
        process, self._worker = self._worker, None
        if process is None:
            return 0
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        return process.wait()


def write(data: bytes) -> None:
    """Writes to the link, or ends where it takes nothing for too long."""
    signal.setitimer(signal.ITIMER_REAL, SILENCE_S)
    while data:
        data = data[os.write(1, data) :]
    signal.setitimer(signal.ITIMER_REAL, 0)


def say(message: Dict[str, Any]) -> None:
    """One line of the agent."""
    write((MARK + json.dumps(message) + "\n").encode("ascii"))


def _end(number: int, _frame: object) -> None:
    raise Ended("signal %d" % number)


def main(arguments: Optional[List[str]] = None) -> int:
    """``serve FOLDER`` answers a link; ``work FOLDER`` measures."""
    mode, named = sys.argv[1:3] if arguments is None else arguments
    folder = Path(named)
    if mode == "work":
        return worker.main(folder)
    signals = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM)
    for number in signals:
        signal.signal(number, _end)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    agent = Agent(folder)
    try:
        keep_alive_mark(folder)
        sweep(folder)
        agent.serve()
    except (Ended, BrokenPipeError):
        pass
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        agent.close()
    return 0
