"""``imagefolder``: folders ``ROOT/SPLIT/CLASS/*.jpg``, or ``ROOT/SPLIT.zip`` holding ``[SPLIT/]CLASS/*.jpg``.

SPLIT is ``train``, ``val`` or ``test``, or another name of these (``valid``, ``Training``). Class indices are the
sorted names of train's classes. Without a val split, val is a fixed 10 % of train, the same share of each class, and
train is the rest. Without any split, ``ROOT/CLASS/*.jpg`` are all of train.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from archspace.support.errors import InputError
from archspace.support.file_kinds import kind_of_file
from searches.data.dataset import Request, Sign
from searches.data.dividing import held_out_index
from searches.data.image_names import (
    IMAGES,
    MASKS,
    Unread,
    folder_unused,
    holds_images,
    is_image_name,
    list_images,
    unread_in,
    why_unread,
)
from searches.data.images import open_oriented
from searches.data.listing import Listing, OnFault, Picture, passed, picture_file
from searches.data.reading import listed
from searches.data.splits import SPLITS, named, split_of
from searches.fetching.hint import fetch_hint

HELD_OUT = "there is no val: a fixed 10 % of each class of train stands in for it"


class Source(NamedTuple):
    """One split as found: a folder or a zip, and its images as (class, name of the file or zip member)."""

    path: Path
    images: tuple[tuple[str, str], ...]
    unread: tuple[Unread, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Sorted class names."""
        return tuple(sorted({name for name, _ in self.images}))


SIGN = Sign(
    lambda root: any(_present(root, split) for split in SPLITS) or plain_classes(root),
    "SPLIT/CLASS, SPLIT.zip or CLASS",
    rank=70,
)


@listed("imagefolder", tasks=("classification",), sign=SIGN)
def list_imagefolder(request: Request, on_fault: OnFault) -> Listing:
    """Lists one split.

    Raises:
        InputError: a folder or class is missing or empty, or the zip is none; the message names it.
    """
    root = request.folder
    own = request.split == "train" or not _present(root, request.split)
    train = _find(root, "train", on_fault if own else passed)
    if train is None and plain_classes(root):
        train = _list_folder(root, on_fault if own else passed)
    if train is None:
        raise InputError(f"{root}: has neither a folder train nor a train.zip{fetch_hint(request.layout)}")
    source = train if request.split == "train" else _find(root, request.split, on_fault)
    held_out = request.split == "val" and source is None and not request.whole
    if held_out or (request.split == "train" and not request.whole and not _present(root, "val")):
        source = _part(train, held_out=held_out)
    if source is None:
        raise InputError(f"{root}: has neither a folder {request.split} nor a {request.split}.zip")
    indices = {name: index for index, name in enumerate(train.classes)}
    for name in source.classes:
        if name not in indices:
            known = ", ".join(indices)
            on_fault(InputError(f"{source.path}: class {name!r} is not in train (train has {known})"))
    images = [(name, file) for name, file in source.images if name in indices]
    more: dict[str, Any] = {
        "classes": train.classes, "unread": [*source.unread, *([] if train.path == root else _unused(root))],
        "remarks": () if request.whole or _present(root, "val") else (HELD_OUT,),
    }  # fmt: skip
    if source.path.is_dir():
        pictures = [
            picture_file(
                source.path / file,
                file if source.path == root else f"{source.path.name}/{file}",
                label=indices[name],
            )
            for name, file in images
        ]
        return Listing(pictures=pictures, **more)
    archive = zipfile.ZipFile(source.path)
    pictures = [_zipped(archive, source.path, member, name, indices[name]) for name, member in images]
    key = {"members": [member for _, member in images]}
    return Listing(pictures=pictures, files=(source.path,), key=key, **more)


def _zipped(archive: zipfile.ZipFile, path: Path, member: str, name: str, label: int) -> Picture:
    """A picture in a zip that stays open as long as its pictures are used."""
    file = str(path / member)

    def opened() -> tuple[Image.Image, int]:
        return open_oriented(_read_member(archive, member, file), file)

    return Picture(
        name=f"{path.stem}/{name}/{PurePosixPath(member).name}", file=file, open=opened, label=label,
        content=lambda: _read_member(archive, member, file),
    )  # fmt: skip


