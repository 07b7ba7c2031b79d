"""The sampling process: its clock, its ends (sensor gone, killed, parent dead), and that no sample is made up."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.board import sampling
from analysis.board.base import Sensor
from analysis.board.sampling import Sampler, Trace
from tests.analysis.board.trees import NANO, TX2, Tree, iio
from tests.waiting import until


def lines(sampler: Sampler, kind: str) -> int:
    """How many lines of that kind the process has written: samples are "t"."""
    return sampling._contents(sampler._out).count(f'"{kind}"')


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return False


@pytest.fixture
def board(tmp_path: Path) -> Tree:
    return iio(tmp_path / "root", TX2)


def test_samples_reach_over_start_and_stop(board: Tree) -> None:
    started = time.monotonic()
    sampler = Sampler(str(board.root), 0.05)
    sampler.start()
    ready = time.monotonic()
    until(lambda: lines(sampler, "t") >= 5)
    asked = time.monotonic()
    trace = sampler.stop()
    assert trace.error is None
    assert started < trace.times[0] <= ready, "the first sample is taken before start returns"
    assert asked <= trace.times[-1] <= time.monotonic(), "the last one after stop is called"
    assert trace.times == sorted(trace.times)
    assert set(trace.watts) == set(board.rails)
    assert all(len(watts) == len(trace.times) for watts in trace.watts.values())
    assert Trace.from_dict(json.loads(json.dumps(trace.to_dict()))).to_dict() == trace.to_dict()
    assert (trace.total, trace.settle_s, trace.period_s) == (["VDD_IN"], pytest.approx(1.7), 0.05)


def test_late_samples_do_not_push_those_after_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a simulated clock: reading takes 7 ms, every fourth sample is 12 ms late, one 60 ms: the next is left out."""
    clock = Clock()
    monkeypatch.setattr(sampling, "time", clock)
    monkeypatch.setattr(sampling, "select", clock)
    sampling._sample([clock], 0.05)
    begun = [json.loads(line)["t"] - clock.READING / 2 for line in capsys.readouterr().out.splitlines()]
    late = {18: 0.06, **dict.fromkeys(range(3, 41, 4), clock.LATE)}
    expected = [0.05 * n + late.get(n, 0.0) for n in range(41) if n != 19]
    assert begun == pytest.approx(expected)


class Clock(Sensor):
    """Time that passes only while the sensor is read and while one waits."""

    READING, LATE = 0.007, 0.012
    name, rails = "simulated", ["VDD_IN"]

    def __init__(self) -> None:
        self.now, self.waits = 0.0, 0

    def monotonic(self) -> float:
        return self.now

    def read(self) -> dict[str, float]:
        self.now += self.READING
        return {"VDD_IN": 1.0}

    def select(self, reads: list[object], _: object, __: object, wait_s: float) -> tuple[list[object], ...]:
        self.waits += 1
        due = round((self.now + wait_s) / 0.05)
        self.now = 0.05 * due + (self.LATE if due % 4 == 3 else 0.06 if due == 18 else 0.0)
        return (reads if due == 40 else [], [], [])


def test_it_runs_on_the_core_that_was_asked_for(board: Tree) -> None:
    core = max(os.sched_getaffinity(0))
    sampler = Sampler(str(board.root), 0.05, cpu=core)
    sampler.start()
    assert os.sched_getaffinity(sampler.pid) == {core}
    assert "affinity" not in sampler.stop().missing


def test_a_core_that_is_not_there_is_named(board: Tree) -> None:
    sampler = Sampler(str(board.root), 0.05, cpu=4000)
    sampler.start()
    trace = sampler.stop()
    assert trace.missing["affinity"].startswith("core 4000: ")
    assert len(trace.times) >= 2


def vanish(board: Tree) -> None:
    shutil.rmtree(board.root / "sys/devices")


def refuse(board: Tree) -> None:
    path = board.rails["VDD_IN"]
    path.unlink()
    path.mkdir()


def empty(board: Tree) -> None:
    board.rails["VDD_IN"].write_text("")


