from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from analysis.counts.complexity import count
from analysis.quantities import objective
from analysis.store.records import Measurement
from archspace.presets import PRESETS
from archspace.support.errors import InputError
from reports.frames.trials import (
    front_frame,
    preset_references,
    study_caption,
    trial_frame,
    unit_of,
    write_csv,
    write_tables,
)
from tests.reports.runs import realistic_study, spec, study_of, trial

PAIR = (objective("macs"), objective("miou"))


def by_label(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index("label")


@pytest.fixture
def small() -> pd.DataFrame:
    """Two on the front, one behind it, a copy, an infeasible and a failed one that would win."""
    miou = {"miou": Measurement("miou", 99.0, "%", "measured")}
    cheap = {"macs": Measurement("macs", 1.0, "MACs", "counted")}
    return trial_frame(
        study_of(
            trial("a", 0, {"macs": 100.0, "miou": 50.0}),
            trial("b", 1, {"macs": 300.0, "miou": 60.0}, macs_origin="counted"),
            trial("c", 2, {"macs": 400.0, "miou": 55.0}),
            trial("d", 3, {"macs": 300.0, "miou": 60.0}, duplicate_of="b"),
            trial("e", 4, {}, state="infeasible", measurements=miou | cheap, reason="too slow"),
            trial("f", 5, {}, state="failed", measurements=miou | cheap, reason="NaN"),
            trial("g", 6, {"macs": 1.0}),
        )
    )


def test_front_is_over_complete_trials_that_have_every_objective(small: pd.DataFrame) -> None:
    rows = by_label(small)
    assert rows.index[rows["on_front"]].tolist() == ["a", "b", "d"]
    assert rows["rank"].dropna().to_dict() == {"a": 0, "b": 0, "c": 1, "d": 0}
    assert rows.index[rows["knee"]].tolist() == ["a"]


def test_front_frame_has_each_network_once_sorted_by_the_cost(small: pd.DataFrame) -> None:
    assert front_frame(small, PAIR)["label"].tolist() == ["a", "b"]
    both_best_high = (objective("miou"), objective("accuracy"))
    assert front_frame(small, both_best_high)["label"].tolist() == ["b", "a"]


def test_a_copy_without_its_original_stays() -> None:
    frame = trial_frame(study_of(trial("d", 3, {"macs": 1.0, "miou": 60.0}, duplicate_of="gone")))
    assert front_frame(frame, PAIR)["label"].tolist() == ["d"]


def test_infeasible_keeps_what_was_counted_and_its_reason(small: pd.DataFrame) -> None:
    row = by_label(small).loc["e"]
    assert (row["macs"], row["macs_origin"], row["reason"]) == (1.0, "counted", "too slow")
    assert row["rank"] is pd.NA


def test_every_number_has_its_origin(small: pd.DataFrame) -> None:
    rows = by_label(small)
    assert rows.loc["b", "macs_origin"] == "counted"
    assert rows.loc["a", "macs_origin"] == "measured"
    assert pd.isna(rows.loc["g", "miou"]) and pd.isna(rows.loc["g", "miou_origin"])


def test_front_over_other_objectives() -> None:
    study = realistic_study()
    chosen = (objective("latency_ms"), objective("miou"))
    frame = trial_frame(study, chosen)
    front = front_frame(frame, chosen)
    assert front["latency_ms"].is_monotonic_increasing and front["miou"].is_monotonic_increasing
    assert set(front["label"]) != set(front_frame(trial_frame(study), PAIR)["label"])


def test_spec_is_flat_and_lists_are_json() -> None:
    record = trial("a", 0, {"macs": 1.0}, spec=spec("eesp", 0.5, 4, [1, 2]) | {"head": {"kind": "x"}})
    row = trial_frame(study_of(record)).iloc[0]
    assert row["spec.network"] == "espnetv2"
    assert row["spec.width"] == 0.5
    assert json.loads(row["spec.alphas"]) == [1, 2]
    assert row["spec.head.kind"] == "x"


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("esp", "esp"), (["esp", "esp"], "esp"), (["esp", None], "esp"), (("esp", "eesp"), "mixed"),
        ([None, None], "conv"), (None, "unknown"),
    ],
)  # fmt: skip
def test_unit_of(unit: object, name: str) -> None:
    assert unit_of(unit) == name


def test_trial_without_a_spec_has_a_row() -> None:
    record = trial("a", 0, {}, spec=None, arch_id=None, state="infeasible", reason="K does not divide")
    assert trial_frame(study_of(record)).iloc[0]["unit"] == "unknown"


def test_csv_is_raw_and_traceable(tmp_path: Path) -> None:
    study = realistic_study()
    frame = trial_frame(study)
    files = write_tables(frame, PAIR, tmp_path / "new" / "report")
    assert sorted(path.name for path in (tmp_path / "new" / "report").iterdir()) == [
        "front.csv",
        "trials.csv",
    ]
    rows = pd.read_csv(files["trials.csv"], dtype={"label": str}, float_precision="round_trip").set_index(
        "label"
    )
    assert len(rows) == len(study.trials)
    for record in study.trials:
        if record.state == "complete":
            assert rows.loc[record.label, "miou"] == record.values["miou"]
            assert rows.loc[record.label, "arch_id"] == record.arch_id
    front = pd.read_csv(files["front.csv"], dtype={"label": str}, float_precision="round_trip")
    assert front["label"].tolist() == front_frame(frame, PAIR)["label"].tolist()
    counted = files["front.csv"].read_text().splitlines()[1].split(",")[9]
    assert counted == str(int(front["macs"][0])) and "." not in counted


def test_failing_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    write_csv(pd.DataFrame({"a": [1]}), path)

    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(InputError, match="disk full"):
        write_csv(pd.DataFrame({"a": [2]}), path)
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]
    assert path.read_text() == "a\n1\n"


def test_caption_counts_the_trials(small: pd.DataFrame) -> None:
    caption = study_caption(study_of(trial("a", 0, {"macs": 1.0})), small)
    assert "segmentation, camvid" in caption and "360 × 480" in caption
    assert "7 trials: 5 complete, 1 infeasible, 1 failed (1 duplicate)" in caption


class TestPresets:
    def test_are_counted_at_the_studys_input(self) -> None:
        references = preset_references(realistic_study())
        wanted = PRESETS["espnet-c"].spec.replace(
            task="segmentation", classes=12, input_size=(360, 480), channels=3
        )
        row = references.set_index("arch_id").loc[wanted.arch_id]
        cost = count(wanted)
        assert "espnet-c" in row["name"].split(", ")
        assert (row["macs"], row["params"], row["memory"]) == (cost.macs, cost.params, cost.activation_bytes)
        assert (references[["macs_origin", "params_origin", "memory_origin"]] == "counted").all(axis=None)

    def test_same_network_is_one_row(self) -> None:
        references = preset_references(realistic_study())
        assert references["arch_id"].is_unique
        names = [name for names in references["name"] for name in names.split(", ")]
        assert len(names) == len(set(names)) <= len(PRESETS)

    def test_without_a_spec_there_are_none(self) -> None:
        references = preset_references(study_of(trial("a", 0, {}, spec=None, state="failed")))
        assert references.empty and "macs" in references

    def test_published_text_has_no_dataset(self) -> None:
        references = preset_references(realistic_study()).set_index("name")
        row: Mapping[str, object] = references.loc[references["dataset"] == "CamVid test"].iloc[0].to_dict()
        assert row["published"] == "miou 55.64"
        assert math.isfinite(float(str(row["macs"])))
