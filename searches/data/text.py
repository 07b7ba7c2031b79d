"""Text for language models, in the layout of WikiText and of the Penn Treebank: one file a split.

ROOT holds ``wiki.train.tokens``, ``wiki.valid.tokens``, ``wiki.test.tokens``; or ``ptb.train.txt``, ...; or
``train.txt``, ``valid.txt`` (``val.txt``), ``test.txt``. Words are what white space separates, and every line, an
empty one too, ends in ``<eos>``, as these corpora are counted. ROOT may also be one text file: its first 80 % of
lines are then train, the next 10 % val and the rest test.

The vocabulary is train's words by falling frequency, equally frequent ones in the order of their first appearance.
A word of another split that is not among them is ``<unk>``, which is added at the end where train has none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspace.support.errors import FieldError, InputError, closest
from archspace.support.text_files import read_lines
from searches.data.cache import Item, cached, stamp
from searches.data.splits import SPLITS, split_of

UNKNOWN, END = "<unk>", "<eos>"
VERSION = 1
_FILE = re.compile(r"(?:[\w-]+\.)?(\w+)\.(?:txt|tokens)", re.IGNORECASE)
_PARTS = {"train": (0.0, 0.8), "val": (0.8, 0.9), "test": (0.9, 1.0)}
_TEXT_SUFFIXES = (".txt", ".tokens")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextSplit:
    """One split of a text.

    Attributes:
        tokens: int64 (L,): indices into ``vocabulary``; may be a read-only memory map.
        vocabulary: the words, the same for all splits of a data set.
        name: the file, and its part where one file holds all splits.
    """

    tokens: NDArray[np.int64]
    vocabulary: tuple[str, ...]
    name: str

    def __len__(self) -> int:
        return len(self.tokens)

    def head(self, n: int | None) -> TextSplit:
        """Returns the first ``n`` tokens; itself where ``n`` is None or not below the length.

        Raises:
            FieldError: ``n`` is below 2, of which one is predicted.
        """
        if n is None or n >= len(self):
            return self
        if n < 2:
            raise FieldError("n", n, "a text has two tokens or more", 2)
        return replace(self, tokens=np.array(self.tokens[:n]))


def text_files(root: Path) -> dict[str, Path]:
    """Split -> the file that it is read from; empty where ``root`` is no text data set.

    Raises:
        InputError: two files have a name of the same split.
    """
    if root.is_file():
        return dict.fromkeys(SPLITS, root) if root.suffix.lower() in _TEXT_SUFFIXES else {}
    if not root.is_dir():
        return {}
    files: dict[str, Path] = {}
    for path in sorted(root.iterdir()):
        match = _FILE.fullmatch(path.name)
        split = split_of(match[1]) if match else None
        if split is None or not path.is_file():
            continue
        if split in files:
            both = f"{files[split].name} and {path.name}"
            raise InputError(f"{root}: {both} are both the text of split {split!r}; keep one of them")
        files[split] = path
    return {split: files[split] for split in SPLITS if split in files}


def load_text(
    root: Path,
    split: str,
    *,
    splits: Mapping[str, str] | None = None,
    vocabulary: Sequence[str] | None = None,
) -> TextSplit:
    """Returns one split as indices of words; the second time it comes from the cache.

    Args:
        root: a folder or a text file.
        split: ``train``, ``val`` or ``test``.
        splits: split -> the one whose file is read in its place (``{"train": "valid"}`` where there is no train);
            a split that is not named keeps its own.
        vocabulary: the words, ``<unk>`` among them; train's if left out.

    Raises:
        FieldError: an argument breaks a rule.
        InputError: there is no file for the split or (without ``vocabulary``) for train, or one cannot be read.
    """
    if split not in SPLITS:
        raise FieldError("data.split", split, "unknown split", closest(str(split), list(SPLITS)))
    root = Path(root).expanduser().resolve()
    files = _mapped(root, splits or {})
    for needed in (split,) if vocabulary is not None else ("train", split):
        if needed not in files:
            there = ", ".join(files) or "none"
            more = "; the vocabulary comes from it" if needed == "train" else ""
            hint = (
                f'; splits={{"{needed}": "{next(iter(files))}"}} takes another in its place' if files else ""
            )
            raise InputError(
                f"{root}: has no text file of split {needed!r}{more} (splits here: {there}){hint}"
            )
    source, path = files[split]
    learnt, train = files["train"] if vocabulary is None else (source, path)
    part = _PARTS[source] if root.is_file() else (0.0, 1.0)
    learnt_part = _PARTS[learnt] if root.is_file() else (0.0, 1.0)
    given = None if vocabulary is None else blake2b("\n".join(vocabulary).encode()).hexdigest()
    key = {
        "layout": "text", "split": split, "version": VERSION, "part": part, "learnt_part": learnt_part,
        "vocabulary": given, "sources": [stamp(file, file.parent) for file in (path, train)], "root": str(root),
    }  # fmt: skip

    @cache
    def made() -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        words = vocabulary_of(_words(train, learnt_part)) if vocabulary is None else tuple(vocabulary)
        return _indices(_words(path, part), words), np.frombuffer("\n".join(words).encode(), np.uint8)

    def lengths(_: int) -> tuple[NDArray[Any]]:
        return (np.array([len(array) for array in made()], np.int64),)

    length = cached({**key, "what": "lengths"}, 1, {"lengths": Item((2,), "int64")}, lengths)["lengths"][0]
    items = {"tokens": Item((int(length[0]),), "int64"), "words": Item((int(length[1]),), "uint8")}
    arrays = cached(key, 1, items, lambda _: made())
    name = path.name if part == (0.0, 1.0) else f"{path.name}, {source}"
    return TextSplit(
        tokens=arrays["tokens"][0],
        vocabulary=tuple(arrays["words"][0].tobytes().decode().split("\n")),
        name=name,
    )


def vocabulary_of(words: list[str]) -> tuple[str, ...]:
    """Returns the words by falling frequency, then first appearance.

    ``<unk>`` at the end where it is not among them.
    """
    counts = Counter(words)  # keeps the order of first appearance, and most_common is stable
    vocabulary = tuple(word for word, _ in counts.most_common())
    return vocabulary if UNKNOWN in counts else (*vocabulary, UNKNOWN)


def _mapped(root: Path, splits: Mapping[str, str]) -> dict[str, tuple[str, Path]]:
    """Split -> (the split whose text it is, its file), with the caller's mapping applied."""
    if not root.exists():
        raise FieldError("data.root", str(root), "no such file or folder")
    files = text_files(root)
    mapped = {split: (split, path) for split, path in files.items()}
    for split, other in splits.items():
        source = split_of(other)
        if split not in SPLITS or source not in files:
            rule = f"maps one of {', '.join(SPLITS)} to a split that {root} has"
            raise FieldError("splits", {split: other}, rule, ", ".join(files) or "none")
        mapped[split] = (source, files[source])
    return {split: mapped[split] for split in SPLITS if split in mapped}


def _words(path: Path, part: tuple[float, float]) -> list[str]:
    """The words of the lines between two shares of a file."""
    lines = read_lines(path)
    first, last = (round(share * len(lines)) for share in part)
    words = [word for line in lines[first:last] for word in (*line.split(), END)]
    if len(words) <= last - first:
        raise InputError(f"{path}: holds no word{'' if part == (0.0, 1.0) else ' in this part'}")
    return words


def _indices(words: list[str], vocabulary: tuple[str, ...]) -> NDArray[np.int64]:
    index = {word: i for i, word in enumerate(vocabulary)}
    unknown = index[UNKNOWN]
    return np.fromiter((index.get(word, unknown) for word in words), np.int64, len(words))
