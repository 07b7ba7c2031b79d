"""A study and a training know their data by content: moved they go on, changed they are refused with what differs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from analysis.store.fingerprint import DATA_FILE, ITEMS_FILE, read_fingerprint
from analysis.store.runs import read_run
from searches.config.study import parse_config
from searches.study.storage import open_storage
from tests.commands import Ran, archspace, printed, refused
from tests.searches.own_data import moved, relabelled, study_file, training_file, write_data
from tests.searches.studies import write_recipe, write_study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``data``, a finished study ``run`` and a finished training ``training`` on it."""
    folder = tmp_path_factory.mktemp("same")
    root = write_data(folder / "data")
    for words in (
        ("search", study_file(folder, root), "--out", folder / "run"),
        ("train", training_file(folder, root), "--out", folder / "training"),
    ):
        ran = archspace(*words)
        assert ran.returncode == 0, ran.stderr
    return folder


def _again(folder: Path, root: Path, *more: object) -> tuple[Ran, Ran]:
    """The study and the training, resumed on these data."""
    return archspace("search", folder / "run", "--data", root, *more), archspace(
        "train", folder / "training", "--data", root
    )


def _copy(made: Path, to: Path) -> Path:
    for name in ("run", "training"):
        shutil.copytree(made / name, to / name)
    return to


@pytest.mark.slow
def test_the_same_data_elsewhere_resume_under_their_name(made: Path, tmp_path: Path) -> None:
    folder = _copy(made, tmp_path)
    searched, trained = _again(folder, moved(made / "data", tmp_path / "elsewhere"), "--trials", 2)
    assert (searched.returncode, trained.returncode) == (0, 0), searched.stderr + trained.stderr
    study = read_run(folder / "run")
    assert study.data is not None and study.data_name == "data"
    assert [one.data["fingerprint"] for one in study.trials if one.data] == [study.data.short] * 2
    assert study.config["data"]["root"].endswith("elsewhere")


def test_other_labels_are_refused_with_how_many_and_the_first(made: Path, tmp_path: Path) -> None:
    root = relabelled(moved(made / "data", tmp_path / "data"), "1.png", "3.png")
    before = (made / "run" / "study.yaml").read_bytes()
    words = (
        "val: labels of 2 images differ, the first is images/val/1.png",
        "not those that",
        "another --out",
    )
    for ran in (*_again(made, root), archspace("search", made / "run", "--data", root, "--workers", 2)):
        refused(ran, *words)
    refused(archspace("search", study_file(tmp_path, root), "--out", made / "run"), *words)
    assert (made / "run" / "study.yaml").read_bytes() == before


def test_images_that_came_went_changed_or_have_other_names(made: Path, tmp_path: Path) -> None:
    root = moved(made / "data", tmp_path / "data")
    for kind in ("images", "labels"):
        for name in ("7.png", "8.png", "9.png"):
            shutil.copy(root / kind / "val" / "0.png", root / kind / "val" / name)
        (root / kind / "train" / "2.png").unlink()
    for ran in _again(made, root):
        refused(
            ran, "train: 1 image fewer, the first is images/train/2.png", "val: 3 images more", "val/7.png"
        )
    for kind in ("images", "labels"):
        for name in ("7.png", "8.png", "9.png"):
            (root / kind / "val" / name).unlink()
        shutil.copy(made / "data" / kind / "train" / "2.png", root / kind / "train" / "2.png")
        (root / kind / "val" / "0.png").rename(root / kind / "val" / "x.png")
    refused(_again(made, root)[0], "val: 1 image of another name, the first is images/val/x.png")
    for kind in ("images", "labels"):
        (root / kind / "val" / "x.png").rename(root / kind / "val" / "0.png")
    shutil.copy(root / "images/val/1.png", root / "images/val/0.png")
    refused(_again(made, root)[0], "val: content of 1 image differs, the first is images/val/0.png")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("classes", ["ground", "bar", "disc"], "class 1 is 'bar', not 'disc'"),
        ("classes", ["ground", "disc", "bar", "sky"], "4 classes, not 3"),
        ("void", 9, "the values of the masks stand for other classes"),
    ],
)
def test_labels_that_mean_something_else(
    made: Path, tmp_path: Path, field: str, value: object, words: str
) -> None:
    root = moved(made / "data", tmp_path / "data")
    about = yaml.safe_load((root / "dataset.yaml").read_text())
    (root / "dataset.yaml").write_text(yaml.safe_dump({**about, "colours": None, field: value}))
    refused(archspace("search", made / "run", "--data", root), words)


@pytest.mark.slow
def test_a_run_without_a_fingerprint_goes_on_with_a_note(
    made: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = _copy(made, tmp_path)
    for run in ("run", "training"):
        (folder / run / DATA_FILE).unlink()
        (folder / run / ITEMS_FILE).unlink()
    for ran in _again(folder, made / "data"):
        assert ran.returncode == 0, ran.stderr
    assert caplog.text.count("keeps no fingerprint of its data") == 2
    assert read_fingerprint(folder / "run") == read_fingerprint(made / "run")
    assert read_fingerprint(folder / "training") == read_fingerprint(made / "training")


@pytest.mark.slow
def test_a_worker_elsewhere_is_compared_with_the_storage(made: Path, tmp_path: Path) -> None:
    url = f"journal://{tmp_path / 'study.journal'}"
    study = study_file(tmp_path, made / "data", storage=url)
    assert archspace("search", study, "--out", tmp_path / "first").returncode == 0
    (held,) = {
        one.user_attrs["data"]["name"]
        for one in open_storage(parse_config(yaml.safe_load(study.read_text())), tmp_path).get_all_studies()
    }
    assert held == "data"
    other = relabelled(moved(made / "data", tmp_path / "other"), "0.png")
    refused(
        archspace("search", study, "--data", other, "--out", tmp_path / "second"),
        "val: other labels", "storage",
    )  # fmt: skip
    assert not (tmp_path / "second").exists()


@pytest.mark.slow
def test_built_in_data_are_their_generator_and_seed(tmp_path: Path) -> None:
    study = write_study(tmp_path, trials=1)
    ran = archspace("search", study, "--out", tmp_path / "run", "--json")
    data = printed(ran.stdout)["data"]
    assert data["name"] == "digits" and data["splits"]["train"]["images"] == 64
    assert data["splits"]["train"]["of"] == 1078
    ran = archspace("train", write_recipe(tmp_path), "--out", tmp_path / "training", "--json")
    assert printed(ran.stdout)["data"] == data, "a study and a training on the same data say the same"
    kept = json.loads((tmp_path / "run" / DATA_FILE).read_text())
    assert kept["source"] == "digits, generator 1"


def test_every_record_says_on_which_data_it_was_made(made: Path) -> None:
    (trial,) = read_run(made / "run").trials
    assert trial.data is not None and trial.data["name"] == "data" and trial.data["layout"] == "masks"
    assert {name: one["images"] for name, one in trial.data["splits"].items()} == {"train": 6, "val": 4}
    taken = trial.measurements["miou"].how
    val = trial.data["splits"]["val"]["fingerprint"]
    assert (taken["dataset"], taken["fingerprint"], taken["images"]) == ("data", val, 4)
    metrics = json.loads((made / "training" / "metrics.json").read_text())
    assert metrics["data"] == trial.data
    evaluated = printed(archspace("evaluate", made / "training", "--data", made / "data", "--json").stdout)[
        "data"
    ]
    assert evaluated == {
        "name": "data", "layout": "masks", "split": "val", "images": 4, "fingerprint": val,
    }  # fmt: skip
