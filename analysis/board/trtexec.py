"""TensorRT through trtexec: its command line by version, its time limit, and when the load ran."""

import os
import re
import resource
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, List, Optional, Tuple

from analysis.board.running import Left, Load, OnProgress, RunError, Timed
from analysis.board.trtexec_output import (
    STAMP,
    STARTED,
    Line,
    query_times,
    read_summary,
    read_version,
    single_runs,
)  # fmt: skip

PLACES = ("usr/src/tensorrt/bin/trtexec", "usr/local/tensorrt/bin/trtexec", "usr/bin/trtexec")
HELP_S = 60.0
WORKSPACE_MIB = 1024
"""The default of 16 MiB before 8.4 is too little; NVIDIA's own TX2 benchmark uses 512 to 1024."""
LEAST_WITHOUT_POWER_S = 1.0
LIBRARY = re.compile(r"libnvinfer\.so\.(\d+)\.(\d+)\.(\d+)")


class Tool:
    """One trtexec: where it is, its version, (0,) if unknown, and the options that its help names."""

    def __init__(self, path: str, numbers: Tuple[int, ...], options: FrozenSet[str]) -> None:
        self.path = path
        self.numbers = numbers
        self.options = options

    @property
    def version(self) -> str:
        """As text."""
        return ".".join(map(str, self.numbers)) if self.numbers != (0,) else "of unknown version"


def looked_for(given: Optional[str]) -> str:
    """Returns where :func:`find_trtexec` looks, for a message."""
    return given if given else "PATH, " + ", ".join("/" + place for place in PLACES)


def find_trtexec(given: Optional[str] = None, root: str = "/") -> Optional[Tool]:
    """Returns the trtexec named, else that of PATH or of a usual place; ``None`` if there is none that starts."""
    usual = [shutil.which("trtexec"), *(str(Path(root, place)) for place in PLACES)]
    for path in [given] if given else usual:
        if path and os.access(path, os.X_OK) and Path(path).is_file():
            tool = _describe(path, root)
            if tool is not None:
                return tool
    return None


