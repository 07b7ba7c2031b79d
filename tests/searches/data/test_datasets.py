"""Splits, the table of layouts, image decoding, and the layouts that read files or scikit-learn's digits."""

from __future__ import annotations

import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from archspace.class_names import CAMVID
from archspace.support.errors import FieldError, InputError
from searches.data import images, listing
from searches.data.dataset import LAYOUTS, Split, layouts, load_split
from searches.data.dividing import stratified_order
from searches.data.image_names import list_images
from searches.data.images import image_array, open_image
from tests.commands import python

pytestmark = pytest.mark.usefixtures("cache_folder")


def load(layout: str, root: Path | None, split: str = "train", **more: object) -> Split:
    task = "segmentation" if layout in ("segnet", "scenes") else "classification"
    values: dict[str, Any] = {"input_size": (8, 12), "task": task, **more}
    return load_split(layout, split, root=root, **values)


def save(path: Path, value: int | tuple[int, ...] = 100, size: tuple[int, int] = (12, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L" if isinstance(value, int) else "RGB", size, value).save(path)
    return path


def refused(text: str, layout: str, root: Path | None, split: str = "train", **more: object) -> str:
    """The message of the refusal: one line that holds ``text``."""
    with pytest.raises(InputError) as caught:
        load(layout, root, split, **more)
    message = str(caught.value)
    assert text in message
    assert "\n" not in message
    return message


# --- Split and load_split


def test_layouts_are_registered_and_unknown_ones_listed() -> None:
    assert {"digits", "imagefolder", "scenes", "segnet"} <= set(layouts())
    message = refused("segnet", "segnte", None)
    assert "nearest valid: segnet" in message
    assert LAYOUTS["segnet"].tasks == ("segmentation",)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"layout": "imagefolder", "root": None}, "data.root: None"),
        ({"layout": "imagefolder", "root": Path("/no/such")}, "data.root: '/no/such': no such folder"),
        ({"layout": "imagefolder", "root": Path(__file__)}, "is not a folder"),
        ({"layout": "scenes", "root": Path("/tmp")}, "data.root"),
        ({"split": "trian"}, "train (known"),
        ({"task": "segmentation"}, "nearest valid: classification"),
        ({"channels": 4}, "channels: 4"),
        ({"input_size": (0, 8)}, "input_size"),
        ({"input_size": (8.5, 8)}, "input_size"),
        ({"seed": -1}, "data.seed"),
    ],
)
def test_arguments_are_checked(values: dict[str, Any], field: str) -> None:
    refused(field, **{"layout": "digits", "root": None, **values})


def test_data_modules_import_without_torch_and_sklearn() -> None:
    program = (
        "import sys\n"
        "from searches.data.dataset import layouts, load_split\n"
        "assert len(layouts()) >= 4\n"
        "load_split('digits', 'val', root=None, input_size=(8, 8), task='classification')\n"
        "assert not {'torch', 'torchvision', 'sklearn'} & set(sys.modules)\n"
    )
    ran = python(program)
    assert ran.returncode == 0, ran.stderr


def test_a_split_checks_itself() -> None:
    pictures, labels = np.zeros((2, 4, 4, 3), np.uint8), np.zeros(2, np.int64)
    with pytest.raises(ValueError, match="equally many"):
        Split(images=pictures, targets=labels, names=("a",), classes=("x",))
    with pytest.raises(ValueError, match="uint8"):
        Split(images=pictures.astype(np.float32), targets=labels, names=("a", "b"), classes=("x",))
    with pytest.raises(ValueError, match="do not fit"):
        masks = np.zeros((2, 3, 4), np.uint8)
        Split(images=pictures, targets=masks, names=("a", "b"), classes=("x",))


