"""A value that is taken again is the value, in the record, under constraints, and for every trial of the network."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from analysis.store.constraints import PlainLimits, shared, with_remeasured
from analysis.store.picks import pick_trial
from analysis.store.records import Measurement, TrialRecord
from analysis.store.runs import read_run, write_record
from reports.frames.trials import trial_frame

LIMIT = {"latency_ms": PlainLimits(max=10.0)}
STUDY = {
    "format": 1, "name": "s", "task": "classification", "objectives": ["accuracy", "latency_ms"], "trials": 2,
    "data": {"layout": "digits", "input_size": [8, 8]}, "constraints": {"latency_ms": {"max": 10.0}},
}  # fmt: skip


def latency(value: float, **how: object) -> Measurement:
    return Measurement(
        "latency_ms", value, "ms", "measured", {"device": "cpu", "runtime": "onnxruntime 1.31", **how}
    )


def trial(label: str, accuracy: float, ms: float, **fields: object) -> TrialRecord:
    measured = {"accuracy": Measurement("accuracy", accuracy, "%", "measured"), "latency_ms": latency(ms)}
    values = {name: one.value for name, one in measured.items()}
    base = {
        "number": int(label),
        "arch_id": label,
        "values": values,
        "measurements": measured,
        "state": "complete",
    }
    return TrialRecord(label=label, **{**base, **fields})  # type: ignore[arg-type]


def test_the_new_value_replaces_the_first_which_is_kept() -> None:
    again = with_remeasured(trial("0", 50.0, 4.0), {"latency_ms": latency(5.0)}, LIMIT)
    assert again.value("latency_ms") == again.values["latency_ms"] == 5.0 and again.value("accuracy") == 50.0
    assert again.first["latency_ms"].value == 4.0 and again.state == "complete"
    third = with_remeasured(again, {"latency_ms": latency(6.0)}, LIMIT)
    assert third.value("latency_ms") == 6.0 and third.first["latency_ms"].value == 4.0
    assert TrialRecord.from_dict(json.loads(json.dumps(third.to_dict()))) == third
    assert "first" not in trial("0", 50.0, 4.0).to_dict(), "a record without a second measuring is as before"


def test_a_new_value_that_breaks_a_constraint_rules_the_trial_out() -> None:
    slow = with_remeasured(trial("0", 50.0, 9.0), {"latency_ms": latency(11.0)}, LIMIT)
    assert slow.state == "infeasible" and slow.reason == "constraint latency_ms <= 10 but is 11"
    back = with_remeasured(slow, {"latency_ms": latency(8.0)}, LIMIT)
    assert (back.state, back.reason) == ("complete", None)


def test_a_second_measuring_holds_for_every_trial_of_the_network() -> None:
    one = with_remeasured(trial("0", 50.0, 4.0), {"latency_ms": latency(5.0)}, LIMIT)
    records = shared(
        [one, trial("1", 40.0, 4.0, arch_id="0", duplicate_of="0"), trial("2", 30.0, 4.0)], LIMIT
    )
    assert [record.value("latency_ms") for record in records] == [5.0, 5.0, 4.0]


def test_a_run_of_an_earlier_archspace_is_read_with_what_was_measured_again(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))
    for one in (trial("0", 50.0, 4.0), trial("1", 60.0, 9.0), trial("2", 40.0, 6.0)):
        write_record(tmp_path, one)
    for label, ms in (("0", 7.0), ("1", 12.0)):
        text = json.dumps({"latency_ms": latency(ms, stable=False).to_dict()})
        (tmp_path / "trials" / label / "again.json").write_text(text)
    study = read_run(tmp_path)
    assert [one.value("latency_ms") for one in study.trials] == [7.0, 12.0, 6.0]
    assert [one.state for one in study.trials] == ["complete", "infeasible", "complete"]
    assert pick_trial(study, "best", {}).label == "0", "trial 1 was on the front until it was measured again"
    assert pick_trial(study, "best", {"latency_ms": 6.5}).label == "2"
    frame = trial_frame(study).set_index("label")
    assert frame.loc["0", ["latency_ms", "latency_ms_first"]].tolist() == [7.0, 4.0]
    assert frame["latency_ms_unstable"].notna().tolist() == [True, True, False]


def test_only_what_a_study_asks_for_is_marked(tmp_path: Path) -> None:
    doubtful = latency(4.0, stable=False, flags=["spread: 20 %"])
    one = trial("0", 50.0, 4.0)
    measured = {**one.measurements, "latency_ms": doubtful}
    for asked, marks in (
        (STUDY, ["spread: 20 %"]),
        ({**STUDY, "objectives": ["accuracy"], "constraints": {}}, None),
    ):
        folder = tmp_path / str(len(asked["objectives"]))
        folder.mkdir()
        (folder / "study.yaml").write_text(yaml.safe_dump(asked))
        write_record(folder, trial("0", 50.0, 4.0, measurements=measured))
        column = trial_frame(read_run(folder)).get("latency_ms_unstable")
        assert (None if column is None else column.tolist()) == marks
