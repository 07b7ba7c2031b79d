"""While one process of a study measures, the others stand still; one that is killed holds up nobody."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from archspace.build import build
from archspace.spec.archspec import ArchSpec
from archspace.support.files import write_text
from searches.config.recipe import Recipe
from searches.study.gate import Gate
from searches.training.loop import Callback, Step, fit
from tests.commands import environment
from tests.searches.training.small_runs import CLASSIFIER, CPU, task_of
from tests.waiting import until

pytestmark = pytest.mark.slow

WORKER = """
import sys, time
from pathlib import Path
from searches.study.gate import Gate
gate, steps = Gate(Path(sys.argv[1])), Path(sys.argv[2])
with gate.working():
    for step in range(100_000):
        steps.write_text(str(step))
        gate.pause()
        time.sleep(0.001)
"""
MEASURER = """
import sys, time
from pathlib import Path
from searches.study.gate import Gate
with Gate(Path(sys.argv[1])).closed("trial 7"):
    print("closed", flush=True)
    time.sleep(600)
"""


@contextmanager
def process(code: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", code, *map(str, words)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def test_a_worker_stands_still_while_another_measures_and_then_goes_on(tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    with process(WORKER, tmp_path, steps) as worker:
        until(steps.is_file)
        with Gate(tmp_path).closed("trial 7") as moving:
            assert moving == ()
            held = steps.read_text()
            time.sleep(0.3)
            assert steps.read_text() == held, "not one step"
        until(lambda: steps.read_text() not in ("", held))
        with Gate(tmp_path).closed("trial 8"):
            worker.kill()
            worker.wait()
        with Gate(tmp_path).closed("trial 9") as moving:
            assert moving == (), "a killed worker is not waited for"


def test_a_killed_measurer_holds_up_nobody(tmp_path: Path) -> None:
    reasons: list[str | None] = []
    gate = Gate(tmp_path, reasons.append)
    with process(MEASURER, tmp_path) as measurer:
        assert measurer.stdout is not None and measurer.stdout.readline() == "closed\n"
        entered = threading.Event()

        def work() -> None:
            with gate.working():
                entered.set()

        thread = threading.Thread(target=work)
        thread.start()
        until(lambda: bool(reasons))
        assert reasons == ["paused: trial 7 is measured"] and not entered.is_set()
        measurer.kill()
        measurer.wait()
        thread.join(60)
    assert entered.is_set() and reasons[-1] is None


def test_a_worker_that_does_not_come_to_its_next_step_is_told(tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    with process(WORKER, tmp_path, steps) as worker:
        until(steps.is_file)
        worker.send_signal(signal.SIGSTOP)
        with Gate(tmp_path, patience_s=0.2).closed("trial 7") as moving:
            assert moving == (f"load: process {worker.pid} of this study went on working meanwhile",)


def test_time_in_which_a_run_stood_still_is_no_training_time() -> None:
    class Halts(Callback):
        steps = 0
        total = 0.0

        def step(self, step: Step) -> None:
            self.steps += 1

        def pause(self) -> float:
            begin = time.monotonic()
            time.sleep(0.25)
            self.total += time.monotonic() - begin
            return time.monotonic() - begin

    halts = Halts()
    network = build(ArchSpec.from_dict(CLASSIFIER))
    begin = time.monotonic()
    epochs = fit(network, task_of(CLASSIFIER), Recipe(epochs=1, batch=4), seed=0, device=CPU, callback=halts)
    wall = time.monotonic() - begin
    assert halts.steps > 2
    assert epochs[0].seconds <= wall - 0.9 * halts.total
    assert epochs[0].seconds > 0


def test_a_sign_that_a_killed_measurer_left_is_taken_away(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    with gate.closed("trial 1"):
        sign = next(tmp_path.rglob("gate.json"))
    write_text(sign, '{"what": "trial 1", "process": 1}\n')
    with gate.working():
        assert not sign.exists()
