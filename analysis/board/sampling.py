"""Sampling power in a process of its own, at a steady period on the clock that all processes share."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional

from analysis.board.base import Sensor, why
from analysis.board.sensors import find_sensors
from analysis.board.trace import Trace

__all__ = ["Sampler", "Trace"]

START_S = 20.0
"""Longest wait for the first sample: the process starts, finds its sensors and takes it."""

STOP_S = 5.0
IN_A_ROW = 3
"""Samples that fail one after another until a sensor is taken as gone."""

CODE = (
    "import sys; sys.path[0] = sys.argv.pop(1); from analysis.board.sampling import main; main(sys.argv[1])"
)
HOME = Path(__file__).parents[2]
"""What has the package ``analysis``: a folder, or the one file that is sent to a board."""


class Sampler:
    """Takes samples of all sensors from :meth:`start` to :meth:`stop`.

    The process ends by itself when this one dies. Its samples lie in a file in memory, so nothing runs here meanwhile.
    """

    def __init__(
        self, root: str, period_s: float, cpu: Optional[int] = None, extra: Iterable[str] = ()
    ) -> None:
        """Nothing runs yet.

        Args:
            root: before every path of the system.
            period_s: seconds between samples.
            cpu: the core that the process is to run on; any if left out.
            extra: finders of further sensors (:func:`~analysis.board.sensors.find_sensors`).
        """
        self.request = {"root": str(root), "period_s": period_s, "cpu": cpu, "extra": list(extra)}
        self._process: Optional["subprocess.Popen[bytes]"] = None
        self._out = self._said = -1

    def start(self) -> None:
        """Returns when the first sample has been taken, or sampling ended; :meth:`stop` tells which."""
        memory = "/dev/shm"
        folder = memory if os.access(memory, os.W_OK) else None
        # Without names: nothing is left behind however this ends.
        with tempfile.TemporaryFile(dir=folder) as out, tempfile.TemporaryFile(dir=folder) as said:
            self._out, self._said = os.dup(out.fileno()), os.dup(said.fileno())
        self._process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(HOME), json.dumps(self.request)],
            stdin=subprocess.PIPE,
            stdout=self._out,
            stderr=self._said,
        )
        deadline = time.monotonic() + START_S
        while self._process.poll() is None and time.monotonic() < deadline:
            if '"t"' in _contents(self._out):
                return
            time.sleep(0.005)

    @property
    def pid(self) -> int:
        """Of the process that samples."""
        assert self._process is not None, "not started"
        return self._process.pid

    def stop(self) -> Trace:
        """Takes a last sample and ends; what was sampled, also when sampling had ended before."""
        process = self._process
        assert process is not None and process.stdin is not None, "not started"
        early = process.poll() is not None
        hung = False
        with contextlib.suppress(BrokenPipeError):
            # Closing alone does not tell it: a process forked meanwhile would hold the other end open.
            os.write(process.stdin.fileno(), b"stop\n")
        process.stdin.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            hung = True
            process.kill()
            process.wait()
        trace = _trace(_contents(self._out), self.request["period_s"])
        if hung:
            trace.error = "sampler: a sensor gave no answer in {:g} s".format(STOP_S)
        elif trace.error is None and (early or process.returncode != 0):
            lines = _contents(self._said).strip().splitlines()
            trace.error = "sampler: " + (lines[-1] if lines else _ended(process.returncode))
        os.close(self._out)
        os.close(self._said)
        self._process = None
        return trace

    def __enter__(self) -> "Sampler":
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self._process is not None:
            self.stop()


def _ended(status: int) -> str:
    return "ended with status {}".format(status) if status >= 0 else "killed by signal {}".format(-status)


def main(request: str) -> None:
    """The process: a line of JSON for the sensors, one for each sample, and one for how it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    asked = json.loads(request)
    missing = {}
    if asked["cpu"] is not None:
        try:
            os.sched_setaffinity(0, {asked["cpu"]})
        except (OSError, AttributeError) as error:
            missing["affinity"] = "core {}: {}".format(asked["cpu"], error)
    sensors, lacking = find_sensors(asked["root"], asked["extra"])
    missing.update(lacking)
    _tell({"sensors": [sensor.describe() for sensor in sensors], "missing": missing})
    if not sensors:
        _tell({"error": "no power sensor: " + "; ".join(missing.values())})
        return
    try:
        _sample(sensors, asked["period_s"])
        _tell({"after": [sensor.describe() for sensor in sensors]})
    except OSError as error:
        _tell({"error": why(error)})
    finally:
        for sensor in sensors:
            sensor.close()


def _sample(sensors: List[Sensor], period_s: float) -> None:
    """Samples until standard input says or ends, or the parent dies, and once more then.

    Raises:
        OSError: a sensor could not be read several times in a row.
    """
    started, failed, ended = time.monotonic(), 0, False
    parent = os.getppid()
    while True:
        before = time.monotonic()
        try:
            watts: Dict[str, float] = {}
            for sensor in sensors:
                watts.update(sensor.read())
        except OSError as error:
            failed += 1
            _tell({"lost": 1})
            if failed == IN_A_ROW:
                said = "{} gone: {}".format(sensor.name, error.strerror or error)
                raise OSError(error.errno, said, error.filename) from None
        else:
            failed = 0
            # Reading several chips takes a while: the middle of it is when it was.
            _tell({"t": (before + time.monotonic()) / 2, "w": watts})
        if ended:
            return
        now = time.monotonic()
        # The next multiple of the period: late samples do not push those after them.
        due = started + period_s * (1 + (now - started) // period_s)
        ready = select.select([sys.stdin], [], [], max(0.0, due - now))[0]
        ended = bool(ready) or os.getppid() != parent


def _tell(line: Dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _contents(descriptor: int) -> str:
    """The whole file, without moving where the process writes."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode("utf-8", "replace")


def _trace(lines: str, period_s: Any) -> Trace:
    trace = Trace(period_s=period_s)
    whole, _, _ = lines.rpartition("\n")  # a killed process may leave half a line
    for line in whole.splitlines():
        reading = json.loads(line)
        if "sensors" in reading:
            trace.sensors, trace.missing = reading["sensors"], reading["missing"]
            trace.watts = {rail: [] for sensor in trace.sensors for rail in sensor["rails"]}
        elif "t" in reading:
            trace.times.append(reading["t"])
            for rail, samples in trace.watts.items():
                samples.append(reading["w"][rail])
        elif "after" in reading:
            _compare(trace.sensors, reading["after"])
        trace.error = reading.get("error", trace.error)
        trace.lost += reading.get("lost", 0)
    return trace


def _compare(sensors: List[Dict[str, Any]], after: List[Dict[str, Any]]) -> None:
    """Notes what sensors say otherwise at the end; a chip that began to filter must be given time to settle."""
    for sensor, now in zip(sensors, after):
        changed = {name: value for name, value in now.items() if value != sensor.get(name)}
        if changed:
            sensor["after"] = changed
            sensor["settle_s"] = max(sensor["settle_s"], now["settle_s"])
