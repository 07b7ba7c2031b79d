"""Masks give the values that are stored in them, whatever a decoder of pictures makes of these."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from archspace.support.errors import InputError
from searches.data.labels import read_labels
from tests.searches.data.layout_files import described, loaded, photo, refused

VALUES = [[0, 1, 2], [3, 2, 1]]


def png(path: Path, values: Sequence[Sequence[Any]], bits: int, kind: int = 0) -> Path:
    """A PNG whose samples are ``values``: grey (0), RGB (2), grey with alpha (4) or RGBA (6)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    raw = b""
    for row in values:
        samples = [sample for pixel in row for sample in (pixel if isinstance(pixel, tuple) else (pixel,))]
        line = "".join(format(sample, f"0{bits}b") for sample in samples)
        line += "0" * (-len(line) % 8)
        raw += b"\0" + bytes(int(line[i : i + 8], 2) for i in range(0, len(line), 8))
    head = struct.pack(">IIBBBBB", len(values[0]), len(values), bits, kind, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_grey_samples_of_any_depth(tmp_path: Path, bits: int) -> None:
    assert read_labels(png(tmp_path / "a.png", VALUES, bits)).tolist() == VALUES


def test_all_values_of_few_bits(tmp_path: Path) -> None:
    for bits in (1, 2, 4):
        values = [list(range(2**bits))]
        assert read_labels(png(tmp_path / "a.png", values, bits)).tolist() == values


@pytest.mark.parametrize("most", [3, 20, 255, 1000, 65535])
@pytest.mark.parametrize("plain", [True, False])
def test_portable_graymaps_of_any_maximum(tmp_path: Path, most: int, plain: bool) -> None:
    values = [[0, 1, 2, 3, most]]
    kind = "u1" if most < 256 else ">u2"
    body = " ".join(map(str, values[0])).encode() if plain else np.array(values, kind).tobytes()
    (tmp_path / "a.pgm").write_bytes(f"P{2 if plain else 5} 5 1 {most}\n".encode() + body)
    assert read_labels(tmp_path / "a.pgm").tolist() == values


def paletted(path: Path, palette: list[int], values: Any = VALUES) -> Path:
    values = np.array(values, np.uint8)
    image = Image.frombytes("P", values.shape[::-1], values.tobytes())
    image.putpalette(palette)
    image.save(path)
    return path


RISING = [
    [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0],  # VOC's
    [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3],
    [0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255],  # for display
]
FALLING = [255, 255, 255, 170, 170, 170, 85, 85, 85, 0, 0, 0]
"""Pillow's writer of GIF sorts this one."""


@pytest.mark.parametrize(
    ("palette", "suffix"),
    [
        *((palette, suffix) for palette in (*RISING, FALLING) for suffix in ("png", "tif", "bmp")),
        *((palette, "gif") for palette in RISING),
    ],
)
def test_a_palettes_indices_are_the_values(tmp_path: Path, palette: list[int], suffix: str) -> None:
    assert read_labels(paletted(tmp_path / f"a.{suffix}", palette)).tolist() == VALUES


def test_black_and_white_palettes_are_indices_too(tmp_path: Path) -> None:
    path = paletted(tmp_path / "a.png", [0, 0, 0, 255, 255, 255], [[0, 1, 1]])
    assert read_labels(path).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_grey_in_all_channels_is_grey(tmp_path: Path, mode: str) -> None:
    Image.fromarray(np.array(VALUES, np.uint8)).convert(mode).save(tmp_path / "a.png")
    assert read_labels(tmp_path / "a.png").tolist() == VALUES


def saved(**how: Any) -> Callable[[Path], None]:
    return lambda path: Image.fromarray(np.array(VALUES, np.uint8)).save(path, **how)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (saved(format="JPEG"), "is JPEG inside, which changes values"),
        (saved(format="WEBP"), "is WEBP inside"),
        (saved(format="TIFF", compression="jpeg"), "is JPEG inside"),
        (lambda path: paletted(path, [0, 0, 0, 1, 1, 1, 11, 11, 11, 255, 255, 255]),
         "index 2 of its palette is grey 11"),
        (lambda path: png(path, [[(1, 2, 3)]], 8, 2), "is a RGB image of colours"),
        (lambda path: png(path, [[(3, 3, 3)]], 16, 2), "has 16 bits a channel in colours"),
        (lambda path: png(path, [[(3, 65535)]], 16, 4), "has 16 bits a channel in colours or with alpha"),
        (lambda path: png(path, [[(3, 0)]], 8, 4), "with transparent pixels"),
        (lambda path: Image.fromarray(np.ones((2, 2), np.float32)).save(path, format="TIFF"), "is a F image"),
        (saved(format="TIFF", save_all=True, append_images=[Image.new("L", (3, 2))]), "holds 2 pictures"),
        (lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "it is a Git LFS pointer"),
        (lambda path: path.write_bytes(b""), "it is an empty file"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_as_labels_is_one_line(
    tmp_path: Path, write: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "a.png"
    write(path)
    with pytest.raises(InputError) as caught:
        read_labels(path)
    assert str(path) in str(caught.value) and words in str(caught.value) and "\n" not in str(caught.value)


def test_painted_masks_are_read_by_their_colours(tmp_path: Path) -> None:
    colours = {(0, 0, 0): 0, (128, 0, 0): 1, (224, 224, 192): 255}
    path = png(tmp_path / "a.png", [[(0, 0, 0), (128, 0, 0), (224, 224, 192)]], 8, 2)
    assert read_labels(path, colours).tolist() == [[0, 1, 255]]
    with pytest.raises(InputError, match="has colour 1,2,3 in 1 pixels"):
        read_labels(png(tmp_path / "a.png", [[(1, 2, 3)]], 8, 2), colours)


def test_a_palette_that_was_sorted_anew_is_read_by_its_colours(tmp_path: Path) -> None:
    colours = {(0, 0, 0): 0, (128, 0, 0): 1, (0, 128, 0): 2, (224, 224, 192): 255}
    sorted_anew = [0, 128, 0, 0, 0, 0, 224, 224, 192, 128, 0, 0]
    path = paletted(tmp_path / "a.png", sorted_anew, [[1, 3, 0, 2]])
    assert read_labels(path, colours).tolist() == [[0, 1, 2, 255]]
    for_display = [0, 0, 0, 9, 9, 99, 30, 60, 90]
    path = paletted(tmp_path / "b.png", for_display, [[0, 1, 2]])
    assert read_labels(path, colours).tolist() == [[0, 1, 2]]
    with pytest.raises(InputError, match="index 1 of its palette has the colour of class 2"):
        read_labels(paletted(tmp_path / "c.png", [0, 0, 0, 0, 128, 0, 1, 2, 3], [[0, 1, 2]]), colours)


def test_vocs_masks_are_read_by_vocs_colours_where_a_program_sorted_the_palette(tmp_path: Path) -> None:
    root = tmp_path / "VOC2012"
    photo(root / "JPEGImages" / "a.png", (1, 3))
    (root / "SegmentationClass").mkdir()
    person = [192, 128, 128]
    paletted(root / "SegmentationClass" / "a.png", [0, 0, 0, 128, 0, 0, *person], [[0, 1, 2]])
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    for split in ("train", "val"):
        (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("a\n")
    read = loaded("voc", root, task="segmentation", input_size=(1, 3))
    assert read.targets.tolist() == [[[0, 1, 15]]]


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", [1, 5, 6, 7, 8])
def test_a_mask_of_the_stored_rows_lies_on_the_upright_picture(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    described(tmp_path)
    image = photo(tmp_path / "images" / "training" / f"a.{suffix}", (8, 12), orientation)
    (tmp_path / "labels" / "training").mkdir(parents=True)
    stored = np.zeros((8, 12), np.uint8)
    stored[:4, :6] = 1  # where the photo is bright
    Image.fromarray(stored).save(tmp_path / "labels" / "training" / "a.png")
    size = (8, 12) if orientation == 1 else (12, 8)
    split = loaded("masks", tmp_path, task="segmentation", input_size=size)
    assert ((split.images[0, ..., 0] > 125) == (np.asarray(split.targets)[0] == 1)).all(), image


def test_a_mask_may_have_another_suffix_and_two_are_refused(tmp_path: Path) -> None:
    described(tmp_path)
    photo(tmp_path / "images" / "training" / "a.jpg", (2, 3))
    (tmp_path / "labels" / "training").mkdir(parents=True)
    Image.fromarray(np.ones((2, 3), np.uint8)).save(tmp_path / "labels" / "training" / "a.PNG")
    assert (np.asarray(loaded("masks", tmp_path, task="segmentation").targets) == 1).all()
    Image.fromarray(np.ones((2, 3), np.uint8)).save(tmp_path / "labels" / "training" / "a.tif")
    refused("have one name", "masks", tmp_path, task="segmentation")
