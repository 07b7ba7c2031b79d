"""``archspace init --data``: what it says of a folder, and that the study which it writes runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archspace.support.yaml_text import dump_yaml, read_yaml
from searches.config.study import StudyConfig, read_config
from searches.data.own import own_of
from tests.commands import archspace, printed, refused
from tests.searches.data.layout_files import coco, mask, photo, voc_picture
from tests.searches.texts import write_text_files

pytestmark = pytest.mark.usefixtures("cache_folder")

SIZE = (60, 80)


def written(root: Path, *options: object) -> tuple[StudyConfig, str]:
    """The study for a folder, and what was said."""
    path = root.parent / f"{root.name}.yaml"
    done = archspace("init", path, "--data", root, *options)
    assert done.returncode == 0, done.stderr
    return read_config(str(path)), done.stdout


def masks(root: Path, values: tuple[int, ...], count: int = 10) -> Path:
    for i in range(count):
        photo(root / "images" / f"{i}.jpg", SIZE)
        drawn = np.full(SIZE, values[0], np.uint8)
        drawn[:30, : 8 * len(values)] = np.repeat(np.array(values, np.uint8), 8)
        mask(root / "masks" / f"{i}.png", drawn)
    return root


def classes(root: Path) -> Path:
    for i in range(16):
        photo(root / ("healthy", "rust leaf")[i % 2] / f"{i}.jpg", SIZE, mode="L")
    return root


def objects(root: Path, layout: str) -> Path:
    if layout == "voc":
        for i in range(10):
            voc_picture(root, str(i), [(("nut", "bolt")[i % 2], 1, 1, 40, 30)], size=SIZE, source="Unknown")
            photo(root / "JPEGImages" / f"{i}.jpg", SIZE)
        return root
    boxes = [{"image_id": 1 + i, "category_id": 1 + i % 2, "bbox": [0, 0, 40, 30]} for i in range(10)]
    path = coco(
        root, boxes, split="default", sizes=[SIZE] * 10, folder="images", categories=((1, "nut"), (2, "bolt"))
    )
    path.rename(path.with_name("instances_default.json"))
    return root


def small(path: Path) -> None:
    """Makes a study the smallest that there is, and leaves its data alone."""
    study = read_yaml(path)
    study["training"].update(epochs=1)
    study["space"] = {
        "network": study["space"]["network"],
        "width": {"choices": [0.25]},
        "alphas": [0, 0, 0, 0],
    }
    if study["task"] == "segmentation":
        study["space"].update(network="espnet-c", alphas=[1, 1])
    path.write_text(dump_yaml({**study, "workers": 1}))


def test_masks_without_names(tmp_path: Path) -> None:
    study, said = written(masks(tmp_path / "plain", (0, 1, 2, 255)))
    assert (
        "layout pairs, for segmentation" in said
        and "3 classes: class 0, class 1, class 2 (nothing names" in said
    )
    assert "void: 255" in said and "height 60/60/60, width 80/80/80" in said
    assert "8 train, 2 val (there is no val: 20 % of train for val, drawn by data.seed 0)" in said
    own = own_of(study.data)
    assert (own.classes, own.void, dict(own.splits)) == (
        ("class 0", "class 1", "class 2"),
        (255,),
        {"val": 0.2},
    )
    assert (study.task, study.data.input_size, study.objectives) == (
        "segmentation",
        (64, 64),
        ("miou", "macs"),
    )
    binary, _ = written(masks(tmp_path / "binary", (0, 255)))
    assert binary.data.classes == {0: "background", 255: "object"} and binary.data.void == []


def test_a_list_of_classes_names_them(tmp_path: Path) -> None:
    root = masks(tmp_path / "named", (0, 1))
    (root / "classes.txt").write_text("ground\ndisc\n")
    (root / "notes").mkdir()
    photo(root / "notes" / "a.png")
    study, said = written(root)
    assert study.data.classes is None and "2 classes: ground, disc" in said.splitlines()
    assert "not used:" in said and "notes" in said


def test_folders_of_classes(tmp_path: Path) -> None:
    study, said = written(classes(tmp_path / "Blätter #2"))
    assert study.name == "Blatter-2" and study.data.root == tmp_path / "Blätter #2"
    assert (
        "layout imagefolder, for classification" in said and "healthy, rust leaf" in said and "grey" in said
    )
    assert (study.data.channels, study.data.splits) == (1, {"val": 0.2})


def test_folders_with_splits_keep_them(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        classes(tmp_path / "leaves" / split)
    study, said = written(tmp_path / "leaves")
    assert study.data.splits == {} and "pictures: 16 train, 16 val, 16 test" in said.splitlines()


@pytest.mark.parametrize("layout", ["voc", "coco"])
def test_boxes_with_names_of_their_own(tmp_path: Path, layout: str) -> None:
    study, said = written(objects(tmp_path / "parts", layout))
    assert f"layout {layout}, for detection (--task also: " in said and "2 classes: " in said
    assert (study.task, study.data.layout, study.objectives) == ("detection", layout, ("map", "macs"))
    other, _ = written((tmp_path / "parts").rename(tmp_path / "other"), "--task", "multilabel")
    assert other.task == "multilabel"


def test_what_cannot_be_understood_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    (tmp_path / "empty").mkdir()
    refused(
        archspace("init", path, "--data", tmp_path / "empty"),
        "has no layout that is known",
        "images and masks",
    )
    refused(archspace("init", path, "--data", tmp_path / "none"), "no such folder")
    root = masks(tmp_path / "one", (0,))
    refused(archspace("init", path, "--data", root), "all masks hold the value 0 alone")
    Image.fromarray(np.arange(4800, dtype=np.uint8).reshape(SIZE)).save(root / "masks" / "3.png")
    refused(archspace("init", path, "--data", root), "3.png: has more than 100 values")
    (root / "classes.txt").write_text("ground\ndisc\n")
    refused(
        archspace("init", path, "--data", root, "--task", "detection"),
        "does not serve it",
        "segmentation",
    )
    refused(archspace("init", path, "--task", "detection"), "--data FOLDER")
    refused(archspace("init", path, "--data", root, "--recipe", "scenes"), "--recipe")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "train.txt").write_text("a b\n")
    (tmp_path / "text" / "valid.txt").write_text("a b\n")
    (tmp_path / "text" / "test.txt").write_text("a b\n")
    refused(archspace("init", path, "--data", tmp_path / "text"), "3 tokens to train on")
    refused(
        archspace("init", path, "--data", tmp_path / "text", "--task", "detection"), "is text", "language"
    )
    assert not path.exists()
    path.write_text("mine")
    refused(archspace("init", path, "--data", masks(tmp_path / "good", (0, 1))), "is there already")
    assert path.read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["pairs", "imagefolder", "voc", "coco"])
def test_from_a_folder_to_a_retrained_network(tmp_path: Path, layout: str) -> None:
    root = tmp_path / "data"
    made = {"pairs": lambda: masks(root, (0, 1)), "imagefolder": lambda: classes(root)}
    made.get(layout, lambda: objects(root, layout))()
    study, run = tmp_path / "data.yaml", tmp_path / "run"
    written(root)
    small(study)
    export = ("export", f"{run}:0", "--out", tmp_path / "exported")
    for words in (
        ("search", study, "--trials", 1, "--out", run),
        ("retrain", run, "--epochs", 1),
        *([] if layout == "coco" else [export]),  # a detector, as of voc
    ):
        done = archspace(*words)
        assert done.returncode == 0, done.stderr
    assert (run / "retrained" / "0-seed0" / "weights.safetensors").is_file()
    if layout in made:
        names = (tmp_path / "exported" / "classes.txt").read_text().splitlines()
        assert names == (["background", "object"] if layout == "pairs" else ["healthy", "rust leaf"])
    evaluated = archspace("evaluate", f"{run}:0", "--json")
    assert evaluated.returncode == 0 and '"layout": "' + layout in evaluated.stdout


@pytest.mark.parametrize(
    ("lines", "splits"),
    [
        ({"train": 40, "valid": 10, "test": 10}, {}),
        ({"train": 40, "test": 10}, {"val": 0.1}),
        ({"train": 40}, {"val": 0.1, "test": 0.1}),
        ({"valid": 40, "test": 10}, {"train": "valid", "val": 0.1}),
    ],
)
def test_a_text_becomes_a_language_study_with_all_splits(
    tmp_path: Path, lines: dict[str, int], splits: dict[str, object]
) -> None:
    config, said = written(write_text_files(tmp_path / "text", lines))
    assert config.task == "language" and config.data.splits == splits
    assert config.objectives == ("perplexity", "macs") and "channels" in config.space
    assert "text, for language" in said and "words of train" in said
    checked = archspace("data", "check", tmp_path / "text.yaml", "--json")
    assert checked.returncode == 0, checked.stderr
    assert list(printed(checked.stdout)["splits"]) == ["train", "val", "test"]
    assert archspace("search", tmp_path / "text.yaml", "--dry-run").returncode == 0


def test_one_file_becomes_a_language_study_too(tmp_path: Path) -> None:
    root = write_text_files(tmp_path / "text", {"train": 60})
    (root / "train.txt").rename(tmp_path / "novel.txt")
    path = tmp_path / "study.yaml"
    assert archspace("init", path, "--data", tmp_path / "novel.txt").returncode == 0
    config = read_config(str(path))
    assert config.name == "novel" and config.data.root == tmp_path / "novel.txt" and not config.data.splits