def test_head_is_nested_even_over_classes_and_consistent() -> None:
    labels = np.repeat(np.arange(4), 25)
    pictures = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None, None], (100, 2, 2, 1))
    split = Split(images=pictures, targets=labels, names=tuple(map(str, range(100))), classes=tuple("abcd"))
    assert split.head(None) is split
    assert split.head(100) is split
    small, large = split.head(8), split.head(40)
    assert len(small) == 8
    assert Counter(small.targets.tolist()) == {0: 2, 1: 2, 2: 2, 3: 2}
    assert large.names[:8] == small.names
    assert [int(name) for name in large.names] == large.images[:, 0, 0, 0].tolist()
    np.testing.assert_array_equal(large.targets, [int(name) // 25 for name in large.names])
    assert large.images.flags.writeable
    with pytest.raises(FieldError, match="n: 0"):
        split.head(0)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=120), st.floats(0, 1))
def test_every_beginning_of_the_stratified_order_is_proportional(labels: list[int], share: float) -> None:
    array = np.array(labels)
    order = stratified_order(array)
    assert sorted(order.tolist()) == list(range(len(labels)))
    count = round(share * len(labels))
    for label in set(labels):
        expected = count * labels.count(label) / len(labels)
        assert abs((array[order[:count]] == label).sum() - expected) <= len(set(labels))


# --- images


def gradient(dtype: type[np.generic], top: int) -> NDArray[Any]:
    return np.linspace(0, top, 8 * 12).reshape(8, 12).astype(dtype)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "I"])
def test_every_mode_becomes_uint8(tmp_path: Path, mode: str, channels: int) -> None:
    if mode.startswith("I"):
        picture = Image.fromarray(gradient(np.uint16 if mode == "I;16" else np.int32, 65535))
    else:
        picture = Image.fromarray(gradient(np.uint8, 255)).convert(mode)
    path = tmp_path / ("a.tif" if mode in ("CMYK", "I") else "a.png")
    picture.save(path)
    array = image_array(open_image(path, "a"), (8, 12), channels, "a")
    assert array.shape == (8, 12, channels)
    assert array.dtype == np.uint8
    assert array[0, 0].max() <= 2
    assert array[-1, -1].min() >= 253
    if mode in ("L", "RGB", "RGBA", "LA", "I;16", "I"):
        np.testing.assert_allclose(array[..., 0].astype(int), gradient(np.uint8, 255), atol=1)


def test_transparent_pixels_are_white_whatever_colour_they_hide(tmp_path: Path) -> None:
    Image.new("RGBA", (12, 8), (200, 0, 0, 0)).save(tmp_path / "a.png")
    array = image_array(open_image(tmp_path / "a.png", "a"), (8, 12), 3, "a")
    assert array.min() == 255


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((16, 32), np.uint8)
    pixels[:, :16] = 255
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=95)
    array = image_array(open_image(tmp_path / "a.jpg", "a"), (32, 16), 1, "a")[..., 0]
    assert array[:12].min() > 200
    assert array[20:].max() < 50


def test_listing_is_sorted_and_only_images(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", ".hidden.png", "notes.txt", "c.webp"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == ["a.png", "b.JPG", "c.webp"]
    with pytest.raises(InputError, match="cannot be listed"):
        list_images(tmp_path / "none")


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "gif", "tif"])
@pytest.mark.parametrize("damage", ["empty", "cut", "text", "zeros"])
def test_damaged_files_are_one_line_with_the_name(tmp_path: Path, suffix: str, damage: str) -> None:
    buffer = BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    names = {"jpg": "jpeg", "tif": "tiff"}
    Image.fromarray(pixels).save(buffer, names.get(suffix, suffix))
    data = buffer.getvalue()
    data = {"empty": b"", "cut": data[: len(data) // 3], "text": b"no image", "zeros": bytes(500)}[damage]
    with pytest.raises(InputError) as caught:
        open_image(data, f"x/photo.{suffix}")
    assert str(caught.value).startswith(f"x/photo.{suffix}: ")
    assert "\n" not in str(caught.value)
    assert "BytesIO" not in str(caught.value)


def test_values_that_do_not_fit_8_bits_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 70000, np.int32)).save(tmp_path / "a.tif")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "b.tif")
    for name, words in (("a.tif", "16 bits"), ("b.tif", "floating-point")):
        with pytest.raises(InputError, match=f"{name}: .*{words}"):
            image_array(open_image(tmp_path / name, name), (4, 4), 1, name)


