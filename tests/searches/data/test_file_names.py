"""Names of splits and files as people give them, and files that nobody reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from archspace.support.errors import InputError
from searches.data.image_names import ImageNames, list_images, unread_in
from searches.data.splits import named, split_of, splits_in
from tests.searches.data.layout_files import city, loaded, mask, photo, refused, vistas

pytestmark = pytest.mark.usefixtures("cache_folder")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("Training", "train"), ("TRAIN", "train"), ("valid", "val"), ("Validation", "val"),
        ("Val", "val"), ("test", "test"), ("Testing", "test"), ("extra", None), ("train2", None), ("", None),
    ],
)  # fmt: skip
def test_names_of_splits(name: str, split: str | None) -> None:
    assert split_of(name) == split


def test_a_split_is_looked_for_by_all_its_names_and_two_are_refused(tmp_path: Path) -> None:
    assert named(tmp_path, "val") is None and splits_in(tmp_path / "none") == []
    (tmp_path / "Validation").mkdir()
    (tmp_path / "TRAINannot").mkdir()
    (tmp_path / "valid.zip").touch()
    assert named(tmp_path, "val") == tmp_path / "Validation"
    assert named(tmp_path, "val", ".zip", files=True) == tmp_path / "valid.zip"
    assert splits_in(tmp_path) == ["val"] and splits_in(tmp_path, "annot") == ["train"]
    (tmp_path / "val").mkdir()
    with pytest.raises(InputError, match="Validation and val are both names of the split 'val'"):
        named(tmp_path, "val")


@pytest.mark.parametrize("name", ["valid", "validation", "Val", "VAL"])
def test_every_layout_of_folders_takes_them(tmp_path: Path, name: str) -> None:
    for split in ("Train", name):
        photo(tmp_path / "classes" / split / "cat" / "1.png")
        photo(tmp_path / "pairs" / split / "1.png")
        mask(tmp_path / "pairs" / f"{split}annot" / "1.png", [[1] * 12] * 8)
        city(tmp_path / "city", "ulm_1_1", [[7]], split)
    for layout, folder, task in (
        ("imagefolder", "classes", "classification"), ("segnet", "pairs", "segmentation"),
        ("cityscapes", "city", "segmentation"),
    ):  # fmt: skip
        for split in ("train", "val"):
            assert len(loaded(layout, tmp_path / folder, split, task=task)) == 1


def test_vistas_folders_in_other_letters(tmp_path: Path) -> None:
    labels = [{"name": "a--b", "evaluate": True}, {"name": "c--d", "evaluate": False}]
    vistas(tmp_path, None, labels, [[0, 1]])
    (tmp_path / "training").rename(tmp_path / "Training")
    assert len(loaded("mapillary", tmp_path, task="segmentation")) == 1
    vistas(tmp_path / "text", None, [{"name": "a--b", "evaluate": "false"}], [[0]])
    refused(
        "labels[0].evaluate: 'false': must be true or false",
        "mapillary",
        tmp_path / "text",
        task="segmentation",
    )


def test_pictures_that_are_read_and_files_that_are_named(tmp_path: Path) -> None:
    read = ["a.JPEG", "b.jfif", "c.webp", "d.tif", "e.PNG", "f.jpe", "g (1) [2] #%?.png", "ü.png"]
    for name in read:
        photo(tmp_path / "x.png").rename(tmp_path / name)
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "._a.JPEG", "notes.txt", "a.xml", "README"):
        (tmp_path / name).write_text("x")
    photo(tmp_path / ".hidden.png")
    photo(tmp_path / "more" / "deep" / "x.png")
    (tmp_path / "empty").mkdir()
    photo(tmp_path / ".ipynb_checkpoints" / "x.png")
    (tmp_path / "phone.heic").write_bytes(b"x")
    (tmp_path / "scan").write_bytes((tmp_path / "a.JPEG").read_bytes())
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere.png")
    assert {path.name for path in list_images(tmp_path)} == set(read)
    assert {path.name: why for path, why in unread_in(tmp_path)} == {
        ".hidden.png": "is hidden",
        "lost.png": "is a link to nothing",
        "more": "is a folder among the images: the image in it is not used",
        "phone.heic": "is not read: '.heic' is no suffix of an image that is known",
        "scan": "is not read: has no suffix",
    }


def test_a_name_is_found_with_any_suffix_and_form_of_unicode(tmp_path: Path) -> None:
    photo(tmp_path / "u\u0308 [1].PNG")
    names = ImageNames(tmp_path)
    assert names.one("\u00fc [1]") == names.one("\u00fc [1].PNG") == tmp_path / "u\u0308 [1].PNG"
    assert names.one("u") is None and ImageNames(tmp_path / "none").one("u") is None