def _describe(path: str, root: str) -> Optional[Tool]:
    try:
        ran = subprocess.run(
            [path, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=HELP_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = ran.stdout.decode("utf-8", "replace")
    return Tool(path, read_version(text) or _of_library(root), frozenset(re.findall(r"--(\w+)", text)))


def _of_library(root: str) -> Tuple[int, ...]:
    """By the name of the library file, for releases whose trtexec does not say."""
    for folder in ("usr/lib/aarch64-linux-gnu", "usr/lib/x86_64-linux-gnu"):
        for path in sorted(Path(root, folder).glob("libnvinfer.so.*"), reverse=True):
            matched = LIBRARY.match(path.name)
            if matched:
                return tuple(map(int, matched.groups()))
    return (0,)


def build_command(tool: Tool, model: str, engine: str, precision: str) -> List[str]:
    """Builds the engine; the shortest of runs instead of an option whose name changed (buildOnly, skipInference)."""
    space = "memPoolSize=workspace:" if "memPoolSize" in tool.options else "workspace="
    command = [tool.path, "--onnx=" + model, "--saveEngine=" + engine, "--%s%d" % (space, WORKSPACE_MIB)]
    if precision == "float16":
        command.append("--fp16")
    elif precision == "int8":
        raise RunError("precision int8: trtexec would need a calibration; take float16", "request")
    elif precision == "bfloat16":
        if "bf16" not in tool.options:
            raise RunError("precision bfloat16: trtexec %s has no --bf16" % tool.version, "request")
        command.append("--bf16")
    elif "noTF32" in tool.options:
        command.append("--noTF32")
    return [*command, "--warmUp=0", "--duration=0", "--iterations=1"]


def run_command(
    tool: Tool, engine: str, times: str, warm_s: float, duration_s: float, runs: int
) -> List[str]:
    """Runs an engine back to back for ``duration_s`` and at least ``runs`` times; times of single queries to a file."""
    return [
        tool.path, "--loadEngine=" + engine, "--warmUp=%d" % (1000 * warm_s),
        "--duration=%d" % -(-duration_s // 1), "--iterations=%d" % runs, "--avgRuns=1",
        "--exportTimes=" + times,
    ]  # fmt: skip


def execute(
    command: List[str], doing: str, left: Left, on_line: Callable[[float, str], None] = lambda at, line: None
) -> List[Line]:
    """Returns lines of a trtexec that ended well, without their stamps, each with the time of its arrival.

    Raises:
        RunError: it failed, with its first error; or hung until the time limit.
    """
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        universal_newlines=True, errors="replace",
    )  # fmt: skip
    hung = threading.Event()

    def stop() -> None:
        hung.set()
        process.kill()

    limit = left()
    watchdog = threading.Timer(limit, stop)
    watchdog.daemon = True
    watchdog.start()
    lines: List[Line] = []
    errors: List[str] = []
    try:
        for raw in process.stdout or ():
            at, stamp = time.monotonic(), STAMP.match(raw)
            text = (raw[stamp.end() :] if stamp else raw).strip()
            if stamp and stamp.group(1) in "EF":
                errors.append(text)
            lines.append((at, text))
            on_line(at, text)
        code = process.wait()
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if hung.is_set():
        raise RunError("trtexec: %s did not end within %.0f s; killed" % (doing, limit), "timeout")
    if code or not any("&&&& PASSED" in text for _, text in lines):
        said = errors or [text for _, text in lines if text][-1:] or ["nothing"]
        raise RunError("trtexec: %s failed (exit status %d): %s" % (doing, code, said[0]))
    return lines


class Runner:
    """Builds an engine of one ONNX file once and times it.

    Attributes:
        name, versions: for the record.
    """

    name = "trtexec"

    def __init__(self, tool: Tool, model: str, precision: str) -> None:
        self.versions: Dict[str, Any] = {"version": tool.version, "path": tool.path}
        self._tool = tool
        self._model = model
        self._precision = precision
        self._engine = "%s.%s.engine" % (model, precision)

    def prepare(self, on_progress: OnProgress, left: Left) -> None:
        """Builds the engine, unless an earlier run of this folder did.

        Raises:
            RunError: trtexec failed or hung.
        """
        if Path(self._engine).is_file():
            return
        on_progress("trtexec builds the engine", 0.0)
        part = self._engine + ".part"
        execute(build_command(self._tool, self._model, part, self._precision), "building the engine", left)
        Path(part).replace(self._engine)

    def run(self, load: Load, on_progress: OnProgress, left: Left) -> Timed:
        """Runs the engine for as long as power needs, or as often as latency needs.

        Raises:
            RunError: trtexec failed or hung.
        """
        duration = max(
            LEAST_WITHOUT_POWER_S, load.busy_s + max(0.0, load.settle_s - load.warm_s) if load.busy_s else 0
        )
        times = self._engine + ".times.json"
        looker = _Looker(load, duration, on_progress)
        begin = time.monotonic()
        try:
            command = run_command(self._tool, self._engine, times, load.warm_s, duration, load.runs)
            lines = execute(command, "timing the engine", left, looker.on_line)
        finally:
            looker.stop()
        ended = time.monotonic()
        timed = self._timed(lines, times, load.warm_s, begin, ended)
        timed.before, timed.after = looker.before, looker.after
        timed.peak_memory_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        return timed

    def _timed(self, lines: List[Line], times: str, warm_s: float, begin: float, ended: float) -> Timed:
        started = [index for index, (_, text) in enumerate(lines) if text.startswith(STARTED)]
        after = lines[started[0] + 1 :] if started else []
        load_start = lines[started[0]][0] if started else begin
        end = after[0][0] if after else ended
        summary = read_summary(lines)
        if Path(times).is_file():
            queries, wall_ms = query_times(times, self._tool.numbers, 1000 * warm_s)
            samples, wall_s, runs = [query["latencyMs"] for query in queries], wall_ms / 1e3, len(queries)
        else:
            samples = single_runs(lines) or [summary[name] for name in ("latency_ms",) if name in summary]
            if not samples:
                raise RunError("trtexec: its output has no latency")
            wall_s = summary.get("wall_s", end - load_start - warm_s)
            runs = round(summary.get("rate", 1e3 / samples[0]) * wall_s)
        start = max(begin, end - wall_s)
        timed = Timed(samples, min(load_start, start), start, end, runs)
        timed.summary_only = len(samples) == 1 and runs > 1
        timed.how = {"trtexec_summary": summary, "latency_is": "copy in + compute + copy out of one query"}
        return timed


class _Looker:
    """Reads the conditions twice while trtexec runs the engine, and tells how far it is."""

    def __init__(self, load: Load, duration_s: float, on_progress: OnProgress) -> None:
        self.before: Dict[str, Any] = {}
        self.after: Dict[str, Any] = {}
        self._look, self._on_progress = load.look, on_progress
        self._warm_s, self._seconds = load.warm_s, load.warm_s + duration_s
        self._over = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def on_line(self, _at: float, text: str) -> None:
        if text.startswith(STARTED) and self._thread is None:
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        elif self._thread is not None:
            self._over.set()

    def _watch(self) -> None:
        begin = time.monotonic()
        self._over.wait(0.5 * self._warm_s)
        self.before = self._look()
        while not self._over.wait(0.5):
            share = (time.monotonic() - begin) / self._seconds
            self._on_progress("trtexec runs the engine", min(1.0, share))
            if share > 0.8 and not self.after:
                self.after = self._look()

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        if self._thread is None:
            self.before = self._look()
        self.after = self.after or self._look()
