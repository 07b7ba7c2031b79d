"""One split of a data set as arrays, the table of layouts it can come from, and loading one by name.

Shapes: N images, H rows, W columns, C channels (1 or 3). A layout is an entry of :data:`LAYOUTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archspace.plan.design import SCORES_OF_IMAGE
from archspace.support.errors import FieldError, closest
from archspace.support.palette import Colour
from archspace.support.registry import Registry
from searches.config.parts import Crop
from searches.data.boxes import Boxes
from searches.data.dividing import stratified_order
from searches.data.images import Images
from searches.data.listing import Listing, OnFault
from searches.data.own import Own
from searches.data.request import NOTHING_SAID as NOTHING_SAID
from searches.data.request import Request as Request
from searches.data.splits import SPLITS as SPLITS  # where plug-ins look for it
from searches.data.splits import VOID as VOID
from searches.fetching.hint import fetch_hint

Targets: TypeAlias = NDArray[Any] | Boxes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Images and targets of one split; the arrays may be read-only memory maps.

    Attributes:
        images: uint8 (N, H, W, C).
        targets: int64 (N,) for classification, uint8 (N, classes) of 0, 1 and void for multi-label classification,
            uint8 (N, H, W) for segmentation, :class:`Boxes` for detection.
        names: N names, unique within the split (``train/cat/1.jpg``, ``scenes/train/12``).
        classes: class names; a target is an index into them.
        void: label that loss and metric ignore; None where the targets have none.
        categories: the category of each class, where the data set groups them; else empty.
        colours: a colour a class, where the data set says them; else empty.
        sizes: int32 (N, 2): (H, W) of the upright pictures that the images were made from; None where they are these.
        own_mask: reads the mask of an image at the picture's own size, uint8 (H, W); None where the targets are these.
    """

    images: Images
    targets: Targets
    names: tuple[str, ...]
    classes: tuple[str, ...]
    void: int | None = None
    categories: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
    sizes: NDArray[np.int32] | None = None
    own_mask: Callable[[int], NDArray[np.uint8]] | None = None

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise ValueError(f"images are {self.images.dtype}{self.images.shape}, must be uint8 (N, H, W, C)")
        if not len(self.images) == len(self.targets) == len(self.names):
            lengths = f"{len(self.images)} images, {len(self.targets)} targets, {len(self.names)} names"
            raise ValueError(f"{lengths}: must be equally many")
        if (
            isinstance(self.targets, np.ndarray)
            and self.targets.ndim == 3
            and self.targets.shape[1:] != self.images.shape[1:3]
        ):
            raise ValueError(f"masks {self.targets.shape} do not fit images {self.images.shape}")

    def __len__(self) -> int:
        return len(self.images)

    def head(self, n: int | None) -> Split:
        """Returns a subset of ``n``, copied into memory; itself where ``n`` is None or not below the length.

        The order is shuffled with a fixed seed and spread evenly over the classes, so ``head(10)`` is the
        beginning of ``head(20)`` and both have the classes in the split's own proportions.

        Raises:
            FieldError: ``n`` is below 1.
        """
        if n is None or n >= len(self):
            return self
        if n < 1:
            raise FieldError("n", n, "a subset has at least one image", 1)
        labels = isinstance(self.targets, np.ndarray) and self.targets.ndim == 1
        index = stratified_order(self.targets if labels else np.zeros(len(self), np.int64))[:n]  # type: ignore[arg-type]
        targets = self.targets[index]
        return replace(
            self,
            images=np.array(self.images[index]),
            targets=targets if isinstance(targets, Boxes) else np.array(targets),
            names=tuple(self.names[i] for i in index),
            sizes=None if self.sizes is None else self.sizes[index],
            own_mask=None if self.own_mask is None else partial(_renumbered, self.own_mask, index),
        )


def _renumbered(
    read: Callable[[int], NDArray[np.uint8]], index: NDArray[np.int64], number: int
) -> NDArray[np.uint8]:
    """What ``read`` gives for the image that stands at ``number`` of a subset."""
    return read(int(index[number]))


Lister: TypeAlias = Callable[[Request, OnFault], Listing]


