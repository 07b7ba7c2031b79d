"""Text for language models, in the layout of WikiText and of the Penn Treebank: one file a split.

ROOT holds ``wiki.train.tokens``, ``wiki.valid.tokens``, ``wiki.test.tokens``; or ``ptb.train.txt``, ...; or
``train.txt``, ``valid.txt`` (``val.txt``), ``test.txt``. Words are what white space separates, and every line, an
empty one too, ends in ``<eos>``, as these corpora are counted. ROOT may also be one text file: its first 80 % of
lines are then train, the next 10 % val and the rest test. A split may also be a share of train: its last lines.

The vocabulary is train's words by falling frequency, equally frequent ones in the order of their first appearance.
A word of another split that is not among them is ``<unk>``, which is added at the end where train has none. Of a
vocabulary that is cut, the rarer words of train are ``<unk>`` too.
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
_WHOLE = (0.0, 1.0)
STRETCH = 32
"""Words of a stretch by which two texts are compared; longer than what is often said again."""
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
    splits: Mapping[str, str | float] | None = None,
    vocabulary: Sequence[str] | None = None,
    most: int | None = None,
) -> TextSplit:
    """Returns one split as indices of words; the second time it comes from the cache.

    Args:
        root: a folder or a text file.
        split: ``train``, ``val`` or ``test``.
        splits: split -> the one whose file is read in its place (``{"train": "valid"}`` where there is no train), or
            the share of train's lines that it is: val and test are the last ones, in this order. A split that is not
            named keeps its own.
        vocabulary: the words, ``<unk>`` among them; train's if left out.
        most: so many of train's most frequent words, ``<unk>`` among them; all if left out.

    Raises:
        FieldError: an argument breaks a rule.
        InputError: there is no text for the split or (without ``vocabulary``) for train, or one cannot be read.
    """
    if split not in SPLITS:
        raise FieldError("data.split", split, "unknown split", closest(str(split), list(SPLITS)))
    root = Path(root).expanduser().resolve()
    parts = _mapped(root, splits or {})
    for needed in (split,) if vocabulary is not None else ("train", split):
        if needed not in parts:
            there = ", ".join(parts) or "none"
            more = "; the vocabulary comes from it" if needed == "train" else ""
            hint = (
                f'; splits={{"{needed}": "{next(iter(parts))}"}} takes another in its place' if parts else ""
            )
            raise InputError(
                f"{root}: has no text file of split {needed!r}{more} (splits here: {there}){hint}"
            )
    own = parts[split]
    learnt = own if vocabulary is not None else parts["train"]
    given = None if vocabulary is None else blake2b("\n".join(vocabulary).encode()).hexdigest()
    key = {
        "layout": "text", "split": split, "version": VERSION, "part": own.lines, "learnt_part": learnt.lines,
        "vocabulary": given, "sources": [stamp(one.file, one.file.parent) for one in (own, learnt)],
        "root": str(root), **({} if most is None else {"most": most}),
    }  # fmt: skip

    @cache
    def made() -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        words = vocabulary_of(_words(learnt), most) if vocabulary is None else tuple(vocabulary)
        return _indices(_words(own), words), np.frombuffer("\n".join(words).encode(), np.uint8)

    def lengths(_: int) -> tuple[NDArray[Any]]:
        return (np.array([len(array) for array in made()], np.int64),)

    length = cached({**key, "what": "lengths"}, 1, {"lengths": Item((2,), "int64")}, lengths)["lengths"][0]
    items = {"tokens": Item((int(length[0]),), "int64"), "words": Item((int(length[1]),), "uint8")}
    arrays = cached(key, 1, items, lambda _: made())
    name = own.file.name if own.lines == _WHOLE else f"{own.file.name}, {own.name}"
    return TextSplit(
        tokens=arrays["tokens"][0],
        vocabulary=tuple(arrays["words"][0].tobytes().decode().split("\n")),
        name=name,
    )


def vocabulary_of(words: list[str], most: int | None = None) -> tuple[str, ...]:
    """Returns the words by falling frequency, then first appearance.

    ``<unk>`` at the end where it is not among them.

    Args:
        words: of a text, in its order.
        most: so many at most, ``<unk>`` among them; all if left out.
    """
    counts = Counter(words)  # keeps the order of first appearance, and most_common is stable
    vocabulary = tuple(word for word, _ in counts.most_common(most))
    if UNKNOWN in vocabulary:
        return vocabulary
    return (*(vocabulary if most is None else vocabulary[: most - 1]), UNKNOWN)


def seen_stretches(text: TextSplit, other: TextSplit) -> list[str]:
    """Returns where the stretches of :data:`STRETCH` words of a text begin that stand in another too.

    Stretches that are mostly ``<unk>`` say nothing and are passed over. Both texts have the same vocabulary.
    """
    length = min(STRETCH, len(text), len(other))
    count = len(text) // length
    ours = np.asarray(text.tokens[: count * length]).reshape(count, length)
    known = np.flatnonzero((ours == text.vocabulary.index(UNKNOWN)).mean(axis=1) <= 0.5)
    factors = np.random.default_rng(0).integers(1, 2**63, length, dtype=np.uint64)
    hashed = np.zeros(len(other) - length + 1, np.uint64)
    for place, factor in enumerate(factors):
        hashed += np.asarray(other.tokens[place : place + len(hashed)]).astype(np.uint64) * factor
    seen = known[np.isin((ours[known].astype(np.uint64) * factors).sum(axis=1, dtype=np.uint64), hashed)]
    return [f"from token {place * length} on" for place in seen.tolist()]


def texts_in(root: Path, splits: Mapping[str, str | float] | None = None) -> list[str]:
    """Returns the splits that a text has, with what the user says of them.

    Raises:
        FieldError: there is no such text, or a split is mapped to one that it does not have.
    """
    return list(_mapped(root, splits or {}))


@dataclass(frozen=True, slots=True)
class _Part:
    """Where a split stands: the file, the share of its lines from where to where, and what that part is called."""

    name: str
    file: Path
    lines: tuple[float, float]


def _mapped(root: Path, splits: Mapping[str, str | float]) -> dict[str, _Part]:
    """Split -> where its text is, with the caller's mapping applied."""
    if not root.exists():
        raise FieldError("data.root", str(root), "no such file or folder")
    files = text_files(root)
    parts = {
        split: _Part(split, path, _PARTS[split] if root.is_file() else _WHOLE)
        for split, path in files.items()
    }
    mapped, shares = dict(parts), dict[str, float]()
    for split, other in splits.items():
        if not isinstance(other, str):
            shares[split] = other
            continue
        source = split_of(other)
        if split not in SPLITS or source not in files:
            rule = f"maps one of {', '.join(SPLITS)} to a split that {root} has"
            raise FieldError("splits", {split: other}, rule, ", ".join(files) or "none")
        mapped[split] = parts[source]
    if shares and "train" in mapped:
        whole = root.is_file() and "train" not in splits
        kept = {} if whole else mapped
        mapped = {**kept, **_divided(mapped["train"], shares, whole=whole)}
    return {split: mapped[split] for split in SPLITS if split in mapped}