# --- digits


def test_digits_are_divided_without_overlap_and_evenly() -> None:
    splits = {name: load("digits", None, name, input_size=(16, 16)) for name in ("train", "val", "test")}
    assert {name: len(split) for name, split in splits.items()} == {"train": 1078, "val": 360, "test": 359}
    numbers = [name.rsplit("/", 1)[1] for split in splits.values() for name in split.names]
    assert len(set(numbers)) == 1797
    for split in splits.values():
        assert split.images.shape[1:] == (16, 16, 3)
        counts = np.bincount(split.targets, minlength=10) / len(split)
        np.testing.assert_allclose(counts, 0.1, atol=0.01)


def test_digits_are_scikit_learns() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    bunch = datasets.load_digits()
    split = load("digits", None, "test", input_size=(8, 8), channels=1)
    index = [int(name.rsplit("/", 1)[1]) for name in split.names]
    expected = np.rint(bunch.images[index] * (255 / 16)).astype(np.uint8)
    np.testing.assert_array_equal(split.images[..., 0], expected)
    np.testing.assert_array_equal(split.targets, bunch.target[index])
    assert (split.images.min(), split.images.max()) == (0, 255)


# --- imagefolder


def folder_of(root: Path, split: str, counts: dict[str, int]) -> Path:
    for label, (name, count) in enumerate(counts.items()):
        for i in range(count):
            save(root / split / name / f"{i:03}.png", 10 * label + 5)
    return root