def some(root: Path, *patterns: str) -> bool:
    """Returns whether a folder has anything of these patterns."""
    return any(next(root.glob(pattern), None) is not None for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Sign:
    """What a folder of a layout has, seen from the names in it.

    Attributes:
        fits: whether a folder has it; reads no file.
        words: the sign in words.
        rank: of two layouts whose signs a folder has, the one of the lower rank is taken; ours have 10, 20, ..., 70.
    """

    fits: Callable[[Path], bool]
    words: str
    rank: int = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A layout of data on disk, or one that is built in.

    Attributes:
        read: the split that is asked for.
        tasks: that it serves.
        needs_root: it reads a folder.
        lister: lists a split of a folder, for :func:`searches.data.checking.check`; ``None`` where there is no folder.
        sign: by which a folder of it is known; ``None``: it has to be named.
    """

    read: Callable[[Request], Split]
    tasks: tuple[str, ...]
    needs_root: bool
    lister: Lister | None = None
    sign: Sign | None = None


LAYOUTS: Registry[Layout] = Registry("data.layout")
"""Layouts by name; :func:`layouts` has those of this package too."""


def layout(
    name: str, *, tasks: tuple[str, ...], needs_root: bool = True
) -> Callable[[Callable[[Request], Split]], Callable[[Request], Split]]:
    """Returns decorator that registers a reading function as the layout ``name``."""

    def enter(read: Callable[[Request], Split]) -> Callable[[Request], Split]:
        LAYOUTS.register(name)(Layout(read=read, tasks=tasks, needs_root=needs_root))
        return read

    return enter


def layouts() -> Registry[Layout]:
    """Returns the table of all layouts, the modules of :mod:`searches.data.layouts` imported."""
    import_module("searches.data.layouts")
    return LAYOUTS


def load_split(
    layout: str,
    split: str,
    *,
    root: Path | None,
    input_size: tuple[int, int],
    channels: int = 3,
    task: str,
    seed: int = 0,
    crop: Crop = "squash",
    own: Own = NOTHING_SAID,
) -> Split:
    """Loads one split, decoded at ``input_size``; the second time it comes from the cache.

    Args:
        layout: a name in :func:`layouts`.
        split: ``train``, ``val`` or ``test``.
        root: the data set's folder; None for a built-in layout.
        input_size: (H, W) in pixels.
        channels: 1 (grey) or 3 (RGB).
        task: the task that will use it; must be one of the layout's.
        seed: of generated data.
        crop: how a picture of another aspect becomes ``input_size``; ``centre`` is for scores of whole images.
        own: classes, void and splits that the user says, where the folder is read; it has a seed of its own.

    Raises:
        FieldError: an argument breaks a rule.
        InputError: a file or folder is missing or cannot be used; the message names it.
    """
    request = checked_request(
        layout,
        split,
        root=root,
        input_size=input_size,
        channels=channels,
        task=task,
        seed=seed,
        crop=crop,
        own=own,
    )
    return LAYOUTS[layout].read(request)


def checked_request(
    layout: str, split: str, *, root: Path | None, input_size: tuple[int, int], channels: int, task: str, seed: int,
    crop: Crop = "squash", own: Own = NOTHING_SAID,
) -> Request:  # fmt: skip
    """Returns the request for these arguments of :func:`load_split`.

    Raises:
        FieldError: an argument breaks a rule.
    """
    loader = layouts()[layout]
    if split not in SPLITS:
        raise FieldError("data.split", split, "unknown split", closest(str(split), list(SPLITS)))
    if task not in loader.tasks:
        raise FieldError("task", task, f"data.layout {layout!r} does not serve it", " or ".join(loader.tasks))
    if len(input_size) != 2 or not all(isinstance(side, int) and side >= 1 for side in input_size):
        raise FieldError("input_size", input_size, "must be (height, width) in whole pixels, at least 1")
    if channels not in (1, 3):
        raise FieldError("channels", channels, "images have 1 (grey) or 3 (RGB)", 1 if channels < 2 else 3)
    if crop == "centre" and task not in SCORES_OF_IMAGE:
        raise FieldError("crop", crop, f"would cut off what {task} looks for at the edges", "squash")
    if seed < 0:
        raise FieldError("data.seed", seed, "must not be negative", 0)
    if own and loader.lister is None:
        field = "classes" if own.classes else "splits" if own.splits else "void"
        rule = f"layout {layout!r} has no list of files, and knows its own"
        raise FieldError(f"data.{field}", getattr(own, field), rule, "leave it out")
    if own.void is not None and task != "segmentation":
        raise FieldError(
            "data.void", list(own.void), f"is a value in masks, which {task} has none of", "leave it out"
        )
    return Request(
        layout=layout,
        split=split,
        root=_checked_root(layout, loader, root),
        input_size=(input_size[0], input_size[1]),
        channels=channels,
        task=task,
        seed=seed,
        crop=crop,
        own=own,
    )


def _checked_root(layout: str, loader: Layout, root: Path | None) -> Path | None:
    if not loader.needs_root:
        if root is not None:
            raise FieldError(
                "data.root", str(root), f"layout {layout!r} is built in and reads no folder", "none"
            )
        return None
    if root is None:
        rule = f"layout {layout!r} reads files and needs a folder"
        raise FieldError("data.root", None, f"{rule}{fetch_hint(layout)}")
    path = Path(root).expanduser()
    if not path.exists():
        raise FieldError("data.root", str(root), f"no such folder{fetch_hint(layout)}")
    if not path.is_dir():
        raise FieldError("data.root", str(root), "is not a folder")
    return path.resolve()
