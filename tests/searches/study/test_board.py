"""A study for TensorBoard: each trial is a run with its curves and its hyperparameters, whichever worker had it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.store.runs import read_run
from tests.commands import archspace, refused
from tests.searches.studies import write_study

pytest.importorskip("tensorboard")


@pytest.mark.slow
def test_every_trial_is_a_run_with_curves_and_hyperparameters(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    study, run = write_study(tmp_path, trials=3, workers=2), tmp_path / "run"
    result = archspace("search", study, "--out", run, "--tensorboard", "--json")
    assert result.returncode == 0, result.stderr
    trials = [one for one in read_run(run).trials if one.spec is not None]
    assert {one.name for one in (run / "tensorboard").iterdir()} == {one.label for one in trials}
    for trial in trials:
        events = EventAccumulator(str(run / "tensorboard" / trial.label)).Reload()
        for name, one in trial.measurements.items():
            (scalar,) = events.Scalars(f"trial/{name}")
            assert scalar.value == pytest.approx(one.value, rel=1e-6)
        if trial.state == "complete" and trial.duplicate_of is None:
            assert len(events.Scalars("train/loss")) == 2 and events.Scalars("epoch/loss"), (
                "64 images, 32 a step"
            )
        content = events.PluginTagToContent("hparams")
        started = HParamsPluginData.FromString(content["_hparams_/session_start_info"]).session_start_info
        assert started.hparams["unit"].string_value in ("eesp", "mobilenet", "shufflenetv2")
        assert started.hparams["width"].number_value == (trial.spec or {})["width"]
        assert started.hparams["state"].string_value == trial.state


def test_without_the_package_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("searches.training.tensorboard_log.find_spec", lambda _: None)
    result = archspace("search", write_study(tmp_path), "--out", tmp_path / "run", "--tensorboard")
    refused(result, "--tensorboard", "pip install 'archspace[tensorboard]'")
    assert not (tmp_path / "run").exists()
