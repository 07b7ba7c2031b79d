"""The kernels against float64: the tests of the interpreter, on the device."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.gpu.place import Place

TESTS = "tests/archspace/cuda"
ROOT = Path(__file__).parents[2]


def run(place: Place) -> None:
    """Writes how many tests passed, and the name of each that did not, also where the time was too short for all."""
    log = place.out / "kernels-tests.txt"
    workers = (
        ["-n", "8", "--dist", "worksteal"] if find_spec("xdist") and not place.dry else ["-p", "no:xdist"]
    )
    only = ["-k", "several_images"] if place.dry else []
    command = [sys.executable, "-m", "pytest", "-vv", "--color=no", "--tb=short", TESTS, *workers, *only]
    env = {**os.environ, "TRITON_INTERPRET": "1" if place.dry else "0"}
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=env)
        try:
            code: int | None = process.wait(timeout=max(1.0, place.left()))
        except subprocess.TimeoutExpired:
            code = None
            process.kill()
            process.wait()
    passed, failed = counted(log.read_text(encoding="utf-8"))
    place.note(
        what="tests", tests=TESTS, passed=passed, failed=failed, exit_code=code, cut_short=code is None
    )


def counted(text: str) -> tuple[int, list[str]]:
    """Returns how many tests passed and the names of those that did not, of what pytest says with ``-v`` until its end.

    With several processes the verdict stands before the name, else after it.
    """
    found = re.findall(r"(?:(PASSED|FAILED|ERROR) )?tests/\S+?::(\S+)(?: (PASSED|FAILED|ERROR))?", text)
    verdicts = {name: before or after for before, name, after in found if before or after}
    wrong = sorted(name for name, verdict in verdicts.items() if verdict != "PASSED")
    return len(verdicts) - len(wrong), wrong
