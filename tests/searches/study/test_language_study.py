"""Studies of texts, by the commands that a person runs: less perplexity is better everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from analysis.fronts.pareto import non_dominated
from analysis.quantities import QUANTITIES
from analysis.store.runs import read_run
from reports.frames.trials import front_frame, trial_frame
from reports.style.axes import axis_order
from searches.bench.grid import grid
from searches.bench.tabulate import opened
from searches.bench.yardstick import Ledger, Yardstick
from searches.config.study import parse_config, read_config
from searches.study.data import fingerprinted, open_data, task_on
from searches.study.space import SearchSpace
from tests.commands import archspace, printed, refused
from tests.searches.texts import text_study, write_text_files


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text_files(tmp_path_factory.mktemp("words") / "text")


def written(folder: Path, fields: dict[str, Any], name: str = "study.yaml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(fields))
    return path


@pytest.fixture(scope="module")
def run(text: Path) -> Path:
    """A study that ended: sampled networks, and a preset that takes the study's words and window."""
    given = {"name": "small", "spec": {"network": "eru", "width": 0.05, "channels": 48, "alphas": [2]}}
    study, folder = written(text.parent, text_study(text, given=[given])), text.parent / "run"
    done = archspace("search", study, "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_front_and_the_best_have_the_least_perplexity(run: Path) -> None:
    study = read_run(run)
    trials = [one for one in study.trials if one.duplicate_of is None]
    points = [(one.value("perplexity"), one.value("macs")) for one in trials]
    front = {one.label for one, kept in zip(trials, non_dominated(points), strict=True) if kept}
    best = min(trials, key=lambda one: one.value("perplexity"))
    assert len(trials) > 2 and 1 < best.value("perplexity") < 60
    assert {row["trial"] for row in printed(archspace("search", run, "--json").stdout)["front"]} == front
    rows = front_frame(trial_frame(study), study.objectives)
    assert set(rows["label"]) == front and list(rows["macs"]) == sorted(rows["macs"])
    assert axis_order(study.objectives)[-1].name == "perplexity"
    listed = json.loads(archspace("runs", run.parent, "--json").stdout)["runs"]
    assert [one["trial"] for one in listed if one["path"] == str(run)] == [best.label]


@pytest.mark.slow
def test_a_trial_says_on_which_text_and_is_what_evaluate_says(run: Path, text: Path) -> None:
    trial = read_run(run).trials[-1]
    taken = trial.measurements["perplexity"]
    words = len((text / "valid.txt").read_text().split()) + 20
    assert taken.how["tokens"] == words and "input_size" not in taken.how and "crop" not in taken.how
    assert trial.spec is not None and trial.spec["input_size"] == [10, 1]
    again = printed(archspace("evaluate", f"{run}:{trial.label}", "--json").stdout)
    assert again["perplexity"] == pytest.approx(taken.value, rel=1e-6)
    assert again["data"]["fingerprint"] == taken.how["fingerprint"]


@pytest.mark.slow
def test_a_given_network_takes_the_words_and_the_window_and_keeps_its_embedding(run: Path) -> None:
    given = next(one for one in read_run(run).trials if one.given == "small")
    assert given.spec is not None
    assert given.spec["channels"] == 48 and given.spec["input_size"] == [10, 1]
    assert given.spec["classes"] == len(
        {*(run.parent / "text/train.txt").read_text().split(), "<eos>", "<unk>"}
    )


@pytest.mark.slow
def test_the_resolved_study_has_the_fields_of_a_text_alone_and_opens(run: Path) -> None:
    held = yaml.safe_load((run / "study.yaml").read_text())
    assert set(held["data"]) == {"layout", "root", "name", "train", "val", "vocabulary", "splits"}
    assert read_config(str(run / "study.yaml")).input_size == (10, 1)
    assert archspace("search", run).returncode == 0
    refused(archspace("search", run, "--data", write_text_files(run.parent / "other", words=9)), "not those")


@pytest.mark.slow
def test_a_trial_comes_again_bit_by_bit(run: Path) -> None:
    ran = archspace("replay", f"{run}:0", "--json")
    assert ran.returncode == 0, ran.stderr
    assert printed(ran.stdout)["same"] is True


@pytest.mark.slow
def test_retraining_reads_all_of_train_and_judges_on_test(run: Path, text: Path) -> None:
    ran = archspace("retrain", run, "--pick", "knee,given", "--epochs", "1", "--json")
    assert ran.returncode == 0, ran.stderr
    networks = printed(ran.stdout)["networks"]
    setting = networks[0]["setting"]
    assert setting["split"] == "test" and setting["counts"] == "tokens"
    assert setting["judged_images"] == len((text / "test.txt").read_text().split()) + 20
    assert setting["images"] == len((text / "train.txt").read_text().split()) + 60
    means = [one["mean"] for one in networks]
    assert means == sorted(means)
    page = archspace("report", run, "--out", run.parent / "page.html")
    assert page.returncode == 0, page.stderr
    words = (run.parent / "page.html").read_text()
    assert "least perplexity" in words and "input 10 tokens" in words and "tokens (train)" in words


@pytest.mark.slow
def test_a_text_that_was_learned_from_does_not_judge(text: Path, tmp_path: Path) -> None:
    root = write_text_files(tmp_path / "twice")
    (root / "test.txt").write_text((root / "train.txt").read_text())
    study = written(tmp_path, text_study(root, trials=1))
    assert archspace("search", study, "--out", tmp_path / "run").returncode == 0
    ran = archspace("retrain", tmp_path / "run", "--epochs", "1", "--json")
    seed = printed(ran.stdout)["networks"][0]
    assert seed["setting"]["split"] == "val"
    assert "stretches of words by which was learned" in " ".join(seed["seeds"][0]["notes"])


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"data.input_size": [32, 32]}, ("data.input_size", "is of pictures")),
        ({"data.channels": 3}, ("data.channels", "is of pictures")),
        ({"data.crop": "centre"}, ("data.crop", "is of pictures")),
        ({"data.classes": ["a", "b"]}, ("data.classes", "is of pictures")),
        ({"data.void": 255}, ("data.void", "is of pictures")),
        ({"data.vocabulary": 1}, ("data.vocabulary", "2")),
        ({"data.splits": {"val": 1.5}}, ("data.splits.val", "share of train")),
        ({"data.splits": {"train": "third"}}, ("third", "train, val, test")),
        ({"training.zoom": [1.0, 2.0]}, ("training.zoom", "is of images")),
        ({"training.batch": 5000}, ("training.batch", "stream")),
        ({"objectives": ["accuracy"]}, ("objectives", "perplexity")),
        ({"space.network": "espnetv2"}, ("space.network", "not a network for language")),
        ({"space.classes": 7}, ("space.classes", "leave it out")),
        ({"task": "segmentation"}, ("data.layout", "the data are text")),
        ({"data.layout": "imagefolder", "data.input_size": [8, 8]}, ("data.layout", "the data are pictures")),
    ],
)
def test_what_a_text_has_not_is_one_line(
    text: Path, tmp_path: Path, changes: dict[str, Any], parts: tuple[str, ...]
) -> None:
    fields = text_study(text)
    for name, value in changes.items():
        outer, _, inner = name.partition(".")
        if inner:
            fields[outer] = {**fields[outer], inner: value}
        else:
            fields[outer] = value
    refused(archspace("search", written(tmp_path, fields), "--out", tmp_path / "run"), *parts)
    assert not (tmp_path / "run").exists()


