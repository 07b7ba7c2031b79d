"""A study killed at any moment ends with exactly the trials it would have had."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from analysis.records import TrialRecord
from analysis.runs import read_run
from tests.searches.studies import write_study

TIMES = ("started", "finished")


def _search(study: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "archspace", "search", str(study), "--out", str(out), *more]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def _facts(record: TrialRecord) -> dict[str, Any]:
    """What must repeat: all but times of day and measured latency."""
    data = {k: v for k, v in record.to_dict().items() if k not in TIMES}
    data["measurements"] = {k: v for k, v in data["measurements"].items() if k != "latency_ms"}
    return data


def _ended(folder: Path) -> list[dict[str, Any]]:
    return [_facts(record) for record in read_run(folder).trials]


@pytest.mark.slow
def test_killed_three_times_ends_as_if_never_stopped(tmp_path: Path, cache_folder: Path) -> None:
    study = write_study(tmp_path, given=["espnetv2-0.5"])
    whole = _search(study, tmp_path / "whole")
    assert whole.wait(240) == 0, whole.stderr and whole.stderr.read().decode()
    rng = random.Random(time.time_ns())
    for _ in range(3):
        process = _search(study, tmp_path / "killed")
        started = time.monotonic()
        delay = rng.uniform(1.0, 9.0)
        while time.monotonic() - started < delay and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    last = _search(study, tmp_path / "killed")
    assert last.wait(240) == 0, last.stderr and last.stderr.read().decode()
    assert _ended(tmp_path / "killed") == _ended(tmp_path / "whole")


@pytest.mark.slow
def test_killed_in_the_middle_of_training_takes_the_trial_up_again(
    tmp_path: Path, cache_folder: Path
) -> None:
    study = write_study(tmp_path, trials=2)
    process = _search(study, tmp_path / "run")
    folder = tmp_path / "run" / "trials" / "0"
    deadline = time.monotonic() + 60
    while not (folder / "lock").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert not (folder / "record.json").exists(), "the trial was still running"
    again = _search(study, tmp_path / "run")
    assert again.wait(240) == 0
    run = read_run(tmp_path / "run")
    assert [record.number for record in run.trials] == [0, 1]
    assert "trial 0: taken up again" in (tmp_path / "run" / "study.log").read_text()


@pytest.mark.slow
def test_ctrl_c_stops_with_one_line_and_two_workers_finish_the_rest(
    tmp_path: Path, cache_folder: Path
) -> None:
    study = write_study(tmp_path)
    process = _search(study, tmp_path / "run")
    deadline = time.monotonic() + 60
    while not list((tmp_path / "run" / "trials").glob("*/record.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"to go on: archspace search" in told
    assert b"Traceback" not in told
    before = _ended(tmp_path / "run")
    rest = _search(tmp_path / "run", tmp_path / "run", "--workers", "2")
    _, told = rest.communicate(timeout=300)
    assert rest.returncode == 0, told.decode()
    records = read_run(tmp_path / "run").trials
    assert sum(bool(r.values) for r in records) == 6
    assert [r.number for r in records] == list(range(len(records)))
    assert [_facts(r) for r in records][: len(before)] == before
