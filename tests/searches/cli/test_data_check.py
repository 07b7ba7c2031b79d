"""``archspace data check`` and how a folder's layout is seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from archspace.support.errors import InputError
from searches.data.dataset import layouts
from searches.data.identify import TEXT, identify, signs
from tests.commands import archspace, refused
from tests.searches.data.layout_files import (
    CURB,
    city,
    coco,
    described,
    mask,
    photo,
    vistas,
    voc_list,
    voc_picture,
    voc_xml,
)

pytestmark = pytest.mark.usefixtures("cache_folder")


def checked(root: Path, *options: object, problems: bool = False) -> dict[str, Any]:
    completed = archspace("data", "check", root, "--json", "--out", root.parent / "out", *options)
    assert completed.returncode == int(problems), completed.stderr
    result: dict[str, Any] = json.loads(completed.stdout)
    return result


def test_every_layout_is_seen_from_its_folder(tmp_path: Path) -> None:
    city(tmp_path / "cityscapes", "ulm_1_1", [[7]])
    vistas(tmp_path / "mapillary", None, [CURB], [[0]])
    coco(tmp_path / "coco", [{}])
    voc_picture(tmp_path / "voc", "a", [])
    voc_picture(tmp_path / "devkit" / "VOCdevkit" / "VOC2007", "a", [])
    described(tmp_path / "masks")
    photo(tmp_path / "segnet" / "train" / "a.png")
    (tmp_path / "segnet" / "trainannot").mkdir()
    (tmp_path / "segnet" / "train.txt").write_text("/SegNet/CamVid/train/a.png\n")
    photo(tmp_path / "imagefolder" / "train" / "cat" / "a.png")
    photo(tmp_path / "pairs" / "images" / "a.jpg")
    mask(tmp_path / "pairs" / "masks" / "a.png", [[0]])
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "wiki.train.tokens").write_text("a\n")
    identified = {
        folder.name: identify(folder) for folder in sorted(tmp_path.iterdir()) if folder.name != "cache"
    }
    assert identified == {**{name: name for name in signs()}, "devkit": "voc"}
    assert set(signs()) - {TEXT} <= set(layouts())
    with pytest.raises(InputError, match="no layout that is known"):
        identify(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        identify(tmp_path / "none")


def test_boxes_are_counted_and_every_fault_is_listed(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("a", "b", "c", "d"):
        voc_picture(root, name, [("dog", 1, 1, 6, 4), ("cat", 2, 2, 3, 3)], difficult=[1])
    voc_list(root, "train", ["a", "b", "c", "d", "lost"])
    voc_list(root, "val", ["a"])
    voc_xml(root / "Annotations" / "b.xml", [("dog", 5, 5, 4, 8), ("dog", 1, 1, 2, 2)])
    (root / "JPEGImages" / "c.jpg").write_bytes(b"no image")
    (root / "Annotations" / "d.xml").write_text("<a>")
    result = checked(root, problems=True)
    assert (result["layout"], result["task"]) == ("voc", "detection")
    assert result["tasks"] == {"detection": ["train", "val"], "multilabel": ["train", "val"]}
    train = result["splits"]["train"]
    assert (train["images"], train["readable"], train["boxes"], train["ignored_boxes"]) == (5, 2, 3, 1)
    assert train["classes"]["dog"] == {"images": 2, "boxes": 2}
    assert train["classes"]["cat"] == {"images": 1, "boxes": 1}
    assert train["sizes"] == {"height": [8, 8, 8], "width": [12, 12, 12], "distinct": 1}
    assert train["modes"] == {"RGB": 2}
    listed = {entry["file"]: entry["problem"] for entry in train["listed"]}
    assert listed["JPEGImages/lost.jpg"].startswith("no such image")
    assert listed["Annotations/d.xml"].startswith("is not XML")
    assert listed["JPEGImages/c.jpg"].startswith("is not an image")
    assert "box 1 (dog: 4, 4, 4, 8) has no area" in listed["JPEGImages/b.jpg"]
    assert result["in_two_splits"] == [{"file": "JPEGImages/a.jpg", "problem": "is in train and in val"}]
    assert result["problems"] == train["problems"] + 1 == 5
    with Image.open(result["sheets"]["train"]) as sheet:
        assert sheet.format == "PNG"
        assert min(sheet.size) > 100
    assert json.loads((tmp_path / "out" / "check.json").read_text()) == result
    few = checked(root, "--split", "train", "--most", 1, problems=True)
    assert len(few["splits"]["train"]["listed"]) == 1
    assert few["splits"]["train"]["problems"] == 4


def test_masks_are_counted_by_pixel(tmp_path: Path) -> None:
    root = tmp_path / "data"
    described(root)
    values = np.zeros((8, 12), np.uint8)
    values[:2], values[-1] = 1, 255
    for name, mode in (("a", "RGB"), ("b", "L"), ("c", "RGBA"), ("d", "I;16"), ("e", "RGB"), ("f", "RGB")):
        photo(root / "images" / "training" / f"{name}.png", mode=mode)
        mask(root / "labels" / "training" / f"{name}.png", values if name != "e" else values + 1)
    (root / "labels" / "training" / "f.png").unlink()
    mask(root / "labels" / "training" / "d.png", values[:5])
    result = checked(root, problems=True)["splits"]["train"]
    assert result["classes"] == {"road": {"images": 3, "pixels": 180}, "sky": {"images": 3, "pixels": 72}}
    assert (result["pixels"], result["void_pixels"]) == (288, 36)
    assert result["modes"] == {"RGB": 2, "L": 1, "RGBA": 1, "I;16": 1}
    listed = {entry["file"]: entry["problem"] for entry in result["listed"]}
    assert "has no mask" in listed["images/training/f.png"]
    problems = " ".join(listed.values())
    assert "e.png: has value 2 in 24 pixels; must be a class 0..1, or void 255" in problems
    assert "d.png: is 5x12, its image 8x12" in problems
    assert len(listed) == 3


def test_folders_of_classes(tmp_path: Path) -> None:
    """As ImageNet lies: train and val with one folder a wnid."""
    root = tmp_path / "data"
    for split, count in (("train", 3), ("val", 1)):
        for name in ("n01440764", "n01443537"):
            for number in range(count):
                photo(root / split / name / f"{name}_{number}.JPEG", (8 + number, 12))
    (root / "train" / "n01440764" / "n01440764_1.JPEG").write_bytes(b"")
    (root / "train" / "n02").mkdir()
    photo(root / "val" / "n03" / "a.JPEG")
    result = checked(root, problems=True)
    train, val = result["splits"]["train"], result["splits"]["val"]
    assert result["tasks"] == {"classification": ["train", "val"]}
    assert train["classes"] == {"n01440764": {"images": 2}, "n01443537": {"images": 3}}
    assert train["sizes"]["height"] == [8, 9, 10]
    assert [entry["file"] for entry in train["listed"]] == ["train/n02", "train/n01440764/n01440764_1.JPEG"]
    assert val["listed"][0]["problem"].startswith("class 'n03' is not in train")
    assert val["readable"] == 2


def test_tasks_and_splits_that_are_not_there_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "data"
    coco(root, [{"segmentation": [[0, 0, 4, 0, 4, 4]]}], sizes=((8, 12), (6, 5)))
    assert next(iter(checked(root, "--task", "segmentation")["splits"]["train"]["classes"])) == "background"
    assert checked(root, "--task", "multilabel")["splits"]["train"]["classes"]["person"] == {"images": 1}
    assert checked(root)["splits"]["train"]["sizes"] == {
        "height": [6, 7, 8],
        "width": [5, 8, 12],
        "distinct": 2,
    }
    for options, words in (
        (("--split", "val"), "has no such split (here: train)"),
        (("--split", "trian"), "unknown split"),
        (("--task", "classification"), "does not serve it"),
        (("--layout", "cocoo"), "unknown data.layout"),
        (("--layout", "digits"), "is built in"),
        (("--layout", "cityscapes"), "leftImg8bit/train: no such folder"),
    ):
        refused(archspace("data", "check", root, "--out", tmp_path / "no", *options), words)
    refused(archspace("data", "check", tmp_path / "none"), "no such folder")
    assert not (tmp_path / "no").exists()


def test_a_text_is_checked_and_people_can_read_it(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a b [c]\n")
    (tmp_path / "valid.txt").write_text("a z\n")
    completed = archspace("data", "check", tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert "val: 3 tokens in valid.txt, 33.33 % of them <unk>" in completed.stdout
    assert "no problems" in completed.stdout


@pytest.mark.slow
def test_real_data_have_no_faults(shared: Path, tmp_path: Path) -> None:
    completed = archspace(
        "data", "check", shared / "data" / "bccd_voc", "--split", "val", "--json", "--out", tmp_path / "out"
    )
    assert completed.returncode == 0, completed.stderr
    result = json.loads(completed.stdout)["splits"]["val"]
    assert (result["images"], result["boxes"], result["problems"]) == (87, 1138, 0)
    assert {name: row["boxes"] for name, row in result["classes"].items()} == {
        "Platelets": 83,
        "RBC": 968,
        "WBC": 87,
    }


def test_classes_that_never_occur_and_much_void_are_said(tmp_path: Path) -> None:
    root = tmp_path / "data"
    described(root, classes=["background", "crack"])
    for i in range(2):
        photo(root / "images" / "training" / f"{i}.png", (4, 4))
        mask(root / "labels" / "training" / f"{i}.png", np.repeat([[0], [255]], 2, 0) * np.ones((1, 4), int))
    result = checked(root)
    assert result["remarks"] == [
        "class 'crack' occurs in no mask",
        "void (value 255 in the masks) is 50.00 % of all pixels of train; is it a class? then say which value is"
        " which class, and what is void",
    ]
    printed = archspace("data", "check", root, "--out", tmp_path / "out").stdout
    assert "note: class 'crack' occurs in no mask" in printed
    assert printed.splitlines()[-1] == "no problems; see the 2 notes above"
    described(root, classes=["background", "crack"], labels={0: 0, 255: 1}, void=None)
    assert checked(root)["remarks"] == []
    assert (
        archspace("data", "check", root, "--out", tmp_path / "out").stdout.splitlines()[-1] == "no problems"
    )


def test_a_layout_is_no_data_set(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("a", "b"):
        photo(root / "JPEGImages" / f"{name}.jpg", (4, 4))
        mask(root / "SegmentationClass" / f"{name}.png", np.full((4, 4), 2 if name == "a" else 0))
    voc_list(root, "train", ["a"], "Segmentation")
    voc_list(root, "val", ["b"], "Segmentation")
    refused(
        archspace("data", "check", root), "nothing says which class a value", "classes.txt", "data.classes"
    )
    vocs = root.rename(tmp_path / "VOC2012")
    first, *others = checked(vocs)["remarks"]
    assert first.startswith("classes 'aeroplane', 'bird', ") and first.endswith(
        "and 13 more occur in no mask"
    )
    assert others[:2] == [
        "class 'background' occurs in no mask of train",
        "class 'bicycle' occurs in no mask of val",
    ]
    vocs.rename(root)
    (root / "classes.txt").write_text("sky\nroad\npole\n")
    assert checked(root)["remarks"][0] == "class 'road' occurs in no mask"


def test_files_that_are_not_used_are_problems_and_a_val_from_train_is_said(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for i in range(10):
        photo(root / "train" / "cat" / f"{i}.png")
    photo(root / "train" / "cat" / "more" / "a.png")
    photo(root / "train" / "stray.png")
    photo(root / "vald" / "cat" / "a.png")
    (root / "train" / "cat" / "a.heic").write_bytes(b"x")
    result = checked(root, problems=True)
    assert {entry["file"]: entry["problem"] for entry in result["unread"]} == {
        "train/cat/a.heic": "is not read: '.heic' is no suffix of an image that is known",
        "train/cat/more": "is a folder among the images: the image in it is not used",
        "train/stray.png": "lies beside the class folders: not used",
        "vald": "is no split: the image in it is not used",
    }
    assert result["problems"] == 4
    assert result["remarks"][0] == "there is no val: a fixed 10 % of each class of train stands in for it"


def test_the_reason_is_that_of_the_task_whose_annotations_are_there(tmp_path: Path) -> None:
    root = tmp_path / "data"
    photo(root / "JPEGImages" / "a.jpg")
    (root / "SegmentationClass").mkdir()
    refused(archspace("data", "check", root), "has no list ImageSets/Segmentation/train.txt")
    refused(archspace("data", "check", root, "--task", "detection"), "has no list ImageSets/Main/train.txt")
    voc_list(root, "train", ["a", "b"], "Segmentation")
    voc_list(root, "val", ["c"], "Segmentation")
    (root / "classes.txt").write_text("sky\nroad\n")
    result = checked(root, problems=True)
    assert result["tasks"] == {"segmentation": ["train", "val"]}
    listed = [entry["problem"] for split in result["splits"].values() for entry in split["listed"]]
    assert sorted(problem.partition(",")[0].partition(" /")[0] for problem in listed) == [
        "has no mask", "no such image", "no such image",
    ]  # fmt: skip


def test_masks_without_images_and_images_without_annotation_are_said(tmp_path: Path) -> None:
    root = tmp_path / "pairs"
    described(root)
    for name in ("a", "b"):
        mask(root / "labels" / "training" / f"{name}.png", [[0, 1]] * 2)
    photo(root / "images" / "training" / "a.png", (2, 2))
    assert [(entry["file"], entry["problem"]) for entry in checked(root, problems=True)["unread"]] == [
        ("labels/training/b.png", "is no picture's mask: not used")
    ]
    root = tmp_path / "voc"
    for name in ("a", "b", "c"):
        voc_picture(root, name, [("dog", 1, 1, 6, 4)])
    (root / "Annotations" / "c.xml").unlink()
    assert (
        "there is no list of train, and 1 images without annotation are not used" in checked(root)["remarks"]
    )


def test_classes_that_differ_in_case_alone_are_said(tmp_path: Path) -> None:
    for name in ("Cat", "cat", "dog"):
        photo(tmp_path / "data" / "train" / name / "a.png")
        photo(tmp_path / "data" / "val" / name / "a.png")
    assert checked(tmp_path / "data")["remarks"] == [
        "classes 'Cat' and 'cat' differ in the case of letters alone; are they one?",
        "1 images of val are copies of images of train; the first is val/dog/a.png, train/dog/a.png there",
    ]


@pytest.mark.slow
def test_a_study_is_checked_as_it_reads_its_data(tmp_path: Path) -> None:
    for i in range(5):
        photo(tmp_path / "own data" / "images" / f"{i}.jpg", (3, 3))
        mask(tmp_path / "own data" / "masks" / f"{i}.png", [[0, 128, 255]] * 3)
    refused(archspace("data", "check", tmp_path / "own data"), "names the classes", "data check")
    study = tmp_path / "a study.yaml"
    written = archspace("init", study, "--data", tmp_path / "own data")
    assert f"archspace data check '{study}'" in written.stdout
    result = checked(study)
    assert result["study"] == str(study) and result["root"] == str(tmp_path / "own data")
    assert {name: one["images"] for name, one in result["splits"].items()} == {"train": 4, "val": 1}
    assert result["splits"]["train"]["classes"]["object"]["images"] == 4
    assert result["splits"]["val"]["void_pixels"] * 3 == result["splits"]["val"]["pixels"]
    refused(archspace("data", "check", study, "--task", "detection"), "--task", "segmentation")
    study.write_text(study.read_text().replace("  void: [255]", "  void: []"))
    assert checked(study, problems=True)["problems"] == 5


def test_boxes_alone_serve_no_segmentation(tmp_path: Path) -> None:
    coco(tmp_path, [{}, {"segmentation": []}])
    assert "segmentation" not in checked(tmp_path)["tasks"]
    refused(archspace("data", "check", tmp_path, "--task", "segmentation"), "boxes alone")
    assert (
        archspace("init", tmp_path / "s.yaml", "--data", tmp_path, "--task", "segmentation").returncode == 2
    )