@pytest.mark.parametrize(
    ("end", "said"),
    [(vanish, "no such file or directory"), (refuse, "is a directory"), (empty, "must hold a number")],
)
def test_a_sensor_that_goes_ends_sampling_and_leaves_what_was(
    board: Tree, end: Callable[[Tree], None], said: str
) -> None:
    sampler = Sampler(str(board.root), 0.02)
    sampler.start()
    until(lambda: lines(sampler, "t") >= 3)
    end(board)
    pid = sampler.pid
    until(lambda: not alive(pid))
    trace = sampler.stop()
    assert trace.error is not None
    assert trace.error.startswith("ina3221 gone: ")
    assert said in trace.error.lower()
    assert trace.lost == 3
    assert len(trace.times) >= 3
    assert {watts for samples in trace.watts.values() for watts in samples} == {1.0}, (
        "no 0 for what was not read"
    )


@pytest.mark.slow
def test_a_rail_that_cannot_be_read_for_a_moment_loses_samples_only(board: Tree) -> None:
    path = board.rails["VDD_IN"]
    sampler = Sampler(str(board.root), 1.0)  # time enough to be back before the next sample
    sampler.start()
    path.write_text("")
    until(lambda: lines(sampler, "lost") >= 1)
    path.write_text("1000\n")
    taken = lines(sampler, "t")
    until(lambda: lines(sampler, "t") > taken)
    trace = sampler.stop()
    assert trace.error is None
    assert trace.lost in (1, 2)
    assert set(trace.watts["VDD_IN"]) == {1.0}


def test_a_killed_sampler_leaves_what_it_had(board: Tree) -> None:
    sampler = Sampler(str(board.root), 0.02)
    sampler.start()
    until(lambda: lines(sampler, "t") >= 3)
    os.kill(sampler.pid, signal.SIGKILL)
    trace = sampler.stop()
    assert trace.error == "sampler: killed by signal 9"
    assert len(trace.times) >= 3
    assert trace.watts["VDD_IN"] == [1.0] * len(trace.times)


def test_ctrl_c_is_left_to_the_parent(board: Tree) -> None:
    sampler = Sampler(str(board.root), 0.02)
    sampler.start()
    os.kill(sampler.pid, signal.SIGINT)
    taken = lines(sampler, "t")
    until(lambda: lines(sampler, "t") > taken + 1)
    assert sampler.stop().error is None


def test_no_sensor_is_said(tmp_path: Path) -> None:
    sampler = Sampler(str(tmp_path), 0.05)
    sampler.start()
    trace = sampler.stop()
    assert trace.error is not None
    assert trace.error.startswith("no power sensor: ")
    assert (trace.times, trace.watts) == ([], {})
    assert set(trace.missing) == {"ina3221", "tegrastats", "rapl"}


def test_a_chip_that_changes_its_mode_meanwhile_must_settle(tmp_path: Path) -> None:
    tree = iio(tmp_path, NANO, mode=0)
    sampler = Sampler(str(tmp_path), 0.05)
    sampler.start()
    for path in tree.root.rglob("running_mode"):
        path.write_text("1\n")
    trace = sampler.stop()
    assert trace.sensors[0]["chips"][0]["running_mode"] == 0
    assert trace.sensors[0]["after"]["chips"][0]["running_mode"] == 1
    assert trace.settle_s == pytest.approx(1.7)


PARENT = """
import os, sys, time
from analysis.board.sampling import Sampler
sampler = Sampler(sys.argv[1], 0.05)
sampler.start()
print(sampler.pid, flush=True)
"""


def test_it_ends_when_its_parent_is_killed(board: Tree) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT + "time.sleep(600)", str(board.root)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not alive(pid))


def test_a_fork_of_the_parent_does_not_hold_it(board: Tree) -> None:
    # Were the fork to hold it, stop would give it up and say so.
    fork = (
        "child = os.fork()\nif child == 0:\n    os.close(1)\n    time.sleep(600)\n    os._exit(0)\n"
        "trace = sampler.stop()\nos.kill(child, 9)\nprint(trace.error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", PARENT + fork, str(board.root)], stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout.splitlines()[1] == "None"
