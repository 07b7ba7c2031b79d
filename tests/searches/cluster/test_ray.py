"""Studies whose networks are trained by tasks of a Ray cluster: a real one, on this machine."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from analysis.store.records import TrialRecord
from analysis.store.runs import read_run
from searches.cluster import ray_engine
from searches.cluster.task import Told
from searches.config.study import parse_config
from searches.study.bracket import AT
from searches.study.claims import Ours
from searches.study.run import LOCAL, Engine, run_study
from searches.training.loop import Callback, Step
from searches.training.resume import STATE_FILE
from tests.searches.studies import tiny

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cache_folder")]
RAY = Engine("ray")


def records(folder: Path) -> list[TrialRecord]:
    """What a study came to, but for when."""
    return [
        replace(
            record, started=None, finished=None,
            rungs={k: replace(one, how={**one.how, AT: None}) for k, one in record.rungs.items()},
        )
        for record in read_run(folder).trials
    ]  # fmt: skip


def assert_same_weights(one: Path, other: Path) -> None:
    """Bit by bit, of every trial."""
    files = sorted(one.glob("trials/*/weights.safetensors"))
    assert files
    for weights in files:
        theirs = load_file(other / weights.relative_to(one))
        for name, tensor in load_file(weights).items():
            assert torch.equal(tensor, theirs[name]), (weights, name)


def ran(folder: Path, engine: Engine = LOCAL, **changes: Any) -> Path:
    run_study(parse_config(tiny(**changes)), folder, progress=False, engine=engine)
    return folder


def test_a_trial_goes_on_in_the_cluster_from_where_it_was_stopped_here(
    ray_cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: dict[str, Any] = {"trials": 1, "training": {"epochs": 6, "batch": 32, "flip": False}}
    whole = ran(tmp_path / "whole", **changes)

    def stopping(self: Ours, step: Step) -> None:
        if step.epoch == 4:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Ours, "step", stopping)
        ran(tmp_path / "run", **changes)
    assert len(list((tmp_path / "run").glob(f"trials/*/{STATE_FILE}"))) == 1
    begun: list[int] = []
    monkeypatch.setattr(Ours, "begun", lambda self, done: begun.append(len(done)))
    ran(tmp_path / "run", RAY, **changes)
    assert begun == [3]
    assert_same_weights(whole, tmp_path / "run")


def test_a_lost_node_costs_no_trial_and_the_records_are_those_of_the_local_engine(
    ray_cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    changes: dict[str, Any] = {
        "trials": 2, "judging": {"rungs": [1]}, "training": {"epochs": 3, "batch": 32, "flip": False},
    }  # fmt: skip
    here = ran(tmp_path / "here", **changes)
    passed_on, killed = ray_engine._passed_on, list[int]()

    def killing(told: Told, callback: Callback) -> None:
        passed_on(told, callback)
        if told.epoch is not None and not killed:
            (worker,) = workers_that_train()
            killed.append(worker)
            os.kill(worker, signal.SIGKILL)

    monkeypatch.setattr(ray_engine, "_passed_on", killing)
    there = ran(tmp_path / "there", RAY, **changes)
    assert killed and "its node was lost" in (there / "study.log").read_text()
    assert records(here) == records(there)
    assert_same_weights(here, there)


def workers_that_train() -> list[int]:
    """Processes of the cluster that have a task of ours."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if words.startswith(b"ray::") and b"trial" in words:
            found.append(int(path.parent.name))
    return found
