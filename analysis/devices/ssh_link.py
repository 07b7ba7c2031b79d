"""One connection to the agent on a board: frames down, lines up, and one clear error when it ends early."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import queue
import subprocess
import threading
import time
import zipfile
from collections import deque
from pathlib import Path
from typing import IO, Any

from analysis.board.frames import AGENT, BEAT, BEAT_S, MARK, SILENCE_S, header
from analysis.devices.base import DeviceAway
from analysis.devices.settings import OnProgress, no_progress
from analysis.devices.ssh_address import Address, BoardError
from archspace.support.errors import InputError

START_S = 60.0
"""Longest wait for the agent's greeting: connecting, a jump host, a slow board starting Python."""
CHUNK = 1 << 18
END_S = 5.0
LINES_KEPT = 50
MAIN = "import sys\n\nfrom analysis.board.agent import main\n\nsys.exit(main())\n"
EPOCH = (1980, 1, 1, 0, 0, 0)

Message = dict[str, Any]


@functools.cache
def bundle() -> bytes:
    """Returns a zip that Python runs: ``analysis.board`` alone; the same bytes for the same source."""
    board = Path(__file__).parents[1] / "board"
    sources = {"__main__.py": MAIN, "analysis/__init__.py": ""}
    for path in sorted(board.glob("*.py")):
        sources[f"analysis/board/{path.name}"] = path.read_text("utf-8")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in sources.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()


class Link:
    """A context: connects, and on leaving makes the agent clean up; the agent does so by itself if the link is lost."""

    def __init__(self, address: Address, config: Path | None, on_progress: OnProgress = no_progress) -> None:
        self._address, self._config, self._on_progress = address, config, on_progress
        self._lines: queue.Queue[Message | None] = queue.Queue()
        self._stray: deque[str] = deque(maxlen=LINES_KEPT)
        self._said: deque[str] = deque(maxlen=LINES_KEPT)
        self._writing = threading.Lock()
        self._over = threading.Event()
        self._greeted = False

    def __enter__(self) -> Link:
        try:
            self._process = subprocess.Popen(
                self._address.command(self._config), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, start_new_session=True,  # Ctrl-C reaches us; we end the link in order
            )  # fmt: skip
        except FileNotFoundError:
            raise InputError("ssh: no such program; install the OpenSSH client") from None
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._listen, self._collect, self._beat)
        ]
        for thread in self._threads:
            thread.start()
        try:
            self._on_progress(f"connecting to {self._address}", 0.0)
            self.send(AGENT, bundle())
            self.receive("hello", START_S)
        except BaseException:
            self.close()
            raise
        self._greeted = True
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the link; the agent removes its folder when its input ends."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._pipe(self._process.stdin).close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(END_S)
        for pipe in (self._process.stdout, self._process.stderr):
            self._pipe(pipe).close()

    def send(self, name: str, payload: bytes = b"") -> None:
        """Sends a frame.

        Raises:
            InputError, DeviceAway: the link ended; why.
        """
        try:
            with self._writing:
                pipe = self._pipe(self._process.stdin)
                pipe.write(header(name, len(payload)))
                for start in range(0, len(payload), CHUNK):
                    pipe.write(payload[start : start + CHUNK])
                    pipe.flush()
                    if len(payload) > CHUNK:
                        self._on_progress(f"sending {name}", min(1.0, (start + CHUNK) / len(payload)))
                pipe.flush()
        except OSError:
            # The agent may have said why before it ended.
            while True:
                message = self._next(END_S)
                if "error" in message:
                    raise self._refusal(message) from None

    def receive(self, name: str, limit_s: float) -> Any:
        """Returns the value of the next message that has ``name``; what the agent tells meanwhile is passed on.

        Raises:
            BoardError: the agent says that it failed.
            InputError, DeviceAway: the link ended; why.
        """
        ends = time.monotonic() + limit_s
        while True:
            message = self._next(SILENCE_S if self._greeted else limit_s)
            if name in message:
                return message[name]
            if "error" in message:
                raise self._refusal(message)
            if "doing" in message:
                self._on_progress(str(message["doing"]), float(message["share"]))
            elif message.get("waiting"):
                self._on_progress("waiting for the board: it measures for others", 0.0)
            if time.monotonic() > ends:
                raise DeviceAway(f"{self._address}: nothing came of it within {limit_s:g} s")

    def _refusal(self, message: Message) -> Exception:
        text = f"{self._address}: {message['error']}"
        return DeviceAway(text) if message.get("kind") == "busy" else BoardError(text)

    def _next(self, limit_s: float) -> Message:
        try:
            message = self._lines.get(timeout=limit_s)
        except queue.Empty:
            raise DeviceAway(f"{self._address}: no sign of life for {limit_s:.0f} s") from None
        if message is None:
            code = self._process.wait()
            self._threads[1].join(END_S)
            stray = self._stray[0] if self._stray else ""
            self._lines.put(None)  # whoever asks again gets the same answer
            raise self._address.complaint("\n".join(self._said), code, self._greeted, stray)
        return message

    def _listen(self) -> None:
        """Lines of the agent to the queue; what a login script printed is kept apart."""
        for raw in self._pipe(self._process.stdout):
            line = raw.decode("utf-8", "replace").rstrip("\n")
            if not line.startswith(MARK):
                self._stray.append(line)
                continue
            try:
                self._lines.put(dict(json.loads(line.removeprefix(MARK))))
            except ValueError:
                self._stray.append(line)
                self._lines.put({"error": f"the agent sent garbage: {line[:80]!r}", "kind": "garbage"})
        self._lines.put(None)

    def _collect(self) -> None:
        for raw in self._pipe(self._process.stderr):
            self._said.append(raw.decode("utf-8", "replace").rstrip())

    def _beat(self) -> None:
        """Tells the agent now and then that somebody waits; without, it ends by itself."""
        while not self._over.wait(BEAT_S):
            if self._greeted:
                with self._writing, contextlib.suppress(OSError, ValueError):
                    pipe = self._pipe(self._process.stdin)
                    pipe.write(header(BEAT))
                    pipe.flush()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe
