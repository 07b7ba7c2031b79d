"""Which layout a folder has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from archspace.support.errors import FieldError, InputError
from searches.data.dataset import SPLITS
from searches.data.text import text_files
from searches.fetching.hint import fetch_hint

TEXT = "text"
"""The layout of language data, which :func:`searches.data.text.load_text` reads."""


def _some(root: Path, *patterns: str) -> bool:
    return any(next(root.glob(pattern), None) is not None for pattern in patterns)


SIGNS: dict[str, tuple[Callable[[Path], bool], str]] = {
    "masks": (lambda root: (root / "dataset.yaml").is_file(), "dataset.yaml"),
    "cityscapes": (
        lambda root: (root / "leftImg8bit").is_dir() and (root / "gtFine").is_dir(),
        "leftImg8bit and gtFine",
    ),
    "mapillary": (
        lambda root: _some(root, "config*.json") and (root / "training" / "images").is_dir(),
        "config.json and training/images",
    ),
    "coco": (lambda root: _some(root, "annotations/instances_*.json"), "annotations/instances_*.json"),
    "voc": (
        lambda root: _some(root, "JPEGImages", "VOC*/JPEGImages", "VOCdevkit/JPEGImages", "VOCdevkit/VOC*/JPEGImages"),
        "JPEGImages, VOC2012 or VOCdevkit",
    ),
    "segnet": (lambda root: any((root / f"{split}annot").is_dir() for split in SPLITS), "SPLIT and SPLITannot"),
    "imagefolder": (
        lambda root: any((root / split).is_dir() or (root / f"{split}.zip").is_file() for split in SPLITS),
        "SPLIT/CLASS or SPLIT.zip",
    ),
    TEXT: (lambda root: bool(text_files(root)), "train.txt, valid.txt or wiki.train.tokens"),
}  # fmt: skip
"""Layout -> whether a folder has its sign, and the sign in words; the first that fits is taken."""


def identify(root: Path) -> str:
    """The layout of a data set's folder, seen from the names in it; no file is read.

    Raises:
        FieldError: there is no such folder.
        InputError: it has no layout that is known.
    """
    if root.is_file() and text_files(root):
        return TEXT
    if not root.is_dir():
        raise FieldError("--data", str(root), f"no such folder{fetch_hint()}")
    for layout, (fits, _) in SIGNS.items():
        if fits(root):
            return layout
    known = "; ".join(f"{layout}: {sign}" for layout, (_, sign) in SIGNS.items())
    raise InputError(f"--data: {root}: has no layout that is known ({known})")
