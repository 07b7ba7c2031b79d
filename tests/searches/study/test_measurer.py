"""Trials measured on a device: once for each network, later where the device was away, the front once more."""

from __future__ import annotations

import csv
import getpass
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.board.sensors import find_sensors
from analysis.devices.base import DeviceAway
from analysis.devices.opening import open_device
from analysis.devices.settings import Settings
from analysis.devices.target import Target
from analysis.runtimes import RUNTIMES
from analysis.store.runs import read_run
from archspace.build import build
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from reports.frames.trials import trial_frame
from searches.config.source import read_study
from searches.study.measurer import Measurer, waits
from searches.study.measuring import measure_deployed
from searches.study.results import StudyResults
from searches.study.run import run_study
from searches.study.run_folder import check_folder, with_runtime
from tests.analysis.devices.sshd import SSHD, Board
from tests.commands import archspace
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


@pytest.mark.slow
def test_a_network_is_measured_once_on_a_device_and_again_with_other_settings(cache_folder: Path) -> None:
    network = build(SPEC)
    first = Measurer(open_device("cpu"), quick(), frozenset({"latency_ms"}))
    before = first.measured(network)["latency_ms"]
    cached = Measurer(open_device("cpu"), quick(), first.wanted).measured(build(SPEC))["latency_ms"]
    assert cached.value == before.value
    assert cached.how["from_cache"] and cached.how["measured_at"] == before.how["measured_at"]
    for anew in (
        first.measured(network, fresh=True),
        Measurer(open_device("cpu"), quick(), first.wanted, fresh=True).measured(network),
    ):
        how = anew["latency_ms"].how
        assert how["record"]["latency_ms"]["samples"] != before.how["record"]["latency_ms"]["samples"]
        assert "from_cache" not in how
    other = Measurer(open_device("cpu"), quick(threads=2), first.wanted).measured(network)["latency_ms"]
    assert other.how["record"]["how"]["threads"] == 2
    assert len(list(cache_folder.glob("measurements/*/*.json"))) == 2


