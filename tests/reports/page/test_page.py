"""What the page of a study says, for every kind of study; and what is refused."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from analysis.fronts.freed import free_fields
from analysis.store.fingerprint import DataFingerprint, SplitFingerprint, write_fingerprint
from analysis.store.records import Measurement, StudyRecord
from analysis.store.status import RunStatus, Worked, keep_status
from archspace.__main__ import make_app
from archspace.presets import PRESETS
from reports.cli.report_command import write_report
from reports.frames.merge import merge_runs
from reports.page.content import Content, content_of
from reports.page.data import embedded, page_data
from reports.page.html import page_html
from reports.page.state import state_of
from reports.page.words import asked, findings
from tests.reports.runs import LIMIT, realistic_study, study_of, trial, write_run

REAL = PRESETS["espnet-c"].spec.replace(classes=12, input_size=(352, 480)).to_dict()


def content(tmp_path: Path, study: StudyRecord) -> Content:
    return content_of(merge_runs([write_run(tmp_path / "run", study)]))


def report(*words: object) -> Result:
    return CliRunner().invoke(make_app(), ["report", *map(str, words)])


def refused(*words: object) -> str:
    """The one line that a refusal says."""
    result = report(*words)
    assert result.exit_code != 0
    return str(result.exception)


def test_words_have_the_studys_numbers(tmp_path: Path) -> None:
    study = study_of(
        trial("0", 0, {"macs": 1e8, "miou": 40.0}),
        trial("1", 1, {"macs": 2e8, "miou": 60.0}),
        trial("2", 2, {"macs": 8e8, "miou": 64.5}),
        trial("3", 3, {"macs": 8e8, "miou": 50.0}),
        trial("given-0", 0, {"macs": 2e8, "miou": 55.0}, given="espnet-c"),
        trial("4", 4, {}, state="failed", reason="loss is NaN"),
    )
    text = " ".join(findings(content(tmp_path, study)))
    assert "Of 6 trials, 5 completed and 1 failed." in text
    assert "3 networks are on the Pareto front of MACs and mIoU" in text
    assert "from 100 M MACs, 40.00 % to 800 M MACs, 64.50 %" in text
    assert (
        "is trial 1 (esp): 200 M MACs, 60.00 %. That is 4.50 points below the best (64.50 %, trial 2)" in text
    )
    assert "4 times the MACs" in text
    assert "no more MACs than the given espnet-c is trial 1, 5.00 points above it" in text
    assert "no network was trained with more than one seed" in text


def test_asked_names_goals_limits_and_data_but_no_folder(tmp_path: Path) -> None:
    facts = dict(asked(content(tmp_path, realistic_study(12))))
    assert facts["Goal"] == "least MACs; largest mIoU"
    assert facts["Limits"] == "MACs at most 1.2 G MACs"
    assert facts["Task and data"] == "segmentation, camvid, 360 × 480"
    assert "data/camvid" not in page_html(content(tmp_path / "b", realistic_study(12)))


def test_asked_says_how_much_of_the_data_was_used_and_where_a_field_is_free(tmp_path: Path) -> None:
    space = {
        "network": "espnetv2", "unit": {"choices": ["eesp", "esp"]},
        "branches": {"choices": [2, 4], "where": {"unit": ["eesp", "esp"], "reinforcement": True}},
        "reinforcement": {"choices": [True, False]}, "alphas": {"low": 0, "high": 3, "per_level": True},
    }  # fmt: skip
    data = {"layout": "masks", "train": 300, "val": 400, "input_size": [96, 128]}
    study = study_of(trial("0", 0, {"macs": 1e8, "miou": 40.0}), space=space, data=data)
    facts = dict(asked(content(tmp_path / "a", study)))
    assert facts["Free fields"] == (
        "alphas: 0 to 3 a level; branches: 2, 4 where reinforcement is yes and unit is eesp or esp; "
        "reinforcement: yes, no; unit: eesp, esp"
    )
    assert "Fingerprint of the data" not in facts
    part = SplitFingerprint(count=1078, size=1, names="", images="", labels="")
    held = DataFingerprint(
        name="discs", layout="masks", task="segmentation", classes=(), source="files",
        splits={"train": part, "val": replace(part, count=400)},
    )  # fmt: skip
    write_fingerprint(write_run(tmp_path / "b", study), held)
    facts = dict(asked(content_of(merge_runs([tmp_path / "b"]))))
    used = "train 300 of 1,078 images, val 400 images"
    assert facts["Fingerprint of the data"] == f"{held.short}: {used}"


def test_the_table_of_trials_has_every_field_that_the_study_left_free(tmp_path: Path) -> None:
    trials = [
        trial(str(n), n, {"macs": 1e8 + n, "miou": 40.0}, spec=REAL | {"gate": bool(n), "classes": 12 + n})
        for n in range(2)
    ]
    space = {"network": "espnet-c", "gate": {"choices": [True, False]}}
    columns = {
        one["key"]: one for one in page_data(content(tmp_path, study_of(*trials, space=space)))["columns"]
    }
    assert columns["spec.gate"]["words"] == ["no", "yes"]
    assert "spec.classes" not in columns and "spec.network" not in columns


def test_a_running_study_says_so(tmp_path: Path) -> None:
    assert (
        state_of(content(tmp_path, realistic_study(12)))
        == "The study is not over: 10 of 30 trials have ended."
    )
    assert state_of(content(tmp_path / "over", realistic_study(32))) is None


def test_the_page_of_a_study_that_runs_says_who_works_on_it(tmp_path: Path) -> None:
    begun = content(tmp_path, realistic_study(12))
    (run,) = begun.merged.runs.values()
    when = "2026-01-01T00:00:00+00:00"
    one = Worked(trial="12", state="runs", host="node7", process=41, since=when, heard=when)
    seen = {"working": (one,), "per_hour": 12.0, "left_s": 6000.0, "failures": {"loss is not finite": 2}}
    keep_status(run, RunStatus(name="s", at=when, done=10, wanted=30, **seen))
    said = state_of(begun)
    assert said is not None
    for part in (
        "trial 12 on node7 (process 41",
        "12 trials an hour",
        "about 1:40:00 left",
        "2 times: loss is not",
    ):
        assert part in said


def test_the_chosen_network_is_drawn_with_numbers_and_origin(tmp_path: Path) -> None:
    how = {"device": "board", "runtime": "tensorrt 8.2", "n": 100, "stable": False, "flags": ["spread: 20 %"]}
    taken = {
        "macs": Measurement("macs", 2e8, "MACs", "counted"),
        "latency_ms": Measurement("latency_ms", 4.1, "ms", "measured", how),
        "miou": Measurement("miou", 60.0, "%", "predicted"),
    }
    first = {"latency_ms": Measurement("latency_ms", 4.3, "ms", "measured")}
    one = trial("0", 0, {"macs": 2e8, "miou": 60.0}, spec=REAL, arch_id="x", measurements=taken, first=first)
    limited = {"macs": {"max": LIMIT}, "latency_ms": {"max": 9.0}}
    run = write_run(tmp_path / "run", study_of(one, constraints=limited))
    made = content_of(merge_runs([run]))
    assert made.chosen is not None and len(made.chosen.layers) > 5
    text = page_html(made)
    assert "~4.1 ms (first 4.3 ms)" in text and "device board" in text and "unstable: spread: 20 %" in text
    assert all(f'class="origin {origin}"' in text for origin in ("counted", "measured", "predicted"))
    assert text.count('class="box ') == len(made.chosen.layers)
    latency = next(c for c in page_data(made)["columns"] if c["key"] == "latency_ms")
    assert (latency["first"], latency["unstable"]) == ([4.3], [0])


def test_commands_name_the_run_and_the_trial(tmp_path: Path) -> None:
    made = content(tmp_path / "a b", study_of(trial("0", 0, {"macs": 2e8, "miou": 60.0})))
    lines = dict(made.commands)
    folder = tmp_path / "a b" / "run"
    assert lines["Export it as the search left it"] == f"archspace export '{folder}' --pick 0"
    full = lines["Train the chosen network in full, and export it"]
    assert full == f"archspace retrain '{folder}' --pick 0 --data DATA"
    assert lines["Search again"].startswith(f"archspace search '{folder}/study.yaml' --data DATA --out ")


@pytest.mark.parametrize("count", [1, 2])
def test_few_trials(tmp_path: Path, count: int) -> None:
    trials = [trial(str(i), i, {"macs": 1e8 * (i + 1), "miou": 50.0 + i}) for i in range(count)]
    made = content(tmp_path, study_of(*trials))
    assert all((one.reason or "").startswith("too few") for one in made.weights)
    assert "too few" in page_html(made)
    assert page_data(made)["lacking"] == {
        "progress": None, "parallel": None if count > 1 else "too few: 1 complete trial, 2 are needed"
    }  # fmt: skip


def test_only_failed_trials_still_make_a_page(tmp_path: Path) -> None:
    study = study_of(*(trial(str(i), i, {}, state="failed", reason="CUDA out of memory") for i in range(3)))
    made = content(tmp_path, study)
    assert made.chosen is None
    text = page_html(made)
    assert "All 3 trials failed." in text and "3 trials: CUDA out of memory" in text
    assert "no network could be chosen" in text


def test_one_objective_is_a_ranking(tmp_path: Path) -> None:
    trials = [trial(str(i), i, {"miou": 50.0 + i, "macs": 1e8 * (i + 1)}) for i in range(5)]
    made = content(tmp_path, study_of(*trials, objectives=("miou",)))
    assert made.chosen is not None and (made.chosen.label, made.chosen.word) == ("4", "best")
    text = page_html(made)
    assert "<h2>The ranking</h2>" in text
    assert "the best is trial 4 (esp) with 54.00 %; the median of 5 trials is 52.00 %" in text
    assert page_data(made)["axes"] == ["macs", "miou"]


def test_three_objectives_and_missing_and_infinite_values(tmp_path: Path) -> None:
    study = study_of(
        trial("0", 0, {"macs": 1e8, "miou": math.nan, "latency_ms": 3.0}),
        trial("1", 1, {"macs": 2e8, "miou": 60.0, "latency_ms": math.inf}),
        trial("2", 2, {"macs": 3e8, "miou": 61.0, "latency_ms": 5.0}),
        trial("3", 3, {"macs": 4e8}, spec=None, arch_id=None),
        objectives=("macs", "miou", "latency_ms"),
    )
    made = content(tmp_path, study)
    data = page_data(made)
    assert data["front"] == [2]
    assert [c["values"] for c in data["columns"] if c["key"] == "miou"] == [[None, 60, 61, None]]
    json.loads(embedded(data))
    assert "knee" in page_html(made)


def test_data_cannot_end_its_script_element() -> None:
    text = embedded({"name": "</script><!-- & \u2028", "other": "ä"})
    assert "<" not in text and "&" not in text and "\u2028" not in text
    assert json.loads(text) == {"name": "</script><!-- & \u2028", "other": "ä"}


@pytest.mark.slow
def test_500_trials_take_less_than_5_mb_and_need_no_network(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_report([write_run(tmp_path / "run", realistic_study(500))], path, as_json=True)
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < 5e6
    assert "src=" not in text.split("<script")[0] and "<link" not in text and "default-src 'none'" in text


class TestMerging:
    def test_labels_are_prefixed_and_copies_keep_their_original(self, tmp_path: Path) -> None:
        study = realistic_study(12)
        first = write_run(tmp_path / "a", study)
        second = write_run(tmp_path / "b", replace(study, config={**study.config, "training": {"epochs": 3}}))
        merged = merge_runs([first, second])
        labels = {one.label for one in merged.study.trials}
        assert len(labels) == 24 and {"a/0", "b/0"} <= labels
        assert merged.folders["b/0"] == second / "trials" / "0"
        assert {one.duplicate_of for one in merged.study.trials} - {None} <= labels
        assert any("training.epochs (a: None; b: 3)" in note for note in merged.notes)
        assert "Mind that the runs differ in training.epochs" in " ".join(findings(content_of(merged)))

    @pytest.mark.parametrize(
        ("second", "free"),
        [
            ({"network": "espnetv2", "width": 0.5, "unit": "esp"}, {"width", "unit"}),
            ({}, set()),
        ],
    )
    def test_a_field_is_free_that_is_free_or_differs(
        self, tmp_path: Path, second: dict[str, object], free: set[str]
    ) -> None:
        space = {"network": "espnetv2", "width": {"low": 0.25, "high": 1.0}, "unit": "eesp"}
        study = study_of(trial("0", 0, {"macs": 1e8, "miou": 40.0}))
        runs = [
            write_run(tmp_path / name, replace(study, config={**study.config, "space": one}))
            for name, one in (("a", space), ("b", second))
        ]
        assert set(free_fields(merge_runs(runs).study.config["space"])) == free

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"objectives": ["macs", "params"]}, "objectives: macs, params here, macs, miou there"),
            ({"task": "detection"}, "task: detection here, segmentation there"),
            (
                {"data": {"layout": "voc", "root": None, "input_size": [360, 480]}},
                "data.layout: voc here, camvid there",
            ),
        ],
    )
    def test_others_are_refused_with_the_reason(
        self, tmp_path: Path, change: dict[str, object], reason: str
    ) -> None:
        study = realistic_study(8)
        write_run(tmp_path / "a", study)
        write_run(tmp_path / "b", replace(study, config={**study.config, **change}))
        line = refused(tmp_path / "a", tmp_path / "b", "--out", tmp_path / "page.html")
        assert reason in line and "\n" not in line and str(tmp_path / "a") in line
        assert not (tmp_path / "page.html").exists()

    def test_data_may_lie_elsewhere_and_the_same_run_is_refused(self, tmp_path: Path) -> None:
        first = write_run(tmp_path / "a", realistic_study(8))
        moved = shutil.copytree(first, tmp_path / "moved")
        config = yaml.safe_load((moved / "study.yaml").read_text())
        config["data"]["root"] = "/gone"
        (moved / "study.yaml").write_text(yaml.safe_dump(config))
        assert len(merge_runs([first, moved]).study.trials) == 16
        assert "given twice" in refused(first, first)


class TestCommand:
    def test_json_is_one_object(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", realistic_study(12))
        result = report(run, "--json")
        assert result.exit_code == 0
        printed = json.loads(result.stdout)
        assert printed["files"]["report"] == str(run / "report" / "report.html")
        assert printed["chosen"] in printed["front"] and printed["trials"]["complete"] > 3

    def test_bad_input_is_one_line(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", realistic_study(8))
        empty = tmp_path / "empty"
        empty.mkdir()
        (empty / "study.yaml").write_bytes((run / "study.yaml").read_bytes())
        assert refused(empty) == f"{empty}: no finished trial yet"
        assert "no such run folder" in refused(tmp_path / "none")
        assert "nearest valid: one of png, svg, pdf, html" in refused(run, "--figures", "gif")
        (tmp_path / "file.txt").touch()
        assert "--out" in refused(run, "--out", tmp_path / "file.txt")

    @pytest.mark.slow
    def test_figures_next_to_the_page(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "run", realistic_study(30))
        result = report(run, "--out", tmp_path / "out", "--figures", "html")
        assert result.exit_code == 0, result.output
        names = sorted(path.stem for path in (tmp_path / "out" / "figures").glob("*.html"))
        assert names == ["importance", "learning", "parallel", "pareto", "progress", "seeds", "tradeoffs"]

    def test_without_a_browser_the_page_is_there_and_names_the_fix(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BROWSER_PATH", "/no/such/browser")
        monkeypatch.setattr("analysis.drawing.plain_pictures.find_spec", lambda _: None)
        run = write_run(tmp_path / "run", realistic_study(8))
        result = report(run, "--figures", "svg")
        assert result.exit_code == 0 and (run / "report" / "report.html").is_file()
        assert "apt-get install chromium" in result.stderr and "Traceback" not in result.output