def zipped(root: Path, split: str, prefix: str = "") -> Path:
    with zipfile.ZipFile(root / f"{split}.zip", "w") as archive:
        for path in sorted((root / split).rglob("*.png")):
            archive.write(path, prefix + path.relative_to(root / split).as_posix())
    for path in sorted((root / split).rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (root / split).rmdir()
    return root


@pytest.mark.parametrize("prefix", [None, "", "train/"])
def test_folders_and_zips_read_the_same(tmp_path: Path, prefix: str | None) -> None:
    folder_of(tmp_path, "train", {"cat": 3, "ant": 2})
    folder_of(tmp_path, "val", {"ant": 1})
    if prefix is not None:
        zipped(tmp_path, "train", prefix)
    train, val = load("imagefolder", tmp_path), load("imagefolder", tmp_path, "val")
    assert train.classes == val.classes == ("ant", "cat")
    assert train.names[0] == "train/ant/000.png"
    assert train.targets.tolist() == [0, 0, 1, 1, 1]
    assert train.images[:, 0, 0, 0].tolist() == [15, 15, 5, 5, 5]
    assert val.targets.tolist() == [0]
    assert train.void is None


@pytest.mark.parametrize("as_zip", [False, True])
def test_val_is_taken_from_train_where_there_is_none(tmp_path: Path, as_zip: bool) -> None:
    folder_of(tmp_path, "train", {"a": 40, "b": 20, "c": 2})
    if as_zip:
        zipped(tmp_path, "train")
    train, val = load("imagefolder", tmp_path), load("imagefolder", tmp_path, "val", seed=5)
    assert (len(train), len(val)) == (56, 6)
    assert not set(train.names) & set(val.names)
    assert Counter(val.targets.tolist()) == {0: 4, 1: 2}
    assert load("imagefolder", tmp_path, "val").names == val.names
    refused("neither a folder test nor a test.zip", "imagefolder", tmp_path, "test")


def test_nothing_is_decoded_twice_until_a_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_of(tmp_path, "train", {"a": 3, "b": 3})
    folder_of(tmp_path, "val", {"a": 1})
    decoded: list[str] = []

    def counting(source: Path | bytes, name: str) -> tuple[Image.Image, int]:
        decoded.append(name)
        return images.open_oriented(source, name)

    monkeypatch.setattr(listing, "open_oriented", counting)
    for size, total in (((8, 12), 6), ((8, 12), 6), ((4, 4), 12), ((8, 12), 12)):
        load("imagefolder", tmp_path, input_size=size)
        assert len(decoded) == total
    save(tmp_path / "train" / "a" / "000.png", 77, (13, 9))
    assert load("imagefolder", tmp_path).images[0, 0, 0, 0] == 77
    assert len(decoded) == 18


def test_what_is_wrong_with_folders_is_named(tmp_path: Path) -> None:
    refused("neither a folder train nor a train.zip", "imagefolder", tmp_path)
    (tmp_path / "train").mkdir()
    refused("train: holds no class folder", "imagefolder", tmp_path)
    save(tmp_path / "train" / "stray.png")
    refused("images but no class folder", "imagefolder", tmp_path)
    folder_of(tmp_path, "train", {"a": 2, "b": 2})
    (tmp_path / "train" / "empty").mkdir()
    refused("train/empty: class folder holds no image", "imagefolder", tmp_path)
    (tmp_path / "train" / "empty").rmdir()
    folder_of(tmp_path, "test", {"zebra": 1})
    assert "train has a, b" in refused("class 'zebra' is not in train", "imagefolder", tmp_path, "test")
    (tmp_path / "train" / "a" / "bad.jpg").write_bytes(b"no image")
    refused("train/a/bad.jpg: is not an image", "imagefolder", tmp_path)


def test_what_is_wrong_with_zips_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.zip").write_bytes(b"no zip")
    refused("train.zip: is not a zip file", "imagefolder", tmp_path)
    for members, words in (
        ({"notes.txt": b""}, "holds no image"),
        ({"a/1.png": b"x", "b/": b""}, "class 'b' holds no image"),
        ({"a/deep/down/1.png": b"x"}, "train.zip: a/deep/down/1.png: must be"),
        ({"a/1.png": b"no image", "a/2.png": b"x", "__MACOSX/a/1.png": b""}, "is not an image"),
    ):
        with zipfile.ZipFile(tmp_path / "train.zip", "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        refused(words, "imagefolder", tmp_path)


def test_a_damaged_zip_member_is_named(tmp_path: Path) -> None:
    zipped(folder_of(tmp_path, "train", {"a": 2, "b": 2}), "train")
    data = bytearray((tmp_path / "train.zip").read_bytes())
    data[70] ^= 0xFF
    (tmp_path / "train.zip").write_bytes(bytes(data))
    refused("train.zip/a/000.png: ", "imagefolder", tmp_path)


@pytest.mark.slow
def test_cifar10(shared: Path) -> None:
    split = load("imagefolder", shared / "data" / "cifar10", "test", input_size=(32, 32))
    assert split.images.shape == (5000, 32, 32, 3)
    assert split.classes[:3] == ("airplane", "automobile", "bird")
    assert np.bincount(split.targets).tolist() == [500] * 10
    assert Counter(split.head(20).targets.tolist()) == dict.fromkeys(range(10), 2)


# --- segnet


def pair(root: Path, name: str, mask: NDArray[Any], split: str = "train") -> None:
    save(root / split / f"{name}.png", (90, 100, 110), (mask.shape[1], mask.shape[0]))
    path = root / f"{split}annot" / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(mask).save(path)


def test_masks_are_resized_by_nearest_and_void_becomes_255(tmp_path: Path) -> None:
    mask = np.repeat(np.repeat(np.arange(12, dtype=np.uint8).reshape(3, 4), 8, axis=0), 6, axis=1)
    pair(tmp_path, "b", mask)
    pair(tmp_path, "a", np.zeros((24, 24), np.uint8))
    split = load("segnet", tmp_path, input_size=(3, 4))
    assert split.names == ("train/a.png", "train/b.png")
    np.testing.assert_array_equal(split.targets[1], [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 255]])
    assert split.images[1, 0, 0].tolist() == [90, 100, 110]
    assert split.classes == CAMVID
    assert split.void == 255
    larger = load("segnet", tmp_path, input_size=(37, 31))
    assert set(np.unique(larger.targets)) == {*range(11), 255}


def test_palette_masks_give_their_indices(tmp_path: Path) -> None:
    pair(tmp_path, "a", np.array([[0, 1], [2, 11]], np.uint8))
    path = tmp_path / "trainannot" / "a.png"
    with Image.open(path) as opened:
        picture = Image.frombytes("P", (2, 2), opened.tobytes())
    picture.putpalette([value for i in range(12) for value in (255 - i, 7 * i, 3)])
    picture.save(path)
    split = load("segnet", tmp_path, input_size=(2, 2))
    assert split.targets.tolist() == [[[0, 1], [2, 255]]]


def test_classes_txt(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("# two\nground\n\nsky blue\nvoid = 200\n")
    pair(tmp_path, "a", np.array([[0, 1], [200, 1]], np.uint8))
    split = load("segnet", tmp_path, input_size=(2, 2))
    assert split.classes == ("ground", "sky blue")
    assert split.targets.tolist() == [[[0, 1], [255, 1]]]
    (tmp_path / "classes.txt").write_text("ground\nsky blue\n")
    refused("value 200 in 1 pixels; must be a class 0..1, no void value is set", "segnet", tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names 0 classes"),
        ("a\na\n", "'a' is named twice"),
        ("a\nb\nvoid = 1\n", "void = 1 is the index of class 'b'; must be 2 or more"),
        ("a\nvoid = x\n", "must be 'void = N'"),
    ],
)
def test_a_wrong_classes_txt_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "classes.txt").write_text(text)
    assert "classes.txt: " in refused(words, "segnet", tmp_path)


