"""Fingerprints of data: each split opened once, fingerprinted from its files, and decoded when it is asked for.

Files count by name and content, wherever the folder lies; built-in data by their generator and seed; a layout that has
no list of files (a plug-in's) by the arrays that it reads.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from analysis.store.fingerprint import (
    FILES,
    DataFingerprint,
    Items,
    SplitFingerprint,
    hashed,
)
from archspace.support.errors import InputError
from searches.data.boxes import Boxes
from searches.data.cache import in_threads
from searches.data.dataset import Request, Split, layouts
from searches.data.filehash import FileHashes
from searches.data.layouts import digits, scenes
from searches.data.listing import Listing, Objects, Picture, refuse, without_repeats
from searches.data.reading import assembled
from searches.data.remarks import shared_images

log = logging.getLogger(__name__)

GENERATORS = {"digits": (digits.VERSION, False), "scenes": (scenes.GENERATOR_VERSION, True)}
"""Version of what makes built-in data, and whether a seed goes into them."""

PLACES = ("members",)
"""Entries of a listing's key that say where its parts lie, not what they are."""


class Opened(Protocol):
    """One split of a data set of any kind, opened and not yet read."""

    @property
    def layout(self) -> str:
        """As what it is read."""

    @property
    def root(self) -> Path | None:
        """Where it lies; ``None`` of built-in data."""

    @property
    def task(self) -> str:
        """For what it is read."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; none of a text."""

    @property
    def kind(self) -> str:
        """What the fingerprint is made from."""

    def fingerprint(self) -> SplitFingerprint:
        """Returns the split by its content."""


@dataclass(eq=False)
class Source:
    """One split of a data set of images, opened and not yet decoded.

    Attributes:
        request: what was asked for.
    """

    request: Request
    _split: Split | None = field(default=None, repr=False)

    @property
    def layout(self) -> str:
        """As what it is read."""
        return self.request.layout

    @property
    def root(self) -> Path | None:
        """The data set's folder."""
        return self.request.root

    @property
    def task(self) -> str:
        """For what it is read."""
        return self.request.task

    @cached_property
    def listing(self) -> Listing | None:
        """What the folder holds; ``None`` where the layout has no list of files."""
        lister = layouts()[self.request.layout].lister
        return None if lister is None else lister(self.request, refuse)

    @property
    def split(self) -> Split:
        """The split, its images decoded; those of the cache the second time.

        Raises:
            InputError: a file is missing or cannot be used.
        """
        if self._split is None:
            read = layouts()[self.request.layout].read
            self._split = (
                read(self.request) if self.listing is None else assembled(self.request, self.listing)
            )
        return self._split

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.split.classes if self.listing is None else self.listing.classes

    @property
    def kind(self) -> str:
        """What the fingerprint was made from."""
        if self.listing is not None:
            return FILES
        if self.request.layout in GENERATORS:
            version, seeded = GENERATORS[self.request.layout]
            seed = f", seed {self.request.seed}" if seeded else ""
            return f"{self.request.layout}, generator {version}{seed}"
        return f"{self.request.layout}, as arrays"

    def fingerprint(self) -> SplitFingerprint:
        """Returns the split by its content.

        Raises:
            InputError: a file is missing or cannot be read.
        """
        if self.listing is not None:
            return _of_files(self.request, self.listing)
        if self.request.layout in GENERATORS:
            return SplitFingerprint(count=len(self.split), size=0, names="", images="", labels="")
        return _of_arrays(self.split)


def fingerprint_of(sources: Mapping[str, Opened], name: str | None) -> DataFingerprint:
    """Returns the fingerprint of a data set.

    Args:
        sources: its splits by name, one at least.
        name: what it is called; the folder's name, or the layout's if left out.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    first = next(iter(sources.values()))
    splits = {split: source.fingerprint() for split, source in sources.items()}
    for remark in shared_images(splits):
        log.warning("%s: %s", first.layout, remark)
    return DataFingerprint(
        name=name or default_name(first.layout, first.root), layout=first.layout, task=first.task,
        classes=first.classes, source=first.kind, splits=splits,
    )  # fmt: skip


def default_name(layout: str, root: Path | None) -> str:
    """Returns what data are called that nobody named: as their folder, or as their layout where they are built in."""
    if root is None:
        return layout
    path = root.expanduser().resolve()
    return (path.stem if path.is_file() else path.name) or layout


def images_by_content(folder: Path, listing: Listing) -> dict[str, str]:
    """Returns the files of a listing's pictures by a hash of their content; those that cannot be read are left out."""
    hashes = FileHashes(folder)
    pictures = list(listing.pictures)
    shared = hashed(*(hashes.of(path)[0] for path in listing.files))

    def made(i: int) -> str | None:
        try:
            return _image(pictures[i], hashes, shared)[0]
        except InputError:
            return None

    try:
        rows = list(in_threads(made, len(pictures)))
    finally:
        hashes.save()
    return {row: picture.file for row, picture in zip(rows, pictures, strict=True) if row is not None}


