"""A board over SSH: its own TensorRT or ONNX Runtime, its own power sensors, one measurement at a time."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.board.frames import MODEL, REQUEST, RUN
from analysis.board.running import WARM_S
from analysis.board.sampling import Trace
from analysis.devices import board_checks
from analysis.devices.assemble import assemble, repeated
from analysis.devices.base import Check, Device, DeviceAway
from analysis.devices.board_queue import one_at_a_time
from analysis.devices.record import DeviceRecord
from analysis.devices.settings import OnProgress, Settings, no_progress
from analysis.devices.ssh_address import Address, BoardError, config_file
from analysis.devices.ssh_link import Link
from analysis.devices.target import Target
from archspace.support.errors import FieldError, InputError

RUNTIMES = {"tensorrt": "trtexec", "onnxruntime": "onnxruntime"}
OPSET = 13
"""What TensorRT 8.2, the last of a TX2, reads."""
TIMEOUT_S = 1800.0
"""Longest run on the board; TensorRT takes minutes to build an engine on a TX2."""
WAIT_S = 3600.0
LOOK_S = 300.0
GRACE_S = 30.0
NO_REFERENCE = "no reference network runs between the runs of a board"
MEMORY_COUNTS = "largest resident memory of the process that ran the network"


class SshDevice(Device):
    """A board that OpenSSH reaches.

    Args:
        name: ``ssh://[user@]host[:port]``.
        config: settings of OpenSSH instead of ``~/.ssh/config``; else those of ``ARCHSPACE_SSH_CONFIG``.
        timeout_s: longest time of one run on the board, the building of an engine included.
        wait_s: longest wait for others' measurements.
        warm_s: fewest seconds of untimed runs, for the clocks to rise.
        trtexec: its path on the board, if it is in no usual place.
        root: before every path of the board's system; tests give a tree of files.

    Raises:
        FieldError: no such name of a device.
    """

    def __init__(
        self,
        name: str,
        *,
        config: Path | None = None,
        timeout_s: float = TIMEOUT_S,
        wait_s: float = WAIT_S,
        warm_s: float = WARM_S,
        trtexec: str | None = None,
        root: str = "/",
    ) -> None:
        self.name = name
        self.address = Address.parse(name)
        self._config = config_file(config)
        self._timeout_s, self._wait_s, self._warm_s = timeout_s, wait_s, warm_s
        self._trtexec, self._root = trtexec, root
        self._board: dict[str, Any] | None = None

    def board(self, on_progress: OnProgress = no_progress) -> dict[str, Any]:
        """Returns what the agent says of the board, asked now.

        Raises:
            InputError: it cannot be used; one line.
            DeviceAway: it cannot be reached now.
        """
        self._board = None
        request = {"mode": "doctor", "timeout_s": LOOK_S, "root": self._root, "trtexec": self._trtexec}
        with Link(self.address, self._config, on_progress) as link:
            link.send(REQUEST, json.dumps(request).encode())
            link.receive("ready", LOOK_S)
            link.send(RUN)
            self._board = dict(link.receive("result", LOOK_S + GRACE_S))
        return self._board

    def key(self, settings: Settings) -> str:
        """Returns model, L4T release, power mode, runtime and its version, precision, batch and threads."""
        board = self._board or self.board()
        runtime = self._runtime(board, settings)
        version = (board[runtime] or {}).get("version", "missing")
        state = board["conditions"]
        parts = [
            _model(board, state), f"L4T {state.get('l4t', 'none')}", f"mode {state.get('power_mode', 'none')}",
            f"{runtime} {version}", settings.precision, f"batch {settings.batch}",
        ]  # fmt: skip
        return "; ".join([*parts, *([f"threads {settings.threads}"] if runtime == "onnxruntime" else [])])

    def check(self, target: Target, settings: Settings) -> None:
        """Refuses a runtime that no board has; the board is not asked."""
        self._request(settings)

    def measure(
        self, target: Target, settings: Settings, on_progress: OnProgress = no_progress
    ) -> DeviceRecord:
        """Sends the network once and runs it there, again while it is unstable; this process waits for its turn."""
        request = self._request(settings)
        with tempfile.TemporaryDirectory(prefix="archspace-export-") as folder:
            on_progress("exporting ONNX", 0.0)
            model = target.onnx_file(Path(folder), settings.batch, OPSET).read_bytes()
        try:
            with (
                one_at_a_time(str(self.address), self._wait_s, on_progress),
                Link(self.address, self._config, on_progress) as link,
            ):
                link.send(REQUEST, json.dumps(request).encode())
                link.receive("ready", self._wait_s + GRACE_S)
                link.send(MODEL, model)
                return self._warned(repeated(lambda _: self._take(link, target, settings), settings))
        except DeviceAway:
            self._board = None
            raise

    def doctor(self) -> list[Check]:
        """Returns the connection, the board's software, sensors, clocks, load and disk."""
        try:
            return [
                Check(name="connection", state="ok", detail=str(self.address)),
                *board_checks.checks(self.board()),
            ]
        except (InputError, DeviceAway) as error:
            return [Check(name="connection", state="missing", detail=str(error))]

    def _request(self, settings: Settings) -> dict[str, Any]:
        if settings.runtime is not None and settings.runtime not in RUNTIMES:
            raise FieldError("runtime", settings.runtime, "a board runs tensorrt or onnxruntime", "tensorrt")
        return {
            "format": 1, "mode": "measure", "runtime": RUNTIMES[settings.runtime] if settings.runtime else None,
            "precision": settings.precision, "batch": settings.batch, "threads": settings.threads,
            "warmup": settings.warmup, "runs": settings.runs, "idle_s": settings.idle_s,
            "busy_s": settings.busy_s, "period_s": settings.period_s, "power": settings.power,
            "timeout_s": self._timeout_s, "wait_s": self._wait_s, "warm_s": self._warm_s,
            "trtexec": self._trtexec, "root": self._root,
        }  # fmt: skip

    def _runtime(self, board: Mapping[str, Any], settings: Settings) -> str:
        if settings.runtime is not None:
            return str(self._request(settings)["runtime"])
        return "trtexec" if board["trtexec"] else "onnxruntime"

    def _take(self, link: Link, target: Target, settings: Settings) -> DeviceRecord:
        link.send(RUN)
        answer = link.receive("result", self._timeout_s + GRACE_S)
        try:
            return self._record(answer, target, settings)
        except (KeyError, TypeError) as error:
            raise BoardError(f"{self.address}: the agent's answer lacks {error}") from error

    def _record(self, answer: Mapping[str, Any], target: Target, settings: Settings) -> DeviceRecord:
        board, before = answer["board"], answer["conditions_before"]
        trace = None if answer["trace"] is None else Trace.from_dict(answer["trace"])
        name = "tensorrt" if answer["runtime"] == "trtexec" else answer["runtime"]
        missing = {**answer["missing"], **({"reference": NO_REFERENCE} if settings.reference else {})}
        how = {
            "device": _model(board, before), "l4t": before.get("l4t"), "power_mode": before.get("power_mode"),
            "versions": answer["versions"], "board": board, "memory_counts": MEMORY_COUNTS,
            "form": f"ONNX operator set {OPSET}, batch norms folded", **answer["how"],
        }  # fmt: skip
        return assemble(
            target, self.name, f"{name} {answer['versions']['version']}", settings,
            answer["latency_ms"]["samples"], (), trace, answer["windows"], before, answer["conditions_after"],
            missing, how, answer["peak_memory_bytes"],
        )  # fmt: skip

    def _warned(self, record: DeviceRecord) -> DeviceRecord:
        """With flags for what another attempt would not change: other work on the board, clocks that wander."""
        return replace(record, flags=(*record.flags, *warnings(record.how["board"])))


def warnings(board: Mapping[str, Any]) -> list[str]:
    """Returns why numbers of this board are doubtful, whatever their spread."""
    reasons = []
    busy = board.get("busy_cores_before")
    if busy is not None and busy > board_checks.MOST_BUSY_CORES:
        reasons.append(
            f"load: {busy:g} of {board['cpus']} processors were busy with other work before the run"
        )
    loose = [name for name, held in board["pinned"].items() if held is False]
    if loose:
        reasons.append(f"clocks: {' and '.join(loose)} not pinned; sudo jetson_clocks pins them")
    return reasons


def _model(board: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    return str(state.get("model") or board["cpu_model"] or board["machine"])
