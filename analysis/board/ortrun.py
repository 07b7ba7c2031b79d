"""ONNX Runtime on the board, for boards without trtexec."""

import json
import resource
import subprocess
import sys
import time
from typing import Any, Dict, List

from analysis.board.running import Left, Load, OnProgress, RunError, Timed

PROBE_S = 60.0
PROBE = """
import json, numpy, onnxruntime
found = {"version": onnxruntime.__version__, "numpy": numpy.__version__}
found["providers"] = onnxruntime.get_available_providers()
print(json.dumps(found))
"""
PREFERRED = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16"}


def probe() -> Dict[str, Any]:
    """Versions of onnxruntime and numpy and the execution providers, or ``error``.

    In a process of its own: numpy 1.19.5 on a TX2 may die of an illegal instruction when it is imported.
    """
    try:
        ran = subprocess.run(
            [sys.executable, "-c", PROBE], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=PROBE_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"error": "importing onnxruntime takes more than %g s" % PROBE_S}
    if ran.returncode < 0:
        return {
            "error": "importing onnxruntime ends by signal %d; try OPENBLAS_CORETYPE=ARMV8" % -ran.returncode
        }
    if ran.returncode:
        return {"error": (ran.stderr.decode("utf-8", "replace").strip().splitlines() or ["?"])[-1]}
    return dict(json.loads(ran.stdout.decode("ascii").strip().splitlines()[-1]))


class Runner:
    """Runs one ONNX file.

    Attributes:
        name, versions: for the record; ``versions`` after :meth:`prepare`.
    """

    name = "onnxruntime"

    def __init__(self, model: str, precision: str, threads: int) -> None:
        if precision != "float32":
            raise RunError(
                "precision %s: onnxruntime runs the file as it is; without trtexec the board does float32"
                % precision,
                "request",
            )
        self.versions: Dict[str, Any] = {}
        self._model = model
        self._threads = threads
        self._session: Any = None
        self._inputs: Dict[str, Any] = {}

    def prepare(self, on_progress: OnProgress, left: Left) -> None:
        """Opens the model, so that the idle window has it in memory.

        Raises:
            RunError: there is no onnxruntime, or it cannot open the model.
        """
        on_progress("opening the model in onnxruntime", 0.0)
        self.versions = probe()
        if "error" in self.versions:
            raise RunError("neither trtexec nor onnxruntime on the board: %s" % self.versions["error"])
        import numpy
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        providers = [name for name in PREFERRED if name in self.versions["providers"]]
        try:
            self._session = onnxruntime.InferenceSession(self._model, options, providers=providers)
        except Exception as error:  # onnxruntime has no base class for its errors
            raise RunError("onnxruntime cannot open the model: %s" % " ".join(str(error).split())) from error
        random = numpy.random.RandomState(0)
        for given in self._session.get_inputs():
            if given.type not in TYPES or not all(isinstance(side, int) for side in given.shape):
                raise RunError(
                    "input %s is %s of shape %s" % (given.name, given.type, given.shape), "request"
                )
            self._inputs[given.name] = random.standard_normal(given.shape).astype(TYPES[given.type])

    def run(self, load: Load, on_progress: OnProgress, left: Left) -> Timed:
        """Warm-up until the filters have settled, then timed runs until both counts are met.

        Raises:
            RunError: the time limit passed.
        """
        begin = time.monotonic()
        done = 0
        said = begin
        while done < load.warmup or time.monotonic() - begin < max(load.warm_s, load.settle_s):
            self._once()
            done += 1
            said = _now_and_then(on_progress, "warm-up", done / float(max(1, load.warmup)), said)
            _check(left)
        before = load.look()
        samples: List[float] = []
        start = said = time.monotonic()
        while len(samples) < load.runs or time.monotonic() - start < load.busy_s:
            samples.append(self._once())
            said = _now_and_then(on_progress, "timed runs", len(samples) / float(load.runs), said)
            _check(left)
        timed = Timed(samples, begin, start, time.monotonic(), len(samples))
        timed.before, timed.after = before, load.look()
        timed.how = {"warmed": done, "providers": self._session.get_providers()}
        timed.peak_memory_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return timed

    def _once(self) -> float:
        start = time.perf_counter()
        self._session.run(None, self._inputs)
        return 1e3 * (time.perf_counter() - start)


def _now_and_then(on_progress: OnProgress, doing: str, share: float, said: float) -> float:
    """Tells at most twice a second; when it last did."""
    now = time.monotonic()
    if now - said < 0.5:
        return said
    on_progress(doing, min(1.0, share))
    return now


def _check(left: Left) -> None:
    if left() <= 0:
        raise RunError("onnxruntime: the time limit passed", "timeout")
