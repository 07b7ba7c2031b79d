"""The kernels against float64: the tests of the interpreter, on the device."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.gpu.place import Place

TESTS = "tests/archspace/cuda"


def run(place: Place) -> None:
    """Writes how many tests passed, and the name of each that did not, also where the time was too short for all."""
    log = place.out / "kernels-tests.txt"
    workers = ["-n", "8", "--dist", "worksteal"] if find_spec("xdist") and not place.dry else ["-p", "no:xdist"]
    only = ["-k", "several_images or every_kernel"] if place.dry else []
    command = [sys.executable, "-m", "pytest", "-v", "--color=no", "--tb=short", TESTS, *workers, *only]
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=out, stderr=subprocess.STDOUT)
        try:
            code: int | None = process.wait(timeout=max(1.0, place.left()))
        except subprocess.TimeoutExpired:
            code = None
            process.kill()
            process.wait()
    lines = log.read_text(encoding="utf-8").splitlines()
    passed = sum(" PASSED" in line for line in lines)
    wrong = sorted({line.split("::", 1)[1].split(" ")[0] for line in lines if "FAILED" in line and "::" in line})
    place.note(what="tests", tests=TESTS, passed=passed, failed=wrong, exit_code=code, cut_short=code is None)
