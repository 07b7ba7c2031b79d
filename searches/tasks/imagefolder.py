"""``imagefolder``: folders ``ROOT/SPLIT/CLASS/*.jpg``, or ``ROOT/SPLIT.zip`` holding ``[SPLIT/]CLASS/*.jpg``.

Class indices are the sorted names of train's classes. Without a val split, val is a fixed 10 % of train, the
same share of each class, and train is the rest.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from archspace.errors import InputError
from searches.fetching.hint import fetch_hint
from searches.tasks.cache import Item, cached, stamp
from searches.tasks.dataset import Request, Split, layout, stratified_order
from searches.tasks.images import Images, image_array, is_image_name, list_images, open_image

HELD_OUT_PERCENT = 10


class Source(NamedTuple):
    """One split as found: a folder or a zip, and its images as (class, name of the file or zip member)."""

    path: Path
    images: tuple[tuple[str, str], ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Sorted class names."""
        return tuple(sorted({name for name, _ in self.images}))


@layout("imagefolder", tasks=("classification",))
def load_imagefolder(request: Request) -> Split:
    """Reads one split.

    Returns:
        images uint8 (N, H, W, C), resized bilinearly without keeping the aspect; targets int64 (N,).

    Raises:
        InputError: a folder, class or image is missing or unusable, or the zip is none; the message names it.
    """
    root = request.folder
    train = _find(root, "train")
    if train is None:
        raise InputError(f"{root}: has neither a folder train nor a train.zip{fetch_hint(request.layout)}")
    source = train if request.split == "train" else _find(root, request.split)
    held_out = request.split == "val" and source is None
    if held_out or (request.split == "train" and not _present(root, "val")):
        source = _part(train, held_out=held_out)
    if source is None:
        raise InputError(f"{root}: has neither a folder {request.split} nor a {request.split}.zip")
    indices = {name: index for index, name in enumerate(train.classes)}
    unknown = [name for name in source.classes if name not in indices]
    if unknown:
        raise InputError(
            f"{source.path}: class {unknown[0]!r} is not in train (train has {', '.join(indices)})"
        )
    targets = np.array([indices[name] for name, _ in source.images], np.int64)
    names = tuple(f"{source.path.stem}/{name}/{PurePosixPath(file).name}" for name, file in source.images)
    return Split(images=_decoded(source, request), targets=targets, names=names, classes=train.classes)


def _present(root: Path, split: str) -> bool:
    return (root / split).is_dir() or (root / f"{split}.zip").exists()


def _find(root: Path, split: str) -> Source | None:
    """The split's images, from the folder where both a folder and a zip exist; None where neither does."""
    folder, archive = root / split, root / f"{split}.zip"
    if folder.is_dir():
        return Source(folder, tuple(_list_folder(folder)))
    if archive.exists():
        return Source(archive, tuple(_list_zip(archive, split)))
    return None


def _list_folder(folder: Path) -> Iterable[tuple[str, str]]:
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not classes:
        stray = "images but no class folder" if list_images(folder) else "no class folder"
        raise InputError(f"{folder}: holds {stray}; must be {folder.name}/CLASS/image files")
    for path in classes:
        images = list_images(path)
        if not images:
            raise InputError(f"{path}: class folder holds no image")
        yield from ((path.name, f"{path.name}/{image.name}") for image in images)


def _list_zip(archive: Path, split: str) -> list[tuple[str, str]]:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = sorted(opened.namelist())
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise InputError(f"{archive}: is not a zip file that can be read: {error}") from error
    images: list[tuple[str, str]] = []
    folders: set[str] = set()
    for member in members:
        parts = PurePosixPath(member).parts
        if any(part.startswith((".", "__MACOSX")) for part in parts):
            continue
        inner = parts[1:] if parts[:1] == (split,) and (len(parts) > 2 or member.endswith("/")) else parts
        if member.endswith("/"):
            folders.update(inner[:1])
        elif is_image_name(parts[-1]):
            if len(inner) != 2:
                raise InputError(f"{archive}: {member}: must be CLASS/file or {split}/CLASS/file")
            images.append((inner[0], member))
    empty = sorted(folders - {name for name, _ in images})
    if empty or not images:
        raise InputError(f"{archive}: {f'class {empty[0]!r} holds' if empty else 'holds'} no image")
    return images


def _part(train: Source, *, held_out: bool) -> Source:
    """The images of train that stand in for val, or the others; in train's order."""
    labels = np.unique([name for name, _ in train.images], return_inverse=True)[1]
    if len(labels) < 2:
        raise InputError(f"{train.path}: holds one image; val is taken from train and needs one too")
    count = max(1, round(len(labels) * HELD_OUT_PERCENT / 100))
    order = stratified_order(labels)
    index = np.sort(order[:count] if held_out else order[count:])
    return Source(train.path, tuple(train.images[i] for i in index))


def _decoded(source: Source, request: Request) -> Images:
    """The images (N, H, W, C), from the cache where they are in it."""
    members = [file for _, file in source.images]
    item = {"images": Item((*request.input_size, request.channels), "uint8")}

    def convert(data: Path | bytes, member: str) -> tuple[Images]:
        name = str(source.path / member)
        return (image_array(open_image(data, name), request.input_size, request.channels, name),)

    if source.path.is_dir():
        stamps = [stamp(source.path / member, request.folder) for member in members]
        key = request.cache_key(stamps, members=members)
        return cached(key, len(members), item, lambda i: convert(source.path / members[i], members[i]))[
            "images"
        ]
    key = request.cache_key([stamp(source.path, request.folder)], members=members)
    with zipfile.ZipFile(source.path) as archive:

        def fill(i: int) -> tuple[Images]:
            return convert(_read_member(archive, members[i], str(source.path / members[i])), members[i])

        return cached(key, len(members), item, fill)["images"]


def _read_member(archive: zipfile.ZipFile, member: str, name: str) -> bytes:
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise InputError(f"{name}: cannot be read from the zip: {error}") from error
