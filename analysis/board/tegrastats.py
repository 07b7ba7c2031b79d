"""NVIDIA's tegrastats: one line of text now and then with rails, clocks, temperatures, memory."""

import errno
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from analysis.board.base import Sensor, SensorListing, below, why
from analysis.board.rails import SETTLE_TAUS, TAU_S, UNCONNECTED, no_total, total_rails

RAIL = re.compile(r"(?<!\S)([A-Z][A-Z0-9_]*) (\d+)(?:mW)?/(\d+)(?:mW)?(?:/(\d+)(?:mW)?)?(?!\S)")
GPU = re.compile(r"(?<!\S)GR3D_FREQ (?:(\d+)%)?(?:@\[?([\d,]+)\]?)?(?!\S)")
EMC = re.compile(r"(?<!\S)EMC_FREQ (\d+)%(?:@(\d+))?(?!\S)")
TEMPERATURE = re.compile(r"(?<!\S)([A-Za-z][A-Za-z0-9_]*)@(-?\d+(?:\.\d+)?)C(?:/-?\d+(?:\.\d+)?C)?(?!\S)")
RAM = re.compile(r"(?<!\S)RAM (\d+)/(\d+)MB(?!\S)")
CPU = re.compile(r"(?:(?<!\S)CPU |^)\[([^\]]*)\]")
CORE = re.compile(r"(\d+)%(?:@(\d+))?$")
OFF_C = -256.0
"""The temperature of a part without power."""

INTERVAL_S = 0.1
PLACES = ("usr/bin/tegrastats", "home/nvidia/tegrastats", "home/ubuntu/tegrastats")
FIRST_LINE_S = 3.0
STALE_S = 2.0


def parse(line: str) -> Dict[str, Any]:
    """Returns what a line says; what it does not say is not there.

    Returns:
        ``rails_mw`` and ``average_mw`` by rail, ``gpu_load`` and ``emc_load`` in percent, ``gpu_mhz`` (the first of
        several), ``emc_mhz`` (the two only for root), ``temperature_c`` by zone, ``ram_mb``, ``ram_total_mb``,
        ``cpu``: of each core ``{"load": percent, "mhz": MHz}``, or ``None`` for one that is off.
    """
    readings: Dict[str, Any] = {"rails_mw": {}, "average_mw": {}, "temperature_c": {}}
    for rail, now, average, _ in RAIL.findall(line):
        if rail not in UNCONNECTED:
            readings["rails_mw"][rail] = int(now)
            readings["average_mw"][rail] = int(average)
    for name, pattern in (("gpu", GPU), ("emc", EMC)):
        match = pattern.search(line)
        if match and match.group(1):
            readings[name + "_load"] = int(match.group(1))
        if match and match.group(2):
            readings[name + "_mhz"] = int(match.group(2).split(",")[0])
    for zone, degrees in TEMPERATURE.findall(line):
        if float(degrees) != OFF_C:
            readings["temperature_c"][zone] = float(degrees)
    match = RAM.search(line)
    if match:
        readings["ram_mb"], readings["ram_total_mb"] = int(match.group(1)), int(match.group(2))
    match = CPU.search(line)
    if match:
        readings["cpu"] = [_core(core.strip()) for core in match.group(1).split(",")]
    return readings


def _core(core: str) -> Optional[Dict[str, Optional[int]]]:
    matched = CORE.match(core)
    if not matched:
        return None
    return {"load": int(matched.group(1)), "mhz": int(matched.group(2)) if matched.group(2) else None}


class Tegrastats(Sensor):
    """The rails that tegrastats prints, where their own files cannot be read."""

    name = "tegrastats"
    settle_s = SETTLE_TAUS * TAU_S

    def __init__(self, program: Path, interval_s: float = INTERVAL_S) -> None:
        """Starts the program and waits for its first line.

        Raises:
            OSError: it cannot be run, ends, prints nothing in time, or prints no rails.
        """
        # Into a pipe some releases print a block at a time.
        stdbuf = shutil.which("stdbuf")
        self.command = [] if stdbuf is None else [stdbuf, "-oL"]
        self.command += [str(program), "--interval", str(max(1, round(interval_s * 1000)))]
        self.interval_s = interval_s
        self._latest: Optional[Tuple[float, Dict[str, float]]] = None
        self._first = threading.Event()
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        self._first.wait(FIRST_LINE_S)
        try:
            self.rails = list(self.read())
        except OSError:
            self.close()
            raise
        self.total = total_rails(self.rails)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            rails = parse(line.decode("ascii", "replace").strip())["rails_mw"]
            if rails:
                self._latest = (time.monotonic(), {rail: mw / 1e3 for rail, mw in rails.items()})
                self._first.set()
        self._process.wait()  # the end of its output comes a moment before its status
        self._first.set()

    def read(self) -> Dict[str, float]:
        """Returns watts of the newest line.

        Raises:
            OSError: the program ended, or printed no rails for long.
        """
        program = self.command[-3]
        if self._process.poll() is not None:
            raise OSError(errno.EPIPE, "ended with status {}".format(self._process.returncode), program)
        if self._latest is None:
            raise OSError(errno.ENODATA, "printed no rails in {:g} s".format(FIRST_LINE_S), program)
        at, watts = self._latest
        if time.monotonic() - at > STALE_S + 3 * self.interval_s:
            raise OSError(
                errno.ENODATA, "printed nothing for {:.1f} s".format(time.monotonic() - at), program
            )
        return watts

    def describe(self) -> Dict[str, Any]:
        """Returns the command, and how often it prints."""
        return dict(
            super().describe(),
            command=self.command,
            interval_s=self.interval_s,
            filter="first order, tau {} s; the newest line, up to one interval old".format(TAU_S),
        )

    def close(self) -> None:
        """Ends the program."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(1.0)


def find_tegrastats(root: str = "/") -> SensorListing:
    """tegrastats running, or under ``tegrastats`` why not."""
    for place in PLACES:
        program = below(root, place)
        if program.is_file():
            try:
                sensor = Tegrastats(program)
            except OSError as error:
                return [], {"tegrastats": why(error)}
            return [sensor], {} if sensor.total else {"total": no_total(sensor.rails)}
    return [], {"tegrastats": "no {}".format(below(root, PLACES[0]))}
