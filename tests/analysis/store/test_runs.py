from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from analysis.store.records import Measurement, TrialRecord
from analysis.store.runs import read_record, read_run, write_record
from archspace.support.errors import InputError


def config(**changes: object) -> dict[str, Any]:
    return {"format": 1, "name": "s", "objectives": ["macs", "miou"], **changes}


def complete(label: str, number: int, **fields: object) -> TrialRecord:
    return TrialRecord(
        **{"label": label, "number": number, "state": "complete", "values": {"macs": 1.0}} | fields
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "study.yaml").write_text(yaml.safe_dump(config()))
    write_record(folder, complete("0", 0))
    return folder


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_record_survives_the_file(run: Path) -> None:
    record = complete(
        "7", 7, spec={"network": "espnet", "alphas": [2, 8]}, arch_id="abc", seed=5, params={"k": 4},
        values={"macs": 2e9, "miou": 61.25},
        measurements={"macs": Measurement("macs", 2e9, "MACs", "counted", {"counter": "plan"})},
    )  # fmt: skip
    path = write_record(run, record)
    assert path == run / "trials" / "7" / "record.json"
    assert read_record(path) == record


def test_given_come_first_then_numbers_and_running_is_left_out(run: Path) -> None:
    for record in (
        complete("10", 10), complete("2", 2), complete("given-1", 1, given="espnet"),
        complete("given-0", 0, given="espnet-c"), complete("3", 3, state="running"),
        complete("4", 4, state="failed", reason="NaN"),
    ):  # fmt: skip
        write_record(run, record)
    study = read_run(run)
    assert [trial.label for trial in study.trials] == ["given-0", "given-1", "0", "2", "4", "10"]
    assert [o.name for o in study.objectives] == ["macs", "miou"]
    assert study.name == "s"


def test_folders_without_a_record_yet_are_running(run: Path) -> None:
    (run / "trials" / "1").mkdir()
    assert [trial.label for trial in read_run(run).trials] == ["0"]


def test_what_is_not_finite_becomes_null_and_comes_back_as_nan(run: Path) -> None:
    how = {"samples": np.array([1.0, math.inf]), "n": np.int64(2)}
    record = complete(
        "1",
        1,
        values={"miou": math.nan},
        measurements={"x": Measurement("x", math.inf, "ms", "measured", how)},
    )
    path = write_record(run, record)
    data = json.loads(path.read_text(), parse_constant=lambda word: pytest.fail(word))
    assert data["measurements"]["x"]["how"] == {"samples": [1.0, None], "n": 2}
    back = read_record(path)
    assert math.isnan(back.values["miou"]) and math.isnan(back.measurements["x"].value)


def test_a_failing_write_leaves_the_old_record(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(InputError, match="disk full"):
        write_record(run, complete("0", 0, reason="new"))
    monkeypatch.undo()
    assert read_record(run / "trials/0/record.json").reason is None
    assert [p.name for p in (run / "trials/0").iterdir()] == ["record.json"]


@pytest.mark.parametrize("label", ["", "../1", "a/b", ".."])
def test_label_must_be_a_folder_name(run: Path, label: str) -> None:
    with pytest.raises(InputError, match="plain name of a folder"):
        write_record(run, complete(label, 1))


class TestErrors:
    def test_no_such_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such run folder") as error:
            read_run(tmp_path / "nothing")
        assert "nothing" in one_line(error)

    def test_not_a_run_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"not a run folder: it has no study\.yaml"):
            read_run(tmp_path)

    def test_a_folder_of_run_folders(self, run: Path) -> None:
        with pytest.raises(InputError, match=r"has no study\.yaml; 'archspace runs .*' lists those in it"):
            read_run(run.parent)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (yaml.safe_dump(config(format=2)), "written by a newer archspace"),
            (yaml.safe_dump(config(format=0)), "there is no such format"),
            (yaml.safe_dump(config(format="one")), "format: 'one'"),
            (yaml.safe_dump(config(format=True)), "format: True"),
            (yaml.safe_dump({"name": "s"}), "format: None"),
            (yaml.safe_dump(config(objectives=[])), "at least one objective"),
            (yaml.safe_dump(config(objectives=["speed"])), "unknown objective"),
            ("a: [1\nb: }", "not YAML"),
            ("- 1", "holds no mapping"),
        ],
    )
    def test_study_file(self, run: Path, text: str, message: str) -> None:
        (run / "study.yaml").write_text(text)
        with pytest.raises(InputError, match=message) as error:
            read_run(run)
        one_line(error)

    @pytest.mark.parametrize(
        "text",
        [
            "", "{", "[]", "null", '{"label": "0"}', '{"label": "0", "number": 0, "state": "done"}',
            '{"label": "0", "number": "0", "state": "complete"}',
            '{"label": "0", "number": 0, "state": "complete", "colour": 1}',
            '{"label": "0", "number": 0, "state": "complete", "spec": 3}',
            '{"label": "0", "number": 0, "state": "complete", "values": {"miou": "high"}}',
            '{"label": "0", "number": 0, "state": "complete", "measurements": {"miou": {"value": 1}}}',
        ],
    )  # fmt: skip
    def test_broken_record_names_its_file(self, run: Path, text: str) -> None:
        (run / "trials/0/record.json").write_text(text)
        with pytest.raises(InputError, match="broken trial record") as error:
            read_run(run)
        assert str(Path("trials/0/record.json")) in one_line(error)

    def test_no_finished_trial(self, run: Path) -> None:
        write_record(run, complete("0", 0, state="running"))
        with pytest.raises(InputError, match="no finished trial yet"):
            read_run(run)
