"""``segnet``: the layout of the SegNet tutorial's CamVid: ``ROOT/SPLIT/*.png`` and ``ROOT/SPLITannot/*.png``.

An optional ``ROOT/classes.txt`` names the classes, one a line in the order of their indices, and the void
value in a line ``void = N``; without it the names are CamVid's, in the order of SegNet-Tutorial's
``Scripts/test_segmentation_camvid.py``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from archspace.class_names import CAMVID
from archspace.support.errors import InputError
from searches.data.dataset import SPLITS, VOID, Request, Sign
from searches.data.images import list_images
from searches.data.layouts.maskfiles import mask_pictures, plain_values
from searches.data.listing import Listing, OnFault
from searches.data.reading import listed
from searches.fetching.hint import fetch_hint

CAMVID_VOID = 11


class Labels(NamedTuple):
    """Class names in the order of their indices, and the void value the files use (None: none)."""

    classes: tuple[str, ...]
    void: int | None


SIGN = Sign(
    lambda root: any((root / f"{split}annot").is_dir() for split in SPLITS), "SPLIT and SPLITannot", rank=60
)


@listed("segnet", tasks=("segmentation",), sign=SIGN)
def list_segnet(request: Request, on_fault: OnFault) -> Listing:
    """Lists one split; the files' void value becomes 255.

    Raises:
        InputError: a folder is missing or holds no image.
    """
    root = request.folder
    labels = read_labels(root)
    values = plain_values(len(labels.classes), () if labels.void is None else (labels.void,))
    return Listing(
        pictures=mask_pictures(root, _pairs(root, request.split), values, on_fault),
        classes=labels.classes,
        void=VOID,
        key={"values": values.key},
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
        hint = fetch_hint("segnet") if present == "none" else ""
        raise InputError(f"{folder}: no such folder (splits here: {present}){hint}")
    if not masks.is_dir():
        raise InputError(f"{masks}: no such folder; it must hold the masks of {folder.name}/")
    images = list_images(folder)
    if not images:
        raise InputError(f"{folder}: holds no image")
    return [(image, masks / f"{image.stem}.png") for image in images]
