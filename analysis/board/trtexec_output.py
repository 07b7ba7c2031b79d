"""What trtexec prints and writes, from TensorRT 7.1 to 10."""

import json
import re
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from analysis.board.running import RunError

SKIPS_WARM_UP = (8, 5)
"""From this version on --exportTimes leaves the warm-up queries out."""

STAMP = re.compile(r"^\[\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\] \[([VIWEF])\] ?(?:\[TRT\] ?)?")
NAMED_VERSION = re.compile(r"TensorRT version: (\d+)\.(\d+)(?:\.(\d+))?")
CODED_VERSION = re.compile(r"\[TensorRT v(\d{4,6})\]")
STARTED = "Starting inference"
SUMMARY = re.compile(r"^(Latency|GPU Compute Time): min = .*\bmedian = ([\d.]+) ms")
OLD_BLOCK = re.compile(r"^(Host Latency|GPU Compute)$")
OLD_MEDIAN = re.compile(r"^median: ([\d.]+) ms")
WALL = re.compile(r"^(?:Total Host Walltime|walltime): ([\d.]+) s")
RATE = re.compile(r"^[Tt]hroughput: ([\d.]+) qps")
BATCH_LINE = re.compile(r"^Average on (\d+) runs - GPU latency: [\d.]+ ms - Host latency: ([\d.]+) ms")

Line = Tuple[float, str]
"""When it came, on the monotonic clock, and what it says."""


def read_version(text: str) -> Optional[Tuple[int, ...]]:
    """Returns the version that trtexec prints, if it does: 7.1 does not."""
    named = NAMED_VERSION.search(text)
    if named:
        return tuple(int(part or 0) for part in named.groups())
    coded = CODED_VERSION.search(text)
    if not coded:
        return None
    code = int(coded.group(1))
    step = 10000 if code >= 100000 else 1000
    return code // step, code % step // 100, code % 100


def query_times(path: str, version: Tuple[int, ...], warm_ms: float) -> Tuple[List[Dict[str, float]], float]:
    """Timed queries of an --exportTimes file, and the milliseconds from the start of the first to the end of the last.

    Before 8.5 the file begins with the warm-up queries; those are dropped. The latency of a query is copy in, compute
    and copy out; the end-to-end time of 8.2 and before waits for the query before as well and is not used.
    """
    queries = json.loads(Path(path).read_text(encoding="utf-8"))
    if queries and version < SKIPS_WARM_UP:
        first = queries[0]["startEnqMs"]
        queries = [query for query in queries if query["startEnqMs"] - first >= warm_ms]
    if not queries:
        raise RunError("trtexec: its times file has no query after the warm-up")
    starts = min(value for name, value in queries[0].items() if name.startswith("start"))
    ends = max(
        value for name, value in queries[-1].items() if name.startswith("end") and name != "endToEndMs"
    )
    return queries, ends - starts


def read_summary(lines: List[Line]) -> Dict[str, float]:
    """``latency_ms`` and ``compute_ms`` (medians), ``wall_s`` and ``rate`` of what trtexec printed, those it did."""
    names = {"Latency": "latency_ms", "Host Latency": "latency_ms"}
    values: Dict[str, float] = {}
    block: Optional[str] = None
    for _, text in lines:
        summary, wall, rate, old = (
            SUMMARY.match(text),
            WALL.match(text),
            RATE.match(text),
            OLD_MEDIAN.match(text),
        )
        if summary:
            values[names.get(summary.group(1), "compute_ms")] = float(summary.group(2))
        elif OLD_BLOCK.match(text):
            block = names.get(text, "compute_ms")
        elif old and block:
            values[block] = float(old.group(1))
        elif wall:
            values["wall_s"] = float(wall.group(1))
        elif rate:
            values["rate"] = float(rate.group(1))
    return values


def single_runs(lines: List[Line]) -> List[float]:
    """Host latency of each query by the lines that --avgRuns=1 prints, in milliseconds."""
    matches = [BATCH_LINE.match(text) for _, text in lines]
    return [float(match.group(2)) for match in matches if match and match.group(1) == "1"]
