"""The splits of a study's, a training's or an evaluation's data, opened: pictures of any layout, or a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from analysis.store.fingerprint import FILES, SplitFingerprint, hashed
from archspace.support.errors import FieldError
from searches.config.data import TEXT, DataConfig
from searches.config.parts import Crop
from searches.config.recipe import Size
from searches.config.training import TrainData
from searches.data.dataset import Request, checked_request
from searches.data.fingerprint import Source
from searches.data.own import own_of
from searches.data.text import TextSplit, load_text, texts_in


@dataclass(eq=False, kw_only=True)
class TextSource:
    """One split of a text, opened and not yet read.

    Attributes:
        root: a folder, or one file.
        name: ``train``, ``val`` or ``test``.
        splits: which file, or share of train, each split is.
        most: so many words of the vocabulary.
        words: the vocabulary; train's if left out.
    """

    root: Path
    name: str
    splits: Mapping[str, str | float]
    most: int | None = None
    words: Sequence[str] | None = None
    layout: str = TEXT
    task: str = "language"
    classes: tuple[str, ...] = ()
    kind: str = FILES

    @cached_property
    def split(self) -> TextSplit:
        """The tokens of the split.

        Raises:
            InputError: a file is missing or cannot be read.
        """
        most = self.most if self.words is None else None
        return load_text(self.root, self.name, splits=self.splits, vocabulary=self.words, most=most)

    def fingerprint(self) -> SplitFingerprint:
        """Returns the split by its words, and by its vocabulary in place of labels.

        Raises:
            InputError: a file is missing or cannot be read.
        """
        text = self.split
        return SplitFingerprint(
            count=len(text), size=text.tokens.nbytes, names=self.name, counts="tokens",
            images=hashed(np.ascontiguousarray(text.tokens).tobytes()), labels=hashed(*text.vocabulary),
        )  # fmt: skip


AnySource: TypeAlias = Source | TextSource
Data: TypeAlias = DataConfig | TrainData


def open_source(
    data: Data, name: str, *, task: str, layout: str, size: Size, channels: int, crop: Crop = "squash"
) -> AnySource:
    """Returns one split, all of it, listed and not yet decoded.

    Args:
        data: which.
        name: ``train``, ``val`` or ``test``.
        task: for what it is read.
        layout: of the data.
        size: (H, W) at which pictures are decoded.
        channels: of pictures.
        crop: how pictures of another aspect become ``size``.

    Raises:
        InputError: the data have no such split, or cannot be used.
    """
    if layout != TEXT:
        return Source(
            request_of(data, name, task=task, layout=layout, size=size, channels=channels, crop=crop)
        )
    return text_source(data, name)


def text_source(data: Data, name: str, words: Sequence[str] | None = None) -> TextSource:
    """Returns one split of a text, in the words of a network where it has some.

    Raises:
        FieldError: nothing says where the text is.
    """
    if data.root is None:
        raise FieldError("--data", None, "needs the folder of the text, or one text file")
    return TextSource(root=data.root, name=name, splits=data.splits, most=data.vocabulary, words=words)


def open_splits(
    data: Data, *, task: str, layout: str, decoded: Size, size: Size, channels: int
) -> dict[str, AnySource]:
    """Returns ``train``, decoded at its own size, and ``val`` at that of the trained network, as it is judged.

    Raises:
        InputError: the data are missing or cannot be used.
    """
    opened = partial(open_source, data, task=task, layout=layout, channels=channels)
    return {"train": opened("train", size=decoded), "val": opened("val", size=size, crop=data.crop)}


def request_of(
    data: Data, name: str, *, task: str, layout: str, size: Size, channels: int, crop: Crop = "squash"
) -> Request:
    """Returns the request for one split of pictures.

    Raises:
        FieldError: the data cannot be so.
    """
    return checked_request(
        layout, name, root=data.root, input_size=size, channels=channels, task=task, seed=data.seed, crop=crop,
        own=own_of(data),
    )  # fmt: skip


def check_text(data: Data) -> None:
    """Refuses a text that is not there, or lacks a split that training needs; no file is read.

    Raises:
        InputError: what is missing.
    """
    source = text_source(data, "train")
    found = texts_in(source.root.expanduser(), data.splits)
    missing = next((name for name in ("train", "val") if name not in found), None)
    if missing is not None:
        rule = f"{source.root} has no text of {missing} (splits here: {', '.join(found) or 'none'})"
        near = f"{{{missing}: {found[0]}}}" if found and missing == "train" else "{val: 0.1}"
        raise FieldError("data.splits", dict(data.splits), rule, near)
