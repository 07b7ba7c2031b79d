"""A study that searches the INT8 form."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.quantities import QUANTITIES
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError
from searches.config.study import parse_config
from searches.study.data import fingerprinted, fixed_fields, open_data, task_on
from searches.study.gate import Gate
from searches.study.judge import Judge
from tests.searches.studies import tiny
from tests.searches.training.small_runs import StepCount

DATA = {"layout": "digits", "input_size": [8, 8], "channels": 1, "train": 64, "val": 60}


def judge_of(folder: Path, **data: int) -> tuple[Judge, ArchSpec]:
    config = parse_config(tiny(data={**DATA, **data}, objectives=["accuracy_int8", "top5_accuracy"]))
    sources = open_data(config)
    task = task_on(config, sources)
    fixed = {name: fixed_fields(config, task)[name] for name in ("classes", "channels", "input_size")}
    spec = ArchSpec.from_dict({"network": "espnetv2", "width": 0.25, "alphas": [0, 0, 0, 0], **fixed})
    return Judge(config, task, None, Gate(folder), fingerprinted(config, sources)), spec


def test_a_trial_is_judged_in_int8_too(tmp_path: Path) -> None:
    judge, spec = judge_of(tmp_path)
    known = judge.judge(spec, judge.config.training, 1, tmp_path / "0", StepCount())
    assert set(known) == {"accuracy", "accuracy_int8", "top5_accuracy"}
    one = known["accuracy_int8"]
    assert one.origin == "measured" and one.unit == "%" and abs(one.value - known["accuracy"].value) <= 15
    assert one.how["images"] == 60 and one.how["calibration_images"] == 64
    assert one.how["runtime"].startswith("ONNX Runtime") and "INT8" in one.how["form"]


def test_too_few_images_to_calibrate_are_one_line(tmp_path: Path) -> None:
    judge, spec = judge_of(tmp_path, train=12)
    with pytest.raises(FieldError, match="calibration: 12: too few images to calibrate INT8"):
        judge.judge(spec, judge.config.training, 1, tmp_path / "0", StepCount())


def test_a_runtime_without_int8_is_refused() -> None:
    with pytest.raises(FieldError, match=r"measure.runtime: 'torch': has no INT8 form, which accuracy_int8"):
        parse_config(tiny(objectives=["accuracy_int8", "macs"], measure={"runtime": "torch"}))
    with pytest.raises(FieldError, match="objectives: 'miou_int8'"):
        parse_config(tiny(objectives=["miou_int8", "macs"]))
    assert QUANTITIES["map_int8"].tasks == QUANTITIES["map"].tasks