@pytest.mark.parametrize(
    ("device", "changes", "said"),
    [
        ("cpu", {"runtime": "fused-graph"}, "measure.runtime: 'fused-graph': needs a CUDA GPU"),
        ("cpu", {"runtime": "fused-grap"}, "measure.runtime: 'fused-grap': unknown runtime; .*: fused-graph"),
        ("cpu", {"runtime": "torch", "precision": "int8"}, "measure.precision: 'int8': torch on cpu runs float32"),
        ("ssh://nobody@nowhere.invalid", {"runtime": "fused"}, "measure.runtime: 'fused': a board runs tensorrt"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused_before_a_trial(
    device: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(FieldError, match=said):
        Measurer(open_device(device), quick(**changes), frozenset({"latency_ms"})).check(SPEC)


@pytest.mark.slow
def test_an_unstable_record_is_reported_and_not_kept(cache_folder: Path) -> None:
    shaky = Settings(power=False, runs=9, warmup=1, spread=1e-9, attempts=2)
    latency = Measurer(open_device("cpu"), shaky, frozenset()).measured(build(SPEC))["latency_ms"]
    assert latency.how["stable"] is False and latency.how["record"]["attempts"] == 2
    assert latency.unstable and latency.unstable[0].startswith("spread: ")
    assert not list(cache_folder.glob("measurements/*/*.json"))


def test_waits_grow_and_end() -> None:
    assert waits(0) == []
    assert waits(1e3)[:3] == [2.0, 4.0, 8.0]
    assert sum(waits(1e3)) == pytest.approx(1e3) and max(waits(1e3)) <= 60


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study, each of whose latencies is unstable."""
    folder = tmp_path_factory.mktemp("measured")
    measure = {"runs": 9, "warmup": 1, "spread": 1e-9, "attempts": 1}
    path = write_study(
        folder, objectives=["accuracy", "latency_ms"], trials=2, measure=measure,
        constraints={"latency_ms": {"max": 1e6}},
    )  # fmt: skip
    result = archspace(
        "search", path, "--out", folder / "run", env={"ARCHSPACE_CACHE": str(folder / "cache")}
    )
    assert result.returncode == 0, result.stderr
    (folder / "printed.txt").write_text(result.stdout)
    return folder / "run"


@pytest.mark.slow
def test_the_front_is_measured_again_and_the_new_values_are_the_values(measured: Path) -> None:
    study = read_run(measured)
    again = {t.label: t for t in study.trials if t.first}
    frame = trial_frame(study)
    assert set(again) >= set(frame.loc[frame["on_front"] & frame["duplicate_of"].isna(), "label"])
    for trial in again.values():
        kept = json.loads((measured / "trials" / trial.label / "record.json").read_text())
        value, first = (kept[name]["latency_ms"]["value"] for name in ("measurements", "first"))
        assert value != first
        assert (
            trial.value("latency_ms") == trial.values["latency_ms"] == kept["values"]["latency_ms"] == value
        )
    rows = {row["label"]: row for row in frame.to_dict("records")}
    assert {label: rows[label]["latency_ms"] for label in again} == {
        label: trial.value("latency_ms") for label, trial in again.items()
    }
    front = json.loads(archspace("search", measured, "--json").stdout)["front"]
    assert {row["trial"]: row["latency_ms"] for row in front}.items() <= {
        label: trial.value("latency_ms") for label, trial in again.items()
    }.items(), "what is done is not measured a third time"


@pytest.mark.slow
def test_a_study_measures_the_file_that_it_exports(measured: Path, tmp_path: Path) -> None:
    import onnx

    trial = read_run(measured).trials[0]
    assert trial.measurements["latency_ms"].taken_in.startswith("ONNX file in onnxruntime ")
    assert yaml.safe_load((measured / "study.yaml").read_text())["measure"]["runtime"] == "onnxruntime"
    network = StudyResults(measured).load(trial.label)
    StudyResults(measured).export(trial.label, tmp_path / "export")
    exported = onnx.load(str(tmp_path / "export/model.onnx")).graph
    runtime, target = RUNTIMES["onnxruntime"], Target.of(network)
    timed = onnx.load(str(runtime.prepare(target, Settings(), tmp_path))).graph
    assert exported.SerializeToString() == timed.SerializeToString()


@pytest.mark.slow
def test_unstable_numbers_bear_a_mark_wherever_the_study_shows_them(measured: Path, tmp_path: Path) -> None:
    printed = (measured.parent / "printed.txt").read_text()
    labels = [t.label for t in read_run(measured).trials if t.values and t.duplicate_of is None]
    assert all(f"unstable (~): trial {label}, latency_ms: spread: " in printed for label in labels)
    assert "ONNX file in" in printed
    shown = archspace("pareto", measured, "--out", tmp_path / "plots")
    assert shown.returncode == 0 and "latency_ms: spread: " in shown.stdout and "~" in shown.stdout
    with (tmp_path / "plots/front.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows and all(row["latency_ms_unstable"].startswith("spread: ") for row in rows)
    assert all(float(row["latency_ms_first"]) != float(row["latency_ms"]) for row in rows)
    assert "unstable measurement" in (tmp_path / "plots/pareto.html").read_text()
    export = archspace("export", measured, "--out", tmp_path / "card", "--json")
    latency = next(one for one in json.loads(export.stdout)["numbers"] if one["name"] == "latency_ms")
    assert latency["unstable"] and latency["first"] != latency["value"]
    assert "~" in (tmp_path / "card/card.md").read_text()
    archspace("report", measured, "--out", tmp_path / "page")
    assert "is unstable and marked ~" in (tmp_path / "page/report.html").read_text()


@pytest.mark.slow
def test_a_study_that_asks_for_nothing_of_a_device_measures_nothing(
    tmp_path: Path, cache_folder: Path
) -> None:
    out = tmp_path / "run"
    run(write_study(tmp_path, trials=1, measure={"device": "ssh://nobody@127.0.0.1:1"}), out)
    (trial,) = read_run(out).trials
    assert set(trial.measurements) == {"accuracy", "macs", "params", "memory"}
    assert not (cache_folder / "measurements").exists()


def test_a_run_of_an_earlier_archspace_goes_on_with_torch(tmp_path: Path) -> None:
    config, folder = read_study(str(write_study(tmp_path, objectives=["accuracy", "latency_ms"])), {}, None)
    assert with_runtime(config, folder).measure.runtime == "onnxruntime"
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    (earlier / "study.yaml").write_text(config.to_yaml())
    assert with_runtime(config, earlier).measure.runtime == "torch"
    check_folder(with_runtime(config, earlier), earlier)
    other = config.model_copy(
        update={"measure": config.measure.model_copy(update={"runtime": "onnxruntime"})}
    )
    with pytest.raises(FieldError, match=r"measure\.runtime: torch -> onnxruntime"):
        check_folder(with_runtime(other, earlier), earlier)


@pytest.mark.slow
def test_a_network_is_measured_as_its_study_measures(measured: Path, cache_folder: Path) -> None:
    config, _ = read_study(str(measured), {}, None)
    network = StudyResults(measured).load(read_run(measured).trials[0].label)
    taken = measure_deployed(network, config, measured)["latency_ms"]
    assert taken.taken_in.startswith("ONNX file in onnxruntime ")
    assert taken.how["record"]["latency_ms"]["n"] == config.measure.runs


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_study_for_energy_on_a_machine_that_cannot_tell_it_ends_at_once(tmp_path: Path) -> None:
    if any(sensor.total for sensor in find_sensors()[0]):
        pytest.skip("this machine has a sensor")
    out = tmp_path / "run"
    path = write_study(tmp_path, objectives=["accuracy", "energy_mj"], measure=LOOSE)
    with pytest.raises(InputError, match=r"energy_mj: .*cpu cannot measure it"):
        run(path, out)
    assert not out.exists()