def _divided(train: _Part, shares: Mapping[str, float], *, whole: bool) -> dict[str, _Part]:
    """The lines of train with their last ones given to val and test; ``whole``: it is then all of its file."""
    first, last = _WHOLE if whole else train.lines
    edges = [last]
    for split in ("test", "val"):
        edges.append(round(edges[-1] - shares.get(split, 0.0) * (last - first), 9))
    end, test, val = edges
    made = {"train": _Part("train", train.file, (first, val))}
    for split, start, stop in (("val", val, test), ("test", test, end)):
        if split in shares:
            made[split] = _Part(split, train.file, (start, stop))
    return made


def _words(part: _Part) -> list[str]:
    """The words of a part of a file."""
    lines = read_lines(part.file)
    first, last = (round(share * len(lines)) for share in part.lines)
    words = [word for line in lines[first:last] for word in (*line.split(), END)]
    if len(words) <= last - first:
        raise InputError(f"{part.file}: holds no word{'' if part.lines == _WHOLE else ' in this part'}")
    return words


def _indices(words: list[str], vocabulary: tuple[str, ...]) -> NDArray[np.int64]:
    index = {word: i for i, word in enumerate(vocabulary)}
    unknown = index[UNKNOWN]
    return np.fromiter((index.get(word, unknown) for word in words), np.int64, len(words))
