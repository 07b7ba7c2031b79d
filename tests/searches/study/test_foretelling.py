"""Limits on the latency, first on what is predicted: surely broken ones cost no training, others are measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from analysis.predictors.many import ManyNetworks
from analysis.store.constraints import PlainLimits
from analysis.store.records import Measurement, TrialRecord
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from searches.config.parts import MeasureConfig
from searches.judging.features import COUNTED
from searches.judging.latency import latency_predictor
from searches.study.foretelling import Forecast
from searches.study.pool import encoder_of
from searches.study.screening import Screen
from searches.study.space import SearchSpace
from tests.commands import archspace
from tests.searches.calibrated import calibrated
from tests.searches.studies import TINY, tiny

FIXED = {"task": "classification", "classes": 10, "input_size": [8, 8], "channels": 1}
SCREEN = Screen(SearchSpace(TINY["space"], FIXED), {})
NETWORKS = [one for one in SCREEN.drawn(60, 0, COUNTED) if one is not None]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A predictor of this machine that knows the tiny study's networks, off by 5 % as it says."""
    path = tmp_path_factory.mktemp("predictor") / "cpu.json"
    calibrated([one.spec for one in NETWORKS], path)
    return path


def forecast(limits: PlainLimits, latency: ManyNetworks | None = None) -> Forecast:
    return Forecast({"latency_ms": limits}, encoder_of(SCREEN, 0), latency, 0)


def measured(spec: ArchSpec, number: int, ms: float) -> TrialRecord:
    one = Measurement("latency_ms", ms, "ms", "measured")
    return TrialRecord(
        label=str(number), number=number, state="complete", spec=spec.to_dict(), arch_id=spec.arch_id,
        values={"accuracy": 50.0}, measurements={"latency_ms": one},
    )  # fmt: skip


def test_very_many_networks_are_predicted_as_one_is(predictor: Path) -> None:
    many = latency_predictor(str(predictor))
    specs = [one.spec for one in NETWORKS[:20]]
    together = many.latencies(specs)
    assert together == pytest.approx([many.made.predict(spec).value for spec in specs])
    assert many.latencies(specs[::-1]) == pytest.approx(together[::-1])
    other = ArchSpec("espnet-c", classes=8, input_size=(96, 128))
    assert np.isnan(many.latencies([specs[0], other])[1]) and many.latencies([]).shape == (0,)


def test_what_a_predictor_says_to_break_a_limit_by_more_than_its_error_is_not_worth_training(
    predictor: Path,
) -> None:
    many = latency_predictor(str(predictor))
    spec = NETWORKS[0].spec
    ms = float(many.latencies([spec])[0])
    assert forecast(PlainLimits(max=ms / 1.04), many).broken(spec, []) is None  # within the error of 5 %
    found = forecast(PlainLimits(max=ms / 1.06), many).broken(spec, [])
    assert (
        found is not None
        and "but is predicted as" in found.reason
        and "(error 5.0%); not trained" in found.reason
    )
    assert found.predicted["latency_ms"].origin == "predicted"
    assert forecast(PlainLimits(min=ms * 1.06), many).broken(spec, []) is not None
    assert forecast(PlainLimits(min=ms * 1.04), many).broken(spec, []) is None


def test_trials_that_were_measured_say_it_where_there_is_no_predictor() -> None:
    different = list({one.spec.arch_id: one for one in NETWORKS}.values())
    times = {one.spec.arch_id: 0.1 + one.counts["macs"] / 1e6 for one in different}
    records = [measured(one.spec, i, times[one.spec.arch_id]) for i, one in enumerate(different[:20])]
    limits = PlainLimits(max=0.15)
    slow = max(different[20:], key=lambda one: times[one.spec.arch_id])
    quick = min(different[20:], key=lambda one: times[one.spec.arch_id])
    one = forecast(limits)
    assert one.broken(slow.spec, records[:7]) is None  # too few to state an error
    found = one.broken(slow.spec, records)
    assert found is not None and found.predicted["latency_ms"].value == pytest.approx(
        times[slow.spec.arch_id], rel=0.2
    )
    assert found.predicted["latency_ms"].how["left_out"]["networks"] == 20
    assert one.broken(quick.spec, records) is None


@pytest.mark.parametrize(
    ("measure", "problem"),
    [
        ({"device": "ssh://board"}, "predicts this machine's CPU; the study measures on ssh://board"),
        (
            {"runtime": "onnxruntime"},
            "predicts torch .* the study measures with onnxruntime; nearest valid: measure",
        ),
        ({"runtime": "torch", "threads": 2}, "is of another device: threads 1 .*here 2"),
        ({"runtime": "torch", "precision": "float16"}, "is of another device: precision 'float32'"),
    ],
)
def test_a_predictor_of_another_device_is_refused(
    predictor: Path, measure: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        latency_predictor(str(predictor), MeasureConfig(**measure))
    latency_predictor(str(predictor), MeasureConfig(runtime="torch"))


@pytest.mark.slow
def test_a_study_trains_nothing_that_surely_breaks_its_limit(predictor: Path, tmp_path: Path) -> None:
    study = tiny(
        objectives=["accuracy", "macs"], constraints={"latency_ms": {"max": 1e-3}},
        judging={"latency": str(predictor)}, measure={"runtime": "torch", "runs": 5, "warmup": 1}, trials=30,
    )  # fmt: skip
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    ran = archspace("search", "study.yaml", "--out", "run", cwd=tmp_path)
    last = ran.stderr.splitlines()[-1]
    assert ran.returncode == 2 and "40 networks in a row are predicted to break a limit" in last, ran.stderr
    assert "constraint latency_ms <= 0.001 but is predicted as" in last
    records = [json.loads(path.read_text()) for path in (tmp_path / "run" / "trials").glob("*/record.json")]
    assert len(records) == 40 and {one["state"] for one in records} == {"infeasible"}
    assert {one["measurements"]["latency_ms"]["origin"] for one in records} == {"predicted"}
    assert not list((tmp_path / "run" / "trials").glob("*/*.safetensors"))