def plain_classes(root: Path) -> bool:
    """Returns whether a folder's folders hold pictures, two of them at least, and are then the classes."""
    if any(_present(root, split) for split in SPLITS):
        return False
    folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    parts = {*IMAGES, *MASKS, "jpegimages", "annotations"}
    return (
        sum(holds_images(path) for path in folders) > 1
        and not any(path.name.lower() in parts for path in folders)
        and all(holds_images(path) or not any(path.iterdir()) for path in folders)
    )


def _present(root: Path, split: str) -> bool:
    return _place(root, split) is not None


def _place(root: Path, split: str) -> Path | None:
    """The split's folder, or its zip where there is no folder."""
    return named(root, split) or named(root, split, ".zip", files=True)


def _unused(root: Path) -> list[Unread]:
    """Folders beside those of the splits that hold images."""
    return [
        one
        for path in sorted(root.iterdir())
        if path.is_dir() and not path.name.startswith(".") and split_of(path.name) is None
        for one in folder_unused(path, "is no split")
    ]


def _find(root: Path, split: str, on_fault: OnFault) -> Source | None:
    """The split's images, from the folder where both a folder and a zip exist; None where neither does."""
    place = _place(root, split)
    if place is None:
        return None
    return _list_folder(place, on_fault) if place.is_dir() else _list_zip(place, split)


def _list_folder(folder: Path, on_fault: OnFault) -> Source:
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    strays = list_images(folder)
    if not classes:
        stray = "images but no class folder" if strays else "no class folder"
        raise InputError(f"{folder}: holds {stray}; must be {folder.name}/CLASS/image files")
    unread: list[Unread] = [(path, "lies beside the class folders: not used") for path in strays]
    images: list[tuple[str, str]] = []
    for path in classes:
        files = list_images(path)
        unread += unread_in(path)
        if not files:
            on_fault(InputError(f"{path}: class folder holds no image"))
        images += ((path.name, f"{path.name}/{file.name}") for file in files)
    return Source(folder, tuple(images), tuple(unread))


def _list_zip(archive: Path, split: str) -> Source:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = sorted(opened.namelist())
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        kind = kind_of_file(archive)
        reason = f"it is {kind}" if kind else str(error)
        raise InputError(f"{archive}: is not a zip file that can be read: {reason}") from error
    images: list[tuple[str, str]] = []
    unread: list[Unread] = []
    folders: set[str] = set()
    for member in members:
        parts = PurePosixPath(member).parts
        if any(part.startswith((".", "__MACOSX")) for part in parts):
            continue
        inner = (
            parts[1:] if split_of(parts[0]) == split and (len(parts) > 2 or member.endswith("/")) else parts
        )
        if member.endswith("/"):
            folders.update(inner[:1])
        elif is_image_name(parts[-1]):
            if len(inner) != 2:
                raise InputError(f"{archive}: {member}: must be CLASS/file or {split}/CLASS/file")
            images.append((inner[0], member))
        elif reason := why_unread(Path(member)):
            unread.append((archive / member, reason))
    empty = sorted(folders - {name for name, _ in images})
    if empty or not images:
        raise InputError(f"{archive}: {f'class {empty[0]!r} holds' if empty else 'holds'} no image")
    return Source(archive, tuple(images), tuple(unread))


def _part(train: Source, *, held_out: bool) -> Source:
    """The images of train that stand in for val, or the others; in train's order."""
    labels = np.unique([name for name, _ in train.images], return_inverse=True)[1]
    if len(labels) < 2:
        raise InputError(f"{train.path}: holds one image; val is taken from train and needs one too")
    index = held_out_index(labels, held_out=held_out)
    return train._replace(images=tuple(train.images[i] for i in index))


def _read_member(archive: zipfile.ZipFile, member: str, name: str) -> bytes:
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError) as error:
        raise InputError(f"{name}: cannot be read from the zip: {error}") from error
