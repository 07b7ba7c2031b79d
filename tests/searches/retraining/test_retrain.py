"""Chosen networks of a study trained in full: judged once, exported, gone on with, nothing chosen by the test."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

import analysis
import archspace
import searches
from analysis.store.retrained import RETRAINED_FILE, read_retrained, read_retrained_file
from archspace.support.errors import InputError
from searches.data.dataset import checked_request
from searches.data.fingerprint import Source
from searches.retraining.judging import seen_in
from searches.training.resume import STATE_FILE
from tests.commands import archspace as call
from tests.commands import printed, refused
from tests.forked import archspace_begun
from tests.searches.data.layout_files import coco
from tests.searches.retraining.small_study import COUNTS, small_study, write_pictures
from tests.waiting import until


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``data``, and a finished study in ``run``."""
    folder = tmp_path_factory.mktemp("retrain")
    searches.search(small_study(write_pictures(folder / "data")), folder / "run")
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A copy of the study, of this test's own."""
    return Path(shutil.copytree(made / "run", tmp_path / "run"))


def two(run: Path) -> list[str]:
    """Labels of the given network and of a sampled one that was trained."""
    return [one.label for one in analysis.read_run(run).trials if one.values and one.duplicate_of is None][:2]


def weights(run: Path, name: str) -> dict[str, torch.Tensor]:
    return load_file(run / "retrained" / name / "weights.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[key]) for key, value in one.items())


@pytest.mark.slow
def test_chosen_networks_are_trained_judged_measured_and_exported(made: Path, tmp_path: Path) -> None:
    run, objectives = tmp_path / "run", ["accuracy", "macs", "latency_ms"]
    searches.search(small_study(made / "data", objectives=objectives, trials=1), run)
    words = ("retrain", run, "--pick", ",".join(two(run)), "--epochs", "2", "--seeds", "2")
    ran = call(*words, "--json")
    assert ran.returncode == 0, ran.stderr
    result = printed(ran.stdout)
    assert {one["trial"] for one in result["networks"]} == set(two(run))
    for network in result["networks"]:
        setting = network["setting"]
        assert setting["images"] == COUNTS["train"] and setting["judged_images"] == COUNTS["test"]
        assert (setting["split"], setting["epochs"], setting["start"]) == ("test", 2, "scratch")
        values = [one["value"] for one in network["seeds"]]
        assert network["mean"] == pytest.approx(sum(values) / 2) and network["deviation"] is not None
        for one in network["seeds"]:
            assert one["measurements"]["latency_ms"] > 0 and one["test_evaluations"] == 1
            judged = searches.evaluate(one["folder"], made / "data", split="test")
            assert judged["accuracy"] == pytest.approx(one["value"])
            exported = archspace.load(one["export"])
            assert exported.spec.arch_id == network["arch_id"]
            card = Path(one["export"], "card.md").read_text()
            assert "of a full training: 2 epochs from scratch on 12 images (train)" in card
    assert result["correlations"][0]["n"] == 2 and result["correlations"][0]["kendall"] is None
    seeds = result["networks"][0]["seeds"]
    assert not same(*(weights(run, Path(one["folder"]).name) for one in seeds))
    measured_unstable(Path(seeds[0]["folder"]) / RETRAINED_FILE, "latency_ms")
    assert any(word.startswith("~") for word in call(*words).stdout.split())


def measured_unstable(record: Path, name: str) -> None:
    """Marks a number in the record of a retrained network as one of an unstable measurement."""
    data = json.loads(record.read_text())
    data["measurements"][name]["how"].update(stable=False, flags=["drift"])
    record.write_text(json.dumps(data))


@pytest.mark.slow
def test_what_is_done_is_kept_and_another_training_is_refused_or_replaces_it(run: Path) -> None:
    first = searches.retrain(run, "knee", epochs=1)
    folder = first.folder(first.records[0])
    before = (folder / "weights.safetensors").stat().st_mtime_ns
    ran = call("retrain", run, "--epochs", "1")
    assert ran.returncode == 0 and "done before" in ran.stderr
    assert (folder / "weights.safetensors").stat().st_mtime_ns == before
    label = first.records[0].trial
    assert f"{folder}/export" in ran.stdout and f"archspace report {run}" in ran.stdout
    refused(call("retrain", run, "--epochs", "2"), str(folder), "training.epochs: 1 -> 2", "--replace")
    refused(call("retrain", run, "--epochs", "1", "--from-trial"), "from scratch -> from the trial's weights")
    assert (folder / "weights.safetensors").stat().st_mtime_ns == before
    again = call("retrain", run, "--pick", label, "--epochs", "2", "--replace")
    assert again.returncode == 0, again.stderr
    assert "judged on the test split 2 times" in again.stdout
    assert read_retrained_file(folder / RETRAINED_FILE).setting.epochs == 2


@pytest.mark.slow
def test_another_test_split_changes_its_number_and_nothing_else(
    made: Path, run: Path, tmp_path: Path
) -> None:
    one = searches.retrain(run, "best", epochs=1)
    other_data = Path(shutil.copytree(made / "data", tmp_path / "other"))
    for name, left in (("dark", 1), ("light", 1), ("mixed", 3)):  # no guess of one class stays as good
        for path in sorted((other_data / "test" / name).iterdir())[left:]:
            path.unlink()
    other_run = Path(shutil.copytree(made / "run", tmp_path / "other-run"))
    other = searches.retrain(other_run, "best", epochs=1, data=other_data)
    assert [r.folder for r in one.records] == [r.folder for r in other.records]
    for record in one.records:
        assert same(weights(run, record.folder), weights(other_run, record.folder))
    assert [r.value for r in one.records] != [r.value for r in other.records]


@pytest.mark.slow
def test_other_data_than_the_study_was_made_on_are_refused(made: Path, run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(made / "data", tmp_path / "other"))
    gone = min((other / "train" / "dark").iterdir())
    gone.unlink()
    refused(
        call("retrain", run, "--epochs", "1", "--data", other),
        "data: are not those",
        gone.name,
        "--data says",
    )
    assert not (run / "retrained").exists()


def test_pictures_of_one_name_in_two_splits_are_two_pictures_and_a_copy_is_the_same_one(
    tmp_path: Path,
) -> None:
    for split in ("train", "val"):
        coco(tmp_path, [{}], split=split, sizes=[(8, 8), (8, 8)])
    Image.new("RGB", (8, 8), "red").save(tmp_path / "val2017" / "2.jpg")
    train, val = (
        Source(checked_request(
            "coco", split, root=tmp_path, input_size=(8, 8), channels=3, task="detection", seed=0
        ))
        for split in ("train", "val")
    )  # fmt: skip
    assert seen_in(val, train) == ["1.jpg"]
    shutil.copy(tmp_path / "val2017" / "2.jpg", tmp_path / "train2017" / "1.jpg")
    copied = Source(train.request)
    assert seen_in(val, copied) == ["1.jpg", "2.jpg"]


@pytest.mark.slow
def test_val_judges_where_there_is_no_test_and_is_learned_from_only_where_there_is(
    made: Path, run: Path, tmp_path: Path
) -> None:
    given, sampled = two(run)
    both = searches.retrain(run, sampled, epochs=1, use_val=True).records[0]
    assert both.setting.images == COUNTS["train"] + COUNTS["val"] and both.setting.split == "test"
    metrics = json.loads((run / "retrained" / both.folder / "metrics.json").read_text())
    assert metrics["trained_on"] == ["train", "val"]
    data = Path(shutil.copytree(made / "data", tmp_path / "untested"))
    shutil.rmtree(data / "test")
    refused(
        call("retrain", run, "--epochs", "1", "--use-val", "--data", data, "--replace"),
        "--use-val",
        "no test split",
    )
    ran = call("retrain", run, "--pick", given, "--epochs", "1", "--data", data)
    assert ran.returncode == 0 and "judged on 6 (val)" in ran.stdout
    assert (
        "val, by which the search has chosen, judges" in ran.stderr and "test is looked at" not in ran.stderr
    )
    assert "no test split can be used" in " ".join(ran.stdout.split())
    record = next(one for one in read_retrained(run) if one.trial == given)
    assert record.setting.split == "val" and record.test_evaluations == 0


@pytest.mark.slow
def test_a_training_starts_from_the_trial_where_that_is_asked_for(run: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "still.yaml"
    recipe.write_text(
        yaml.safe_dump({"training": {"epochs": 1, "batch": 4, "lr": 1e-12, "weight_decay": 0.0}})
    )
    record = searches.retrain(run, "given", str(recipe), from_trial=True).records[0]
    kept, trial = weights(run, record.folder), load_file(run / "trials" / "given-0" / "weights.safetensors")
    learned = [name for name, value in kept.items() if name.endswith("weight") and value.ndim == 4]
    assert learned and all(torch.allclose(kept[name], trial[name], atol=1e-6) for name in learned)
    assert record.setting.start == "trial" and record.setting.recipe == "still"


BAD: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no seed": (("--seeds", "0"), ("--seeds", "at least 1")),
    "a seed that is none": (("--seed", "4294967296"), ("--seed: 4294967296", "from 0 to 4294967295")),
    "seeds beyond the last": (("--seed", "4294967295", "--seeds", "2"), ("--seeds: 2", "nearest valid: 1")),
    "no epoch": (("--epochs", "0"), ("--epochs", "at least 1")),
    "no such trial": (("--pick", "99"), ("--pick", "'99'", "knee, best, front, given")),
    "nothing picked": (("--pick", ","), ("--pick", "chooses nothing")),
    "another task": (("--recipe", "espnet"), ("--recipe", "is for segmentation", "cifar10")),
    "no such recipe": (("--recipe", "cifar100"), ("--recipe", "cifar10")),
    "no such data": (("--data", "nowhere"), ("data.root", "no such folder")),
    "no such device": (("--device", "tpu"), ("device", "cpu")),
    "beyond every bound": (("--max-macs", "1"), ("macs <= 1", "the smallest macs is")),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(case: str, made: Path) -> None:
    words, parts = BAD[case]
    refused(call("retrain", made / "run", *words), *parts)
    assert not list((made / "run").glob("retrained/*"))


def test_a_run_that_is_none_or_has_nothing_to_choose_is_refused(made: Path, tmp_path: Path) -> None:
    refused(call("retrain", tmp_path / "none"), "no such run folder")
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(made / "run" / "study.yaml", empty)
    refused(call("retrain", empty), "no finished trial yet")
    moved = Path(shutil.copytree(made / "run", tmp_path / "moved"))
    config = yaml.safe_load((moved / "study.yaml").read_text())
    config["data"]["root"] = str(tmp_path / "gone")
    (moved / "study.yaml").write_text(yaml.safe_dump(config))
    refused(call("retrain", moved, "--epochs", "1"), "data.root", "no such folder")
    shutil.rmtree(moved / "trials" / "given-0")
    refused(call("retrain", moved, "--pick", "given"), "given no network")


def test_two_processes_do_not_train_one_network(run: Path) -> None:
    from archspace.support.locks import try_lock

    label = searches.StudyResults(run).pick("knee").label
    held = try_lock(run / "retrained" / f".{label}-seed3.lock")
    assert held is not None
    ran = call("retrain", run, "--epochs", "1")
    held.release()
    assert ran.returncode == 1 and "another process is at it" in ran.stderr
    assert not (run / "retrained" / f"{label}-seed3").exists()


@pytest.mark.slow
def test_killed_at_any_point_it_comes_to_the_same_networks(made: Path, run: Path, tmp_path: Path) -> None:
    both = [
        trial.label for trial in analysis.read_run(run).trials if trial.values and trial.duplicate_of is None
    ][:2]
    words = ("--pick", ",".join(both), "--epochs", "12")
    whole = Path(shutil.copytree(made / "run", tmp_path / "whole"))
    expected = searches.retrain(whole, both, epochs=12).records
    first, second = (run / "retrained" / one.folder for one in expected)
    for reached in (first / STATE_FILE, first / "evaluation.json", second / STATE_FILE):
        with archspace_begun("retrain", run, *words) as process:
            until(
                lambda path=reached, process=process: path.is_file() or process.poll() is not None,
                str(reached),
            )
            process.send_signal(signal.SIGKILL)
            process.wait()
    states = {(folder / RETRAINED_FILE).is_file() for folder in (first, second)}
    ran = call("retrain", run, *words)
    assert ran.returncode == 0, ran.stderr
    assert states == {True, False} and "done before" in ran.stderr
    for record in expected:
        assert same(weights(whole, record.folder), weights(run, record.folder))
    ended = {one.folder: one.value for one in read_retrained(run)}
    assert ended == {one.folder: one.value for one in expected}


@pytest.mark.slow
def test_an_export_says_what_its_weights_are_and_what_comes_next(run: Path) -> None:
    ran = call("export", run, "--pick", "given-0")
    assert f"next: archspace retrain {run} --pick given-0" in " ".join(ran.stdout.split())
    assert (
        "of a search: 1 epoch on 6 images, no full training"
        in (run / "export" / "given-0" / "card.md").read_text()
    )
    done = searches.retrain(run, "given", epochs=1)
    folder = done.folder(done.records[0])
    assert f"trained in full: {folder}" in " ".join(call("export", run, "--pick", "given-0").stdout.split())
    assert call("export", folder, "--out", run / "out").returncode == 0
    assert "of a full training: 1 epoch " in (run / "out" / "card.md").read_text()


def test_a_training_that_diverges_does_not_stop_the_others(run: Path, tmp_path: Path) -> None:
    recipe: dict[str, Any] = {
        "training": {"epochs": 1, "batch": 4, "optimizer": "sgd", "lr": 1e30, "warmup": 0.0}
    }
    path = tmp_path / "wild.yaml"
    path.write_text(yaml.safe_dump(recipe))
    results = searches.retrain(run, two(run), str(path))
    assert not results.records and len(results.failed) == 2
    assert all("loss is" in reason for reason in results.failed.values())


def test_one_pick_of_a_wrong_kind_is_refused_from_python_too(run: Path) -> None:
    with pytest.raises(InputError, match="--seeds: 0"):
        searches.retrain(run, seeds=0)
