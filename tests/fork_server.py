"""Run as a program: imports what is heavy and not ours, then forks a process for each job on standard input.

A job is a line of JSON: ``words`` (a module or a script with its arguments), ``folder``, ``environment``, and the paths
of ``stdin``, ``stdout`` and ``stderr``; its process's id is answered at once, on a line of its own. To ``{"wait": ID}``
the exit code is answered once that process has ended; to ``{"poll": ID}`` at once, ``null`` where it runs.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import sys
import threading
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

LIBRARIES = (
    "torch", "torch._dynamo", "torch.onnx", "torchmetrics.functional.classification", "optuna", "pandas",
    "plotly.graph_objects", "onnxscript", "sklearn.datasets", "typer", "yaml", "PIL.Image",
)  # fmt: skip
"""None of them starts a thread when it is imported (onnxruntime does), so a fork of this process is whole."""


def main() -> None:
    """Serves until standard input ends; in a process of a job, runs that and ends with its exit code."""
    sys.path[:] = sys.path[1:]
    for name in LIBRARIES:
        with suppress(ImportError):
            import_module(name)
    threads = len([*Path("/proc/self/task").iterdir()])
    if threads > 1:
        raise SystemExit(f"{threads} threads: a fork would lack all but one")
    gc.freeze()
    while line := sys.stdin.readline():
        job = json.loads(line)
        if "words" not in job:
            _answer(_ended(job))
        elif process := os.fork():
            _answer(process)
        else:
            break
    else:
        return
    # As an interpreter ends that runs a program, except that it does not take libraries apart object by object.
    code: object = 0
    try:
        _run(job)
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _answer(value: int | None) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


def _ended(asked: dict[str, int]) -> int | None:
    """The exit code of a process, by which it is forgotten; ``None`` where it is not waited for and runs."""
    process, status = os.waitpid(
        asked.get("wait", asked.get("poll", 0)), 0 if "wait" in asked else os.WNOHANG
    )
    return os.waitstatus_to_exitcode(status) if process else None


def _run(job: dict[str, Any]) -> None:
    for stream, name, flags in (
        (0, "stdin", os.O_RDONLY),
        (1, "stdout", os.O_WRONLY),
        (2, "stderr", os.O_WRONLY),
    ):
        opened = os.open(job[name], flags | os.O_NOCTTY)
        os.dup2(opened, stream)
        os.close(opened)
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    program, *words = job["words"]
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:0] = [job["folder"], *paths]
    sys.argv = [program, *words]
    if program.endswith(".py"):
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
