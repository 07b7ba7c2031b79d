"""Trials measured on a device: once for each network, later where the device was away, the front once more."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from analysis.board.sensors import find_sensors
from analysis.devices.base import DeviceAway
from analysis.devices.opening import open_device
from analysis.devices.settings import Settings
from analysis.store.runs import read_run
from archspace.__main__ import make_app
from archspace.build import build
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from reports.frames.trials import trial_frame
from searches.config.source import read_study
from searches.study.measurer import Measurer, waits
from searches.study.run import run_study
from tests.analysis.devices.sshd import SSHD, Board
from tests.searches.studies import write_study

LOOSE = {"runs": 5, "warmup": 1, "spread": 100.0, "drift": 100.0}
SPEC = ArchSpec("espnetv2", width=0.25, classes=10, channels=1, input_size=(32, 32))


@pytest.fixture
def board(tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """A board on loopback that is off."""
    if not Path(SSHD).exists():
        pytest.skip(f"no {SSHD}: apt-get install openssh-server openssh-client")
    made = Board(tmp_path / "board")
    monkeypatch.setenv("ARCHSPACE_SSH_CONFIG", str(made.config))
    yield made
    made.stop()


def quick(**changes: Any) -> Settings:
    return Settings(power=False, runs=5, warmup=1, spread=100.0, drift=100.0, **changes)


def run(path: Path, out: Path, **changes: Any) -> None:
    run_study(*read_study(str(path), changes, out))


def test_a_network_is_measured_once_on_a_device_and_again_with_other_settings(cache_folder: Path) -> None:
    network = build(SPEC)
    first = Measurer(open_device("cpu"), quick(), frozenset({"latency_ms"}))
    before = first.measured(network)["latency_ms"]
    assert Measurer(open_device("cpu"), quick(), first.wanted).measured(build(SPEC))["latency_ms"] == before
    assert first.measured(network, fresh=True)["latency_ms"].how != before.how
    other = Measurer(open_device("cpu"), quick(threads=2), first.wanted).measured(network)["latency_ms"]
    assert other.how["record"]["how"]["threads"] == 2
    assert len(list(cache_folder.glob("measurements/*/*.json"))) == 2


def test_an_unstable_record_is_reported_and_not_kept(cache_folder: Path) -> None:
    shaky = Settings(power=False, runs=9, warmup=1, spread=1e-9, attempts=2)
    latency = Measurer(open_device("cpu"), shaky, frozenset()).measured(build(SPEC))["latency_ms"]
    assert latency.how["stable"] is False and latency.how["record"]["attempts"] == 2
    assert not list(cache_folder.glob("measurements/*/*.json"))


def test_waits_grow_and_end() -> None:
    assert waits(0) == []
    assert waits(1e3)[:3] == [2.0, 4.0, 8.0]
    assert sum(waits(1e3)) == pytest.approx(1e3) and max(waits(1e3)) <= 60


@pytest.mark.slow
def test_the_front_is_measured_again_and_both_numbers_are_shown(tmp_path: Path, cache_folder: Path) -> None:
    out = tmp_path / "run"
    path = write_study(tmp_path, objectives=["accuracy", "latency_ms"], trials=3, measure=LOOSE)
    run(path, out)
    study = read_run(out)
    frame = trial_frame(study)
    remeasured = {t.label: t.remeasured["latency_ms"].value for t in study.trials if t.remeasured}
    assert set(remeasured) == set(frame.loc[frame["on_front"] & frame["duplicate_of"].isna(), "label"])
    assert frame.loc[frame["label"].isin(remeasured), "latency_ms_again"].tolist() == [
        remeasured[label] for label in frame["label"] if label in remeasured
    ]
    first = {t.label: t.measurements["latency_ms"].value for t in study.trials if t.remeasured}
    assert all(remeasured[label] != first[label] for label in remeasured)
    shown = CliRunner().invoke(make_app(), ["pareto", str(out), "--out", str(tmp_path / "plots")])
    assert shown.exit_code == 0 and "again" in shown.output
    run(path, out)
    assert {
        t.label: t.remeasured["latency_ms"].value for t in read_run(out).trials if t.remeasured
    } == remeasured


def test_trials_wait_for_a_board_that_is_away_and_are_not_trained_twice(board: Board, tmp_path: Path) -> None:
    out, device = tmp_path / "run", f"ssh://{getpass.getuser()}@127.0.0.1:{board.port}"
    measure = {**LOOSE, "device": device, "wait_s": 0.0}
    path = write_study(tmp_path, objectives=["accuracy", "latency_ms"], trials=2, measure=measure)
    with pytest.raises(InputError, match=r"is away; its trials are trained and wait"):
        run(path, out)
    with pytest.raises(InputError, match="no finished trial"):
        read_run(out)
    weights = {file: file.stat().st_mtime_ns for file in out.glob("trials/*/weights.safetensors")}
    assert len(weights) == 2
    board.start()
    run(path, out)
    study = read_run(out)
    assert [trial.state for trial in study.trials] == ["complete", "complete"]
    assert all(t.measurements["latency_ms"].how["device"] == device for t in study.trials)
    assert {file: file.stat().st_mtime_ns for file in weights} == weights
    assert all(json.loads((file.parent / "record.json").read_text())["values"] for file in weights)


def test_a_device_that_is_away_says_so(board: Board) -> None:
    device = open_device(f"ssh://{getpass.getuser()}@127.0.0.1:{board.port}")
    with pytest.raises(DeviceAway):
        Measurer(device, quick(), frozenset({"latency_ms"})).measured(build(SPEC))


def test_a_study_for_energy_on_a_machine_that_cannot_tell_it_ends_at_once(tmp_path: Path) -> None:
    if any(sensor.total for sensor in find_sensors()[0]):
        pytest.skip("this machine has a sensor")
    out = tmp_path / "run"
    path = write_study(tmp_path, objectives=["accuracy", "energy_mj"], measure=LOOSE)
    with pytest.raises(InputError, match=r"energy_mj: .*cpu cannot measure it"):
        run(path, out)
    assert not out.exists()
