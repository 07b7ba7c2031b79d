"""Stands in for trtexec: prints what TensorRT 7.1, 8.2, 8.5 and 10 print, in the time that they would take.

    fake_trtexec.py VERSION MODE OPTIONS...

The lines of 8.2 and the keys of its times file are those quoted from the source of release 8.2.1. Marked [M] is what is
known from memory and could not be checked: all of 7.1's layout, the "Starting inference" line, the lines of averages,
the exact words of the errors, and that 10 prints its version as v100100.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

QUERY_MS, COMPUTE_MS, COPY_MS, FULL_WAIT_MS = 5.0, 4.5, 0.25, 3.0
BANNERS = {"7.1": "", "8.2": " [TensorRT v8201]", "8.5": " [TensorRT v8501]", "10": " [TensorRT v100100]"}
NAMED = {"8.2": "8.2.1", "8.5": "8.5.1", "10": "10.1.0"}
OPTIONS = [
    "onnx",
    "saveEngine",
    "loadEngine",
    "fp16",
    "warmUp",
    "duration",
    "iterations",
    "avgRuns",
    "exportTimes",
]
MORE = {
    "7.1": ["workspace"], "8.2": ["workspace", "noTF32"],
    "8.5": ["workspace", "memPoolSize", "noTF32"], "10": ["memPoolSize", "noTF32", "bf16"],
}  # fmt: skip


def say(text: str = "", level: str = "I") -> None:
    stamp = time.strftime("%m/%d/%Y-%H:%M:%S")
    print(f"[{stamp}] [{level}] {text}", flush=True)


def timed(version: str, given: dict[str, str]) -> None:
    warm_ms, seconds = float(given["warmUp"]), float(given["duration"])
    say("Starting inference" if version != "7.1" else "Starting inference threads")
    begin = time.monotonic()
    most = max(seconds, int(given["iterations"]) * QUERY_MS / 1e3)
    time.sleep(warm_ms / 1e3 + most)
    wall_ms = 1e3 * (time.monotonic() - begin) - warm_ms
    count = round(wall_ms / QUERY_MS)
    warm = round(warm_ms / QUERY_MS)
    first = 0 if version in ("7.1", "8.2") else warm
    queries = []
    for index in range(first, warm + count):
        at = index * QUERY_MS
        # Warm-up queries are slow, so that counting them would show.
        slow = 2.0 if index < warm else 0.01 * (index % 3)
        query = {
            "startEnqMs": at, "endEnqMs": at + 0.1, "startH2dMs": at, "endH2dMs": at + COPY_MS,
            "startComputeMs": at + COPY_MS, "endComputeMs": at + COPY_MS + COMPUTE_MS,
            "startD2hMs": at + COPY_MS + COMPUTE_MS, "endD2hMs": at + QUERY_MS, "h2dMs": COPY_MS,
            "computeMs": COMPUTE_MS + slow, "d2hMs": COPY_MS, "latencyMs": QUERY_MS + slow,
        }  # fmt: skip
        if version in ("7.1", "8.2"):
            query["endToEndMs"] = QUERY_MS + slow + FULL_WAIT_MS
        queries.append(query)
    if "exportTimes" in given:
        Path(given["exportTimes"]).write_text(json.dumps(queries))
    report(version, count, wall_ms)


def report(version: str, count: int, wall_ms: float) -> None:
    host, compute = QUERY_MS + 0.01, COMPUTE_MS + 0.01
    say(f"Warmup completed {count} queries over 200 ms")
    say(f"Timing trace has {count} queries over {wall_ms / 1e3:g} s")
    if version == "7.1":  # [M]
        for name, median in (("Host Latency", host), ("GPU Compute", compute)):
            say(name)
            say(f"min: {median - 0.01:g} ms" + (f" (end to end {median + 2:g} ms)" if name[0] == "H" else ""))
            say(f"max: {median + 0.01:g} ms")
            say(f"mean: {median:g} ms")
            say(f"median: {median:g} ms" + (f" (end to end {median + 3:g} ms)" if name[0] == "H" else ""))
            say(f"percentile: {median:g} ms at 99%")
            if name[0] == "H":
                say(f"throughput: {1e3 * count / wall_ms:g} qps")
                say(f"walltime: {wall_ms / 1e3:g} s")
        return
    if version == "8.5":
        say("* GPU compute time is unstable, with coefficient of variance = 2.9%.", "W")
    say("=== Performance summary ===")
    say(f"Throughput: {1e3 * count / wall_ms:g} qps")
    more = "percentile(99%) = {0:g} ms"
    if version != "8.2":
        more = "percentile(90%) = {0:g} ms, percentile(95%) = {0:g} ms, percentile(99%) = {0:g} ms"
    rows = [("Latency", host), ("Enqueue Time", 0.1), ("H2D Latency", 0.25), ("GPU Compute Time", compute)]
    if version == "8.2":
        rows.insert(1, ("End-to-End Host Latency", host + FULL_WAIT_MS))
    for name, median in rows:
        figures = f"min = {median:g} ms, max = {median:g} ms, mean = {median:g} ms, median = {median:g} ms, "
        say(f"{name}: {figures}{more.format(median)}")
    say(f"Total Host Walltime: {wall_ms / 1e3:g} s")


def main(version: str, mode: str, options: list[str]) -> int:
    command = f"TensorRT.trtexec{BANNERS[version]} # trtexec {' '.join(options)}"
    print(f"&&&& RUNNING {command}", flush=True)
    known = OPTIONS + MORE[version]
    if options == ["--help"]:
        print("\n".join(f"  --{name}=<value>" for name in known))
        return 0
    given = {}
    for option in options:
        name, _, value = option.removeprefix("--").partition("=")
        if name not in known:
            say(f"Unknown option: {option}", "E")
            return 1
        given[name] = value
    if version in NAMED:
        say(f"TensorRT version: {NAMED[version]}")
    if mode == "hang":
        time.sleep(600)
    if mode == "fail":
        say("[TRT] ModelImporter.cpp:773: While parsing node number 3 [MaxUnpool]:", "E")
        say("Failed to parse onnx file", "E")
        print(f"&&&& FAILED {command}")
        return 1
    if "loadEngine" in given:
        assert Path(given["loadEngine"]).read_text() == "engine"
        if mode == "notimes":
            del given["exportTimes"]
        timed(version, given)
    else:
        assert Path(given["onnx"]).stat().st_size > 0
        Path(given["saveEngine"]).write_text("engine")
    print(f"&&&& PASSED {command}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
