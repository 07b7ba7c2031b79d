"""A trial whose process ended in the middle of its training goes on from its last state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from archspace.spec.archspec import ArchSpec
from searches.config.study import StudyConfig, parse_config
from searches.study import judge as judging
from searches.study.data import fingerprinted, fixed_fields, open_data, task_on
from searches.study.gate import Gate
from searches.study.judge import Judge
from searches.training.resume import STATE_FILE
from tests.searches.studies import tiny
from tests.searches.training.small_runs import KillAt, Killed, StepCount

DATA = {"layout": "digits", "input_size": [8, 8], "channels": 1, "train": 24, "val": 12}
TRAINING = {"epochs": 3, "batch": 8, "flip": False, "ema": 0.5}


def judge_of(folder: Path, **training: Any) -> tuple[Judge, StudyConfig, ArchSpec]:
    config = parse_config(tiny(data=DATA, training={**TRAINING, **training}))
    sources = open_data(config)
    task = task_on(config, sources)
    fixed = {name: fixed_fields(config, task)[name] for name in ("classes", "channels", "input_size")}
    spec = ArchSpec.from_dict({"network": "espnetv2", "width": 0.25, "alphas": [0, 0, 0, 0], **fixed})
    return Judge(config, task, None, Gate(folder), fingerprinted(config, sources)), config, spec


def test_a_killed_trial_is_not_trained_from_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "SAVE_SECONDS", 0.0)  # as if each step took half a minute
    judge, config, spec = judge_of(tmp_path)
    whole, steps = (
        judge.judge(spec, config.training, 1, tmp_path / "whole", count := StepCount()),
        count.steps,
    )
    with pytest.raises(Killed):
        judge.judge(spec, config.training, 1, tmp_path / "0", KillAt(5))
    assert (tmp_path / "0" / STATE_FILE).is_file()
    again = judge.judge(spec, config.training, 1, tmp_path / "0", more := StepCount())
    assert more.steps == steps - 4, "the step in which it was killed is the one that is done again"
    assert again["accuracy"].value == whole["accuracy"].value
    weights, expected = (load_file(tmp_path / name / "weights.safetensors") for name in ("0", "whole"))
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights.items())
    assert not list(tmp_path.rglob(STATE_FILE)), "what has ended needs none"


def test_a_state_that_is_of_no_use_costs_no_more_than_a_new_start(tmp_path: Path) -> None:
    judge, config, spec = judge_of(tmp_path)
    judge.rung(spec, config.training, 1, tmp_path / "0", StepCount(), 1)
    judge.rung(spec, config.training, 2, tmp_path / "other", StepCount(), 1)
    for content in (b"PK\x03\x04 cut", (tmp_path / "other" / STATE_FILE).read_bytes()):
        (tmp_path / "0" / STATE_FILE).write_bytes(content)
        there = judge.rung(spec, config.training, 1, tmp_path / "0", steps := StepCount(), 2)
        assert steps.steps == 6 and there["accuracy"].how["epochs"] == 2


def test_a_rung_measures_nothing_and_keeps_the_state(tmp_path: Path) -> None:
    judge, config, spec = judge_of(tmp_path)
    judge.rung(spec, config.training, 1, tmp_path / "0", first := StepCount(), 1)
    judge.rung(spec, config.training, 1, tmp_path / "0", second := StepCount(), 2)
    judge.judge(spec, config.training, 1, tmp_path / "0", last := StepCount())
    assert (first.steps, second.steps, last.steps) == (3, 3, 3)
    assert len((tmp_path / "0" / "history.csv").read_text().splitlines()) == 1 + 3