def test_pictures_have_no_vocabulary_and_no_files_as_splits() -> None:
    for data, part in (({"vocabulary": 9}, "is of texts"), ({"splits": {"train": "val"}}, "share of train")):
        pictures = {"layout": "scenes", "input_size": [32, 32], **data}
        with pytest.raises(ValueError, match=part):
            parse_config({"name": "x", "task": "segmentation", "data": pictures, "trials": 0,
                          "given": ["espnet-c"], "objectives": ["miou"]})  # fmt: skip


@pytest.mark.slow
def test_what_the_device_cannot_run_is_said_before_anything_is_written(text: Path, tmp_path: Path) -> None:
    fields = text_study(text, objectives=["perplexity", "latency_ms"], trials=1)
    measure = {**fields["measure"], "runtime": "torch"}
    wrong = {**fields, "measure": {"runtime": "onnxruntime", "precision": "float16"}}
    refused(archspace("search", written(tmp_path, wrong), "--out", tmp_path / "run"), "precision")
    assert not (tmp_path / "run").exists()
    study = written(tmp_path, {**fields, "measure": measure})
    assert archspace("search", study, "--out", tmp_path / "run").returncode == 0
    latency = read_run(tmp_path / "run").trials[0].measurements["latency_ms"]
    assert latency.value > 0 and latency.taken_in.startswith("torch")


def test_a_yardstick_of_texts_has_the_least_perplexity_on_its_front(text: Path, tmp_path: Path) -> None:
    config = parse_config(text_study(text))
    sources = open_data(config)
    task = task_on(config, sources)
    table, specs = opened(config, tmp_path / "none.json", task, fingerprinted(config, sources), 2)
    assert table.train_images == 30  # windows of 10 tokens
    for place, key in enumerate(specs):
        for seed in (0, 1):
            table = table.with_row(table.rows[key].with_training(seed, [99.0, 20.0 + (place * 7) % 11], 1.0))
    stick = Yardstick.of(table, grid(SearchSpace(config.space, table.fixed)))
    least = int(np.argmin([table.rows[cell.spec.arch_id].metric[0][-1] for cell in stick.grid.cells]))
    ledger = Ledger(stick, 1e9, 0)
    for index in range(len(stick)):
        ledger.train(index)
    assert least in ledger.chosen and stick.truth[least] == stick.truth.max()


def test_a_metric_is_a_quality_whichever_way_is_better() -> None:
    qualities = {name for name, one in QUANTITIES.items() if one.quality}
    assert {"perplexity", "miou", "accuracy", "fps"} <= qualities
    assert not {"macs", "params", "latency_ms", "energy_mj"} & qualities
