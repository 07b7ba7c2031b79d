"""What a data set is by content: names, sizes, hashes of images and labels; and what differs between two. No torch.

``data.json`` in a run folder holds it, ``data-items.json.gz`` the hashes of single images, which name a difference. The
dataclass is the same in a study's storage, so that a worker on another machine can compare its own data.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archspace.support.errors import InputError
from archspace.support.files import replacing, write_text

FINGERPRINT_FORMAT = 1
DATA_FILE, ITEMS_FILE = "data.json", "data-items.json.gz"
SHORT = 12
"""Letters of a hash that records show."""

FILES = "files"
"""The source of data that are read from files as they lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """The images of a split one by one.

    Attributes:
        names: unique, in the order of the split.
        images, labels: a hash of the content of each.
    """

    names: tuple[str, ...]
    images: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFingerprint:
    """One split by its content.

    Attributes:
        count: images, or tokens of a text.
        size: bytes of the images, or of the text.
        names, images, labels: hashes of all names in their order, of all images, of all labels.
        counts: what ``count`` counts.
        meaning: a hash of what values in masks stand for which class or void; empty where labels need none.
        items: image by image, where that is known.
    """

    count: int
    size: int
    names: str
    images: str
    labels: str
    counts: str = "images"
    meaning: str = ""
    items: Items | None = field(default=None, compare=False, repr=False)

    @property
    def short(self) -> str:
        """A few letters that are other ones for other data."""
        return hashed(json.dumps(self.to_dict(), sort_keys=True))[:SHORT]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON, without the single images."""
        names = ("count", "size", "names", "images", "labels", "counts", "meaning")
        return {name: getattr(self, name) for name in names}

    def compare(self, other: SplitFingerprint) -> list[str]:
        """Returns what is different in ``other``, a phrase each; of many images the number and the first."""
        if self == other:
            return []
        words = [] if self.meaning == other.meaning else ["the values of the masks stand for other classes"]
        if self.items is not None and other.items is not None:
            return [*words, *_items_differ(self.items, other.items)]
        if self.count != other.count:
            return [*words, _more(other.count - self.count, self.counts)]
        parts = {"names": "other file names", "images": f"other {self.counts}", "labels": "other labels"}
        words += [text for part, text in parts.items() if getattr(self, part) != getattr(other, part)]
        return words or [f"{other.size} bytes, not {self.size}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFingerprint:
    """A data set by its content, wherever it lies.

    Attributes:
        name: for people; it makes no difference.
        layout: how it was read.
        task: whose annotations are its labels.
        classes: names of the classes; a label is an index into them. Empty for a text.
        source: :data:`FILES`, or the generator of built-in data with version and seed.
        splits: by name.
    """

    name: str
    layout: str
    task: str
    classes: tuple[str, ...]
    source: str
    splits: Mapping[str, SplitFingerprint]

    @property
    def short(self) -> str:
        """A few letters that are other ones for other data."""
        content = {
            name: value for name, value in self.to_dict().items() if name not in ("format", "name", "layout")
        }
        return hashed(json.dumps(content, sort_keys=True))[:SHORT]

    def compare(self, other: DataFingerprint) -> list[str]:
        """Returns what is different in ``other``, a phrase each; empty where both are the same data.

        Splits that only one of them has are not compared.
        """
        if self.source != other.source:
            return [f"{other.source}, not {self.source}"]
        differing = []
        if self.task != other.task:
            differing.append(f"the labels of {other.task}, not of {self.task}")
        if self.classes != other.classes:
            differing.append(_classes_differ(self.classes, other.classes))
        shared = [name for name in self.splits if name in other.splits]
        if not shared:
            differing.append(f"split {', '.join(other.splits)}, not {', '.join(self.splits)}")
        for name in shared:
            differing += [f"{name}: {what}" for what in self.splits[name].compare(other.splits[name])]
        return differing

    def record(self, used: Mapping[str, int] | None = None) -> dict[str, Any]:
        """Returns what the record of a trial or a training says of its data.

        Args:
            used: by split how many images (tokens) were used, where that is not all.
        """
        splits = {}
        for name, one in self.splits.items():
            count = (used or {}).get(name, one.count)
            part = {} if count == one.count else {"of": one.count}
            splits[name] = {one.counts: count, **part, "fingerprint": one.short}
        return {"name": self.name, "layout": self.layout, "fingerprint": self.short, "splits": splits}

    def record_of(self, split: str, used: int | None = None) -> dict[str, Any]:
        """Returns what the record of an evaluation on one split says of its data; as :meth:`record` has the split."""
        entry = self.record({} if used is None else {split: used})["splits"][split]
        return {"name": self.name, "layout": self.layout, "split": split, **entry}

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON, without the single images."""
        return {
            "format": FINGERPRINT_FORMAT, "name": self.name, "layout": self.layout, "task": self.task,
            "classes": list(self.classes), "source": self.source,
            "splits": {name: one.to_dict() for name, one in self.splits.items()},
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], items: Mapping[str, Items] | None = None) -> DataFingerprint:
        """Returns inverse of :meth:`to_dict`, with the single images of each split where they are given."""
        splits = {
            name: SplitFingerprint(**one, items=(items or {}).get(name))
            for name, one in data["splits"].items()
        }
        texts = {name: str(data[name]) for name in ("name", "layout", "task", "source")}
        return cls(**texts, classes=tuple(data["classes"]), splits=splits)


