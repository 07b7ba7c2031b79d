"""Runs on different data: side by side with a front each; on the same data, wherever they lay, one front."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.store.fingerprint import DataFingerprint, Items, SplitFingerprint, hashed, write_fingerprint
from analysis.store.picks import pick_trial
from analysis.store.records import StudyRecord
from analysis.store.runs import read_run
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from reports.frames.merge import by_data, merge_runs
from reports.frames.trials import study_caption, trial_frame
from reports.tables.build import build_tables
from tests.commands import archspace
from tests.reports.runs import realistic_study, study_of, trial, write_run


def data_of(count: int = 3, *, name: str = "fields", label: str = "a") -> DataFingerprint:
    """The fingerprint of a validation split of so many images, the last of which has this label."""
    names = tuple(f"{i}.png" for i in range(count))
    labels = (*("a" for _ in range(count - 1)), label)
    val = SplitFingerprint(
        count=count, size=count, names=hashed(*names), images=hashed(*names), labels=hashed(*labels),
        items=Items(names=names, images=names, labels=labels),
    )  # fmt: skip
    return DataFingerprint(
        name=name,
        layout="masks",
        task="segmentation",
        classes=("x", "y"),
        source="files",
        splits={"val": val},
    )


def run_on(folder: Path, data: DataFingerprint | None, study: StudyRecord | None = None) -> Path:
    study = study or realistic_study(12)
    if data is not None:
        on = data.record()
        study = replace(study, trials=tuple(replace(one, data=on) for one in study.trials))
    run = write_run(folder, study)
    if data is not None:
        write_fingerprint(run, data)
    return run


def test_runs_on_the_same_data_are_one_front_whatever_they_are_called(tmp_path: Path) -> None:
    runs = [run_on(tmp_path / name, data_of(name=name)) for name in "ab"]
    assert len(by_data(runs)) == 1
    merged = merge_runs(runs)
    assert len(merged.study.trials) == 24 and not merged.notes
    runs.append(run_on(tmp_path / "old", None))
    assert "old kept no fingerprint of the data, which may be others" in merge_runs(runs).notes


def test_one_front_of_different_data_is_refused_with_what_differs(tmp_path: Path) -> None:
    runs = [run_on(tmp_path / "a", data_of()), run_on(tmp_path / "b", data_of(label="b"))]
    with pytest.raises(InputError, match=r"val: labels of 1 image differ, the first is 2\.png") as error:
        merge_runs(runs)
    assert "cannot share a front" in str(error.value) and "\n" not in str(error.value)


def test_a_report_shows_different_data_side_by_side(tmp_path: Path) -> None:
    spec = ArchSpec("espnet-c", width=0.5, classes=12)
    one = study_of(trial("0", 0, {"macs": 1e8, "miou": 40.0}, spec=spec.to_dict(), given="<mine>"))
    runs = [
        run_on(tmp_path / "a", data_of()), run_on(tmp_path / "b", data_of(5, name="<b>"), one),
        run_on(tmp_path / "c", data_of()),
    ]  # fmt: skip
    ran = archspace("report", *runs, "--out", tmp_path / "page.html", "--json")
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    first, second = result["pages"]
    assert (list(first["runs"]), list(second["runs"])) == (["a", "c"], ["small"])
    assert (first["data"], second["data"]) == ("fields", "<b>")
    assert set(first["front"]).isdisjoint(second["front"])
    (why,) = result["notes"]
    assert "val: 2 images more, the first is 3.png" in why and why in ran.stderr
    page = (tmp_path / "page.html").read_text()
    assert page.count("<section>") == 2 and data_of().short in page and "<b>" not in page
    assert "2 images more" in page and "<script" not in page
    assert f"<td>&lt;mine&gt;: {spec.label}</td>" in page
    for one in result["pages"]:
        file = Path(one["files"]["report"])
        assert file.is_file() and f'href="{file.name}"' in page
    assert "fields" in (tmp_path / "page-fields.html").read_text()


def test_captions_and_columns_name_the_data(tmp_path: Path) -> None:
    study = read_run(run_on(tmp_path / "a", data_of()))
    frame = trial_frame(study)
    assert study_caption(study, frame).startswith("segmentation, fields (camvid)")
    assert set(frame["dataset"]) == {"fields"} and set(frame["fingerprint"]) == {data_of().short}


def test_a_knee_of_trials_on_different_data_is_refused(tmp_path: Path) -> None:
    trials = [
        trial(str(i), i, {"macs": 1e9 + i, "miou": 60.0 + i}, data=data_of(3 + i).record()) for i in range(2)
    ]
    study = study_of(*trials)
    with pytest.raises(InputError, match="trials on different data"):
        pick_trial(study, "knee", {})
    assert pick_trial(study, "1", {}).label == "1"


def test_tables_of_data_of_one_name_and_other_content_are_two(tmp_path: Path) -> None:
    study = study_of(trial("0", 0, {"macs": 1e9, "miou": 70.0}), data={"layout": "masks"})
    runs = [run_on(tmp_path / str(count), data_of(count), study) for count in (3, 4, 3)]
    tables = build_tables("segmentation", extra=runs)
    own = [table for table in tables if "fields" in table.title]
    assert [len(table.rows) for table in own] == [2, 1]
    assert data_of(3).splits["val"].short in own[0].title and data_of(4).splits["val"].short in own[1].title
    (alone,) = [table for table in build_tables("segmentation", extra=runs[:1]) if "fields" in table.title]
    assert alone.title.endswith(": fields")
