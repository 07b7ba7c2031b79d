"""What a board is and has: processor, free disk, runtimes, whether its clocks are pinned, how busy it is."""

import os
import platform
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from analysis.board import ortrun, trtexec
from analysis.board.base import below
from analysis.board.conditions import gpu_clock
from analysis.board.folder import free_bytes

BUSY_S = 0.5


def board(root: str, tool: Optional[str], folder: Path, probe: bool = True) -> Dict[str, Any]:
    """Facts that need no load.

    Args:
        root: prefix of every path of the system.
        tool: a trtexec to use before any other.
        folder: where the agent keeps its files.
        probe: also start trtexec and onnxruntime to learn their versions, and watch the processors for a moment.
    """
    facts: Dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpu_model": cpu_model(root),
        "cpus": os.cpu_count(),
        "disk_free_bytes": free_bytes(folder),
        "temporary": str(folder.parent),
        "pinned": pinned(root),
    }
    if probe:
        facts["busy_cores"] = busy_cores(root)
        facts["onnxruntime"] = ortrun.probe()
        there = trtexec.find_trtexec(tool, root)
        facts["trtexec"] = None if there is None else {"path": there.path, "version": there.version}
    return facts


def cpu_model(root: str) -> Optional[str]:
    """As /proc/cpuinfo names it; ``None`` where it names none."""
    for line in _lines(below(root, "proc/cpuinfo")):
        key, _, value = line.partition(":")
        if key.strip().lower() in ("model name", "hardware"):
            return value.strip()
    return None


def busy_cores(root: str) -> Optional[float]:
    """Returns how many processors' worth of work others do, over half a second."""
    first = _cpu_times(root)
    time.sleep(BUSY_S)
    last = _cpu_times(root)
    if first is None or last is None or last[1] <= first[1]:
        return None
    share = (last[0] - first[0]) / float(last[1] - first[1])
    return round(share * last[2], 2)


def pinned(root: str) -> Dict[str, Optional[bool]]:
    """Returns whether the lowest clock allowed is the highest, for ``cpu`` and ``gpu``.

    ``None`` where it cannot be read.
    """
    folders = below(root, "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq")
    cores = [_same(core, "scaling_min_freq", "scaling_max_freq") for core in folders]
    known = [core for core in cores if core is not None]
    try:
        gpu = _same(gpu_clock(root), "min_freq", "max_freq")
    except OSError:
        gpu = None
    return {"cpu": all(known) if known else None, "gpu": gpu}


def _same(folder: Path, low: str, high: str) -> Optional[bool]:
    lowest, highest = _lines(folder / low), _lines(folder / high)
    return lowest == highest if lowest and highest else None


def _cpu_times(root: str) -> Optional[Tuple[int, int, int]]:
    """Busy and all ticks of every processor together, and how many there are."""
    lines = [line.split() for line in _lines(below(root, "proc/stat")) if line.startswith("cpu")]
    if not lines:
        return None
    ticks = [int(word) for word in lines[0][1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks), len(lines) - 1


def _lines(path: Path) -> List[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return [line.strip("\n\0") for line in file]
    except OSError:
        return []