def hashed(*parts: str | bytes) -> str:
    """Returns a hash of texts or bytes, 32 letters; where one part ends and the next begins matters."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()


def write_fingerprint(folder: Path, fingerprint: DataFingerprint) -> None:
    """Keeps the fingerprint in a run folder; the single images first, so that nothing half appears."""
    items = {name: one.items for name, one in fingerprint.splits.items() if one.items is not None}
    if items:
        plain = {
            name: {"names": one.names, "images": one.images, "labels": one.labels}
            for name, one in items.items()
        }
        with replacing(folder / ITEMS_FILE) as temporary:
            temporary.write_bytes(gzip.compress(json.dumps(plain).encode(), mtime=0))
    write_text(folder / DATA_FILE, json.dumps(fingerprint.to_dict(), indent=1) + "\n")


def read_fingerprint(folder: Path, *, items: bool = False) -> DataFingerprint | None:
    """Returns the fingerprint of the data that the run in ``folder`` was made on; ``None`` for an older run.

    Args:
        folder: of a study or a training.
        items: also read the hashes of single images, where they are kept.

    Raises:
        InputError: a file is broken, or of a newer archspace.
    """
    path = folder / DATA_FILE
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] > FINGERPRINT_FORMAT:
            raise InputError(f"{path}: was written by a newer archspace: update archspace")
        return DataFingerprint.from_dict(data, _read_items(folder / ITEMS_FILE) if items else None)
    except InputError:
        raise
    except (OSError, EOFError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error


def _read_items(path: Path) -> dict[str, Items]:
    if not path.is_file():
        return {}
    plain = json.loads(gzip.decompress(path.read_bytes()))
    return {
        name: Items(**{part: tuple(values) for part, values in one.items()}) for name, one in plain.items()
    }


def _items_differ(held: Items, new: Items) -> list[str]:
    """What differs between the images of a split, by name."""
    before = {
        name: (image, label) for name, image, label in zip(held.names, held.images, held.labels, strict=True)
    }
    after = {
        name: (image, label) for name, image, label in zip(new.names, new.images, new.labels, strict=True)
    }
    more, fewer = [n for n in after if n not in before], [n for n in before if n not in after]
    if (
        more
        and len(more) == len(fewer)
        and Counter(after[n] for n in more) == Counter(before[n] for n in fewer)
    ):
        return [f"{_many(len(more), 'image')} of another name, the first is {more[0]} (was {fewer[0]})"]
    words = []
    if more:
        words.append(f"{_more(len(more), 'images')}, the first is {more[0]}")
    if fewer:
        words.append(f"{_more(-len(fewer), 'images')}, the first is {fewer[0]}")
    both = [name for name in before if name in after]
    for place, what in ((1, "labels of {}"), (0, "content of {}")):
        differing = [name for name in both if before[name][place] != after[name][place]]
        if differing:
            verb = "differ" if place else "differs"
            words.append(f"{what.format(_many(len(differing), 'image'))} {verb}, the first is {differing[0]}")
    if not words and held.names != new.names:
        first = next(b for a, b in zip(held.names, new.names, strict=True) if a != b)
        words.append(f"the images in another order, from {first} on")
    return words


def _classes_differ(held: Sequence[str], new: Sequence[str]) -> str:
    if len(held) != len(new):
        return f"{len(new)} classes, not {len(held)}"
    place = next(i for i, (a, b) in enumerate(zip(held, new, strict=True)) if a != b)
    return f"class {place} is {new[place]!r}, not {held[place]!r}"


def _more(count: int, word: str) -> str:
    """``3 images more``, ``1 image fewer``."""
    return f"{_many(abs(count), word.removesuffix('s'))} {'more' if count > 0 else 'fewer'}"


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
