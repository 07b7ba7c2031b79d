"""The process on the board that measures: looks at the board, runs the network, samples power meanwhile."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from analysis.board import facts, ortrun, trtexec
from analysis.board.conditions import conditions
from analysis.board.folder import remove
from analysis.board.frames import MODEL, REQUEST
from analysis.board.running import Load, RunError
from analysis.board.sampling import Sampler
from analysis.board.sensors import find_sensors

FORMAT = 1
TRTEXEC_SUMMARY = "this trtexec wrote no times of single queries; its median stands for all"


class Worker:
    """Answers one request in ``folder``."""

    def __init__(self, folder: Path, request: Dict[str, Any], out: int) -> None:
        self.folder = folder
        self.request = request
        self._out = out
        self._ends = time.monotonic() + request["timeout_s"]

    def say(self, message: Dict[str, Any]) -> None:
        """One line to the agent."""
        data = (json.dumps(message) + "\n").encode("ascii")
        while data:
            data = data[os.write(self._out, data) :]

    def on_progress(self, doing: str, share: float) -> None:
        """Tells what is being done and the share of it that is done."""
        self.say({"doing": doing, "share": round(share, 3)})

    def left(self) -> float:
        """Returns seconds until the time limit."""
        return max(0.0, float(self._ends - time.monotonic()))

    def doctor(self) -> Dict[str, Any]:
        """Returns everything that can be said of the board without running a network."""
        root = self.request["root"]
        self.on_progress("looking at the board", 0.0)
        sensors, missing = find_sensors(root)
        report = facts.board(root, self.request["trtexec"], self.folder)
        report["conditions"] = conditions(root)
        report["sensors"] = [sensor.describe() for sensor in sensors]
        report["missing"] = missing
        return report

    def measure(self) -> Dict[str, Any]:
        """Returns latency of each run, the power trace, the windows and the conditions around the timed runs."""
        request = self.request
        root = request["root"]
        sensors, missing = find_sensors(root) if request["power"] else ([], {})
        settle_s = max([sensor.settle_s for sensor in sensors] or [0.0])
        runner = self._runner()
        runner.prepare(self.on_progress, self.left)
        busy_cores = facts.busy_cores(root)
        watcher, cores = share_cores(request["threads"])
        sampler = Sampler(root, request["period_s"], watcher) if sensors else None
        if sampler is not None and watcher is not None:
            os.sched_setaffinity(0, cores)
        if sampler is not None:
            sampler.start()
        try:
            idle = self._idle(settle_s) if sampler is not None else None
            load = Load(
                runs=request["runs"], warmup=request["warmup"], warm_s=request["warm_s"], settle_s=settle_s,
                busy_s=request["busy_s"] if sampler is not None else 0.0, look=lambda: conditions(root),
            )  # fmt: skip
            timed = runner.run(load, self.on_progress, self.left)
        finally:
            trace = sampler.stop() if sampler is not None else None
        if request["power"]:
            missing = self._power_missing(missing, trace)
        if timed.summary_only:
            missing["samples"] = TRTEXEC_SUMMARY
        board = facts.board(root, request["trtexec"], self.folder, probe=False)
        board["busy_cores_before"] = busy_cores
        return {
            "format": FORMAT, "runtime": runner.name, "versions": runner.versions,
            "latency_ms": {"samples": timed.samples_ms}, "trace": None if trace is None else trace.to_dict(),
            "windows": {
                "idle": idle, "busy": [timed.start, timed.end], "runs_in_busy": timed.runs,
                "settle_s": max(0.0, settle_s - (timed.start - timed.load_start)),
            },
            "conditions_before": timed.before, "conditions_after": timed.after, "missing": missing,
            "board": board,
            "how": dict(timed.how, affinity=None if sampler is None else {"sampler": watcher, "network": cores}),
            "peak_memory_bytes": timed.peak_memory_bytes, "error": None,
        }  # fmt: skip

    def _power_missing(self, missing: Dict[str, str], trace: Any) -> Dict[str, str]:
        """Why there are no watts, or fewer than there should be."""
        if trace is None:
            said = "; ".join("%s: %s" % item for item in sorted(missing.items()))
            return {"power_w": said or "no power sensor was found"}
        return {"power_w": trace.error} if trace.error else {}

    def _runner(self) -> Any:
        request = self.request
        model = str(self.folder / MODEL)
        if request["runtime"] in ("trtexec", None):
            tool = trtexec.find_trtexec(request["trtexec"], request["root"])
            if tool is not None:
                return trtexec.Runner(tool, model, request["precision"])
            if request["runtime"] == "trtexec":
                raise RunError(
                    "no trtexec on the board (looked for %s)" % trtexec.looked_for(request["trtexec"])
                )
        return ortrun.Runner(model, request["precision"], request["threads"])

    def _idle(self, settle_s: float) -> Tuple[float, float]:
        """Waits out the filters after the preparation, then the idle window."""
        begin = time.monotonic()
        start, end = begin + settle_s, begin + settle_s + self.request["idle_s"]
        while time.monotonic() < end:
            self.on_progress("idle power", min(1.0, (time.monotonic() - begin) / (end - begin)))
            time.sleep(min(0.5, max(0.0, end - time.monotonic())))
        return start, end


def share_cores(threads: int) -> Tuple[Optional[int], List[int]]:
    """Returns a core for the process that samples, if one is left over, and those for the network."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[-1], cores[:-1]) if len(cores) > threads else (None, cores)


def main(folder: Path) -> int:
    """Answers the request in ``folder`` on standard output; ends with the agent."""
    out = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints goes to the log, not among our lines
    threading.Thread(target=_end_with_agent, args=(folder,), daemon=True).start()
    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    worker = Worker(folder, request, out)
    error: Optional[Dict[str, Any]] = None
    try:
        result = worker.doctor() if request["mode"] == "doctor" else worker.measure()
    except RunError as failure:
        error = {"error": str(failure), "kind": failure.kind}
    except OSError as failure:
        error = {"error": "%s: %s" % (failure.filename or folder, failure.strerror), "kind": "disk"}
    worker.say(error if error is not None else {"result": result})
    return 0


def _end_with_agent(folder: Path) -> None:
    """Standard input ends when the agent dies: nobody is left then to clean up but us."""
    while os.read(0, 1):
        pass
    group = os.getpgid(0)
    if os.fork() == 0:
        os.setsid()  # out of the group that is killed, us included; then nobody writes into the folder any more
        os.killpg(group, signal.SIGKILL)
        remove(folder)
        os._exit(0)