def test_what_is_wrong_with_masks_is_named(tmp_path: Path) -> None:
    refused("train: no such folder", "segnet", tmp_path)
    save(tmp_path / "train" / "a.png")
    refused("trainannot: no such folder", "segnet", tmp_path)
    (tmp_path / "trainannot").mkdir()
    refused("train/a.png: has no mask", "segnet", tmp_path)
    path = save(tmp_path / "trainannot" / "a.png", 12)
    refused("a.png: has value 12 in 96 pixels; must be a class 0..10, or void 11", "segnet", tmp_path)
    save(path, 1, (11, 8))
    refused("trainannot/a.png: is 8x11, its image 8x12", "segnet", tmp_path)
    save(path, (1, 2, 1))
    refused("trainannot/a.png: is a RGB image of colours", "segnet", tmp_path)
    path.write_bytes(b"no image")
    refused("trainannot/a.png: is not an image", "segnet", tmp_path)
    (tmp_path / "train" / "a.png").unlink()
    refused("train: holds no image", "segnet", tmp_path)


def test_a_single_wrong_pixel_is_seen_before_resizing(tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[33, 1] = 99
    pair(tmp_path, "a", mask)
    refused("has value 99 in 1 pixels", "segnet", tmp_path, input_size=(4, 4))


def test_camvid(shared: Path) -> None:
    split = load("segnet", shared / "data" / "camvid", "val", input_size=(90, 120))
    assert split.images.shape == (101, 90, 120, 3)
    share = np.bincount(split.targets.ravel(), minlength=256) / split.targets.size
    assert set(np.flatnonzero(share)) == {*range(11), 255}
    rows = np.broadcast_to(np.arange(90)[None, :, None], split.targets.shape)
    height = {name: rows[split.targets == i].mean() for i, name in enumerate(split.classes)}
    assert height["sky"] < height["building"] < height["car"] < height["road"]
    assert share[split.classes.index("road")] > 0.2
