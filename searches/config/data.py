"""The data of a study, and the rules for what is said of one's own: names of classes, void, how train is divided."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from archspace.support.errors import FieldError, InputError, closest
from searches.config.parts import Crop, Part, Seed

TEXT = "text"
"""The layout of language data, which :func:`searches.data.text.load_text` reads."""

OF_PICTURES = ("input_size", "channels", "crop", "classes", "void", "seed")
"""Fields of a study's data that a text has no use for."""
OF_TEXT = ("vocabulary",)

Classes: TypeAlias = list[str] | dict[int, str]
"""Names in the order of the class indices, or by the value that each has in the masks."""

Void: TypeAlias = int | list[int]

DIVIDED = ("val", "test")
"""Splits that may be a part of train."""

MOST_CLASSES = 255
LARGEST_VALUE = 2**16


def check_classes(classes: Classes | None) -> Classes | None:
    """Returns names of classes as they are.

    Raises:
        FieldError: no name, more than a mask can hold, an empty one, one twice, or a value that no mask has.
    """
    if classes is None:
        return None
    names = list(classes.values()) if isinstance(classes, dict) else classes
    if not 1 <= len(names) <= MOST_CLASSES:
        raise FieldError("data.classes", len(names), f"must be 1 to {MOST_CLASSES} names", "[ground, disc]")
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise FieldError("data.classes", twice, "is named twice")
    if any(not name.strip() for name in names):
        raise FieldError("data.classes", "", "a class has no name")
    for value in classes if isinstance(classes, dict) else ():
        if not 0 <= value < LARGEST_VALUE:
            raise FieldError("data.classes", value, f"a value in a mask is 0 to {LARGEST_VALUE - 1}")
    return classes


def check_void(void: Void | None) -> Void | None:
    """Returns the values that are void as they are.

    Raises:
        FieldError: a value that no mask has.
    """
    for value in [void] if isinstance(void, int) else void or []:
        if not 0 <= value < LARGEST_VALUE:
            raise FieldError("data.void", value, f"a value in a mask is 0 to {LARGEST_VALUE - 1}", 255)
    return void


def check_kind(layout: str, task: str) -> None:
    """Refuses pictures for a language model, and text for any other task.

    Raises:
        FieldError: the data are of the other kind.
    """
    if (layout == TEXT) != (task == "language"):
        rule = f"the data are {'text' if layout == TEXT else 'pictures'}, the network's task is {task}"
        raise FieldError("data.layout", layout, rule, "a network of eru" if layout == TEXT else TEXT)


def check_splits(splits: Mapping[str, str | float], layout: str | None) -> None:
    """Refuses splits that cannot be had: shares of train, or of a text the names of its files.

    Args:
        splits: as the user gave them.
        layout: of the data; ``None`` where that is not known yet.

    Raises:
        FieldError: a share of train breaks a rule, or pictures are to come from another split's file.
    """
    files = {name: value for name, value in splits.items() if isinstance(value, str)}
    if files and layout not in (TEXT, None):
        rule = "names of files are of texts; of pictures it is a share of train"
        raise FieldError("data.splits", dict(splits), rule, "{val: 0.2}")
    check_shares({name: value for name, value in splits.items() if name not in files})


def check_shares(splits: Mapping[str, object]) -> None:
    """Refuses shares of train that cannot be taken from it.

    Raises:
        FieldError: a split that is none, a share that is not between 0 and 1, or shares that leave nothing to train.
    """
    total = 0.0
    for name, share in splits.items():
        if name not in DIVIDED:
            rule = "is what is left of train" if name == "train" else "unknown split"
            raise FieldError(f"data.splits.{name}", share, rule, closest(name, list(DIVIDED)) or "val")
        if not isinstance(share, float) or not 0 < share < 1:
            raise FieldError(f"data.splits.{name}", share, "must be a share of train between 0 and 1", 0.2)
        total += share
    if total >= 1:
        rule = f"add up to {total:g}, which leaves nothing to train on"
        raise FieldError("data.splits", dict(splits), rule, "{val: 0.2, test: 0.1}")


class DataConfig(Part):
    """Which data, at which size.

    Attributes:
        layout: ``scenes`` and ``digits`` are built in; the others (``imagefolder``, ``segnet``, ...) read ``root``;
            ``text`` is for language.
        root: the data set's folder, or a text's one file; ``--data`` replaces it.
        name: what tables, pages and records call the data; the folder's name, or the layout's if left out.
        input_size: (H, W) in pixels to which every image is resized; pictures need it, a text has none.
        channels: 1 (grey) or 3 (RGB); of pictures.
        train, val: use so many images of the split, or so many tokens of a text; all of them if left out.
        crop: how pictures of another aspect are evaluated: ``squash`` resizes all of a picture; ``centre`` cuts out the
            middle at 7/8 of its tighter side, as ImageNet's networks are judged (scores of whole images).
        classes: names of the classes: a list in the order of the class indices, or a mapping from a value in the masks
            to its name (``{0: ground, 255: disc}``). They are those of ``classes.txt``, of the folders or of the
            annotations if left out; of names that the data say themselves, the list says the order.
        void: the value, or values, in the masks that loss and metric ignore; as the layout has it if left out.
        vocabulary: of a text: so many of train's most frequent words are told apart, ``<unk>`` among them; all if left
            out.
        splits: split -> share of train: ``{val: 0.2}`` takes a random fifth for val, and ``test`` alike; of
            classification in the proportions of the classes; of a text the last lines. Train is the rest. Of a text
            also split -> the one whose file is read in its place: ``{train: valid, val: 0.1}``.
        seed: of generated data (``scenes``), and of what ``splits`` draws of pictures.
    """

    layout: str
    root: Path | None = None
    name: str | None = Field(None, min_length=1)
    input_size: tuple[int, int] | None = None
    channels: Literal[1, 3] = 3
    train: int | None = Field(None, ge=2)
    val: int | None = Field(None, ge=1)
    crop: Crop = "squash"
    classes: Classes | None = None
    void: Void | None = None
    vocabulary: int | None = Field(None, ge=2)
    splits: dict[str, str | float] = Field(default_factory=dict)
    seed: Seed = 0

    @model_validator(mode="after")
    def _own(self) -> DataConfig:
        text = self.layout == TEXT
        kind = "pictures; a text has none" if text else "texts; pictures have none"
        for name in OF_PICTURES if text else OF_TEXT:
            if name in self.model_fields_set and getattr(self, name) is not None:
                raise FieldError(f"data.{name}", getattr(self, name), f"is of {kind}", "leave it out")
        if not text and self.input_size is None:
            raise InputError("data.input_size: missing: this field is needed")
        check_classes(self.classes)
        check_void(self.void)
        check_splits(self.splits, self.layout)
        return self

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The fields that the data have: those of pictures, or those of a text."""
        others = OF_PICTURES if self.layout == TEXT else OF_TEXT
        return {name: value for name, value in handler(self).items() if name not in others}

    @property
    def files(self) -> dict[str, str]:
        """Of a text: split -> the one whose file is read in its place."""
        return {name: value for name, value in self.splits.items() if isinstance(value, str)}

    @property
    def shares(self) -> dict[str, float]:
        """Split -> share of train that is taken for it."""
        return {name: value for name, value in self.splits.items() if not isinstance(value, str)}