def _of_files(request: Request, listing: Listing) -> SplitFingerprint:
    pictures = without_repeats(listing.pictures, refuse)
    if not pictures:
        raise InputError(f"{request.root}: split {request.split!r} holds no image")
    hashes = FileHashes(request.folder)
    shared = hashed(*(hashes.of(path)[0] for path in listing.files))

    def both(i: int) -> tuple[str, int, str]:
        return (*_image(pictures[i], hashes, shared), _labels(pictures[i], hashes, shared))

    try:
        rows = list(in_threads(both, len(pictures)))
    finally:
        hashes.save()
    items = Items(
        names=tuple(picture.name for picture in pictures), images=tuple(row[0] for row in rows),
        labels=tuple(row[2] for row in rows),
    )  # fmt: skip
    return _of_items(items, sum(row[1] for row in rows), _meaning(listing))


def _of_items(items: Items, size: int, meaning: str = "") -> SplitFingerprint:
    return SplitFingerprint(
        count=len(items.names), size=size, names=hashed(*items.names), images=hashed(*items.images),
        labels=hashed(*items.labels), meaning=meaning, items=items,
    )  # fmt: skip


def _image(picture: Picture, hashes: FileHashes, shared: str) -> tuple[str, int]:
    """Hash and bytes of a picture's own file; of one that has none, in a file that pictures share, of its part."""
    if picture.files:
        return hashes.of(picture.files[0])

    def made() -> tuple[str, int]:
        content = np.asarray(picture.open()[0]).tobytes() if picture.content is None else picture.content()
        return hashed(content), len(content)

    return hashes.part(f"{shared}/{picture.name}", made)


def _labels(picture: Picture, hashes: FileHashes, shared: str) -> str:
    if picture.objects is not None:
        return _objects(picture.objects)
    if picture.mask is None:
        return hashed(str(picture.label))
    if len(picture.files) > 1:
        return hashed(*(hashes.of(path)[0] for path in picture.files[1:]))
    drawn = picture.mask
    return hashes.part(f"{shared}/mask of {picture.name}", lambda: (hashed(drawn().tobytes()), 0))[0]


def _objects(objects: Objects) -> str:
    arrays = (objects.edges, objects.labels, objects.ignored)
    return hashed(*(np.ascontiguousarray(one).tobytes() for one in arrays), str(objects.size))


def _meaning(listing: Listing) -> str:
    """What values in masks stand for, as a hash; empty where nothing says."""
    key: dict[str, Any] = {name: value for name, value in listing.key.items() if name not in PLACES}
    if listing.void is None and not key:
        return ""
    return hashed(json.dumps({"void": listing.void, **key}, sort_keys=True, default=str))


def _of_arrays(split: Split) -> SplitFingerprint:
    """A split by its pixels and targets, as they are read at the size that was asked for."""
    targets = split.targets
    if isinstance(targets, Boxes):
        labels = [hashed(*_boxes(targets, i)) for i in range(len(split))]
    else:
        labels = [hashed(np.ascontiguousarray(target).tobytes()) for target in targets]
    images = tuple(hashed(np.ascontiguousarray(image).tobytes()) for image in split.images)
    items = Items(names=split.names, images=images, labels=tuple(labels))
    return _of_items(items, int(split.images.nbytes), "" if split.void is None else str(split.void))


def _boxes(boxes: Boxes, place: int) -> list[bytes]:
    own = slice(*boxes.offsets[place : place + 2].tolist())
    return [
        np.ascontiguousarray(part[own]).tobytes() for part in (boxes.corners, boxes.labels, boxes.ignored)
    ]
