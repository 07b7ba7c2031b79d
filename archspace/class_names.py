"""Names and colours of classes: those of known data sets, and the palette for all others. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspace.support.errors import FieldError, closest
from archspace.support.palette import BLACK, Colour, is_colour, palette
from archspace.support.text_files import listed_names

BACKGROUNDS = frozenset({"background", "void", "unlabelled", "unlabeled"})
"""Names of what is no thing; pictures leave it untinted."""

CITYSCAPES: Mapping[str, Colour] = {
    "road": (128, 64, 128), "sidewalk": (244, 35, 232), "building": (70, 70, 70), "wall": (102, 102, 156),
    "fence": (190, 153, 153), "pole": (153, 153, 153), "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0), "vegetation": (107, 142, 35), "terrain": (152, 251, 152),
    "sky": (70, 130, 180), "person": (220, 20, 60), "rider": (255, 0, 0), "car": (0, 0, 142),
    "truck": (0, 0, 70), "bus": (0, 60, 100), "train": (0, 80, 100), "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}  # fmt: skip
"""The 19 classes that Cityscapes evaluates, in the order of its train ids, with its own colours."""

CAMVID = (
    "sky", "building", "pole", "road", "pavement", "tree",
    "sign-symbol", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
"""The eleven classes of the SegNet tutorial's CamVid, in the order of its ``test_segmentation_camvid.py``."""

VOC = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""The twenty objects of PASCAL VOC."""

COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear",
    "hair drier", "toothbrush",
)  # fmt: skip
"""The eighty objects of COCO, in the order of their ids."""

NAMED: Mapping[str, tuple[str, ...]] = {
    "cityscapes": (*CITYSCAPES, "background"),
    "camvid": (*CAMVID, "void"),
    "voc": ("background", *VOC),
    "coco": ("background", *COCO),
}
"""Names of dense scores' classes by data set; detection counts no background."""


def voc_colour(index: int) -> Colour:
    """Returns the colour of class ``index`` in PASCAL VOC's masks.

    Its bits, three at a time, from the top of each channel.
    """
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    return channels[0], channels[1], channels[2]


@dataclass(frozen=True, slots=True)
class ClassNames:
    """The names of a network's classes, in the order of its outputs, as they travel with its weights.

    Attributes:
        names: one a class of the data; a network may have one output more (a trained void, a detector's background).
        colours: one a class, where the data set says them; else empty.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...] = ()

    def to_notes(self) -> dict[str, Any]:
        """Returns them as notes of a checkpoint: ``classes`` and, where there are some, ``colours``."""
        colours = {"colours": [list(colour) for colour in self.colours]} if self.colours else {}
        return {"classes": list(self.names), **colours}

    @classmethod
    def of_notes(cls, notes: Mapping[str, Any]) -> ClassNames | None:
        """Returns inverse of :meth:`to_notes`; ``None`` where the notes say no names."""
        names, colours = notes.get("classes"), notes.get("colours") or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return None
        kept = len(colours) == len(names) and all(is_colour(colour) for colour in colours)
        return cls(tuple(names), tuple((r, g, b) for r, g, b in colours) if kept else ())

    def fitted(self, outputs: int, task: str) -> ClassNames | None:
        """Returns the names, and the colours, of so many outputs; ``None`` where they are another number."""
        names = fitting(self.names, outputs, task)
        if names is None:
            return None
        if names == self.names:
            return self
        own = dict(zip(self.names, self.colours, strict=True)) if self.colours else {}
        colours = tuple(own.get(name, BLACK) for name in names) if own else ()
        return ClassNames(names, colours)

    @property
    def shown(self) -> tuple[Colour, ...]:
        """The data set's own colours, else those of :func:`colours_of`."""
        return self.colours or colours_of(self.names)


def colours_of(names: Sequence[str]) -> tuple[Colour, ...]:
    """Returns a colour a class: Cityscapes' and VOC's own where these are their classes, else the palette's."""
    known: dict[str, Colour] = dict(CITYSCAPES)
    if not set(names) <= {*known, *BACKGROUNDS}:
        known = {name: voc_colour(i + 1) for i, name in enumerate(VOC)}
    things = [name for name in names if name not in BACKGROUNDS]
    if not set(things) <= set(known) or not things:
        known = dict(zip(things, palette(len(things)), strict=True))
    return tuple(known.get(name, BLACK) for name in names)


def read_names(words: str, outputs: int, task: str) -> tuple[str, ...]:
    """Returns the ``outputs`` class names that a user gives: a data set of :data:`NAMED`, or a file with one a line.

    Raises:
        InputError: no such data set or file, or another number of names.
    """
    path = Path(words)
    if words in NAMED:
        names = NAMED[words]
    elif path.is_file():
        names = tuple(_unmarked(line) for line in listed_names(path) if not line.startswith("#"))
    else:
        raise FieldError("--labels", words, "no such file or data set", closest(words, list(NAMED)))
    matched = fitting(names, outputs, task)
    if matched is None:
        raise FieldError(
            "--labels", words, f"has {len(names)} names; the network has {outputs} classes", outputs
        )
    return matched


def listing(names: Sequence[str]) -> str:
    """Returns names as :func:`read_names` reads them, a line each.

    One that begins with ``#``, as a remark does, has a backslash before it.
    """
    lines = (" ".join(name.split()) for name in names)
    return "".join(f"{BACKSLASH if line.startswith(_MARKED) else ''}{line}\n" for line in lines)


BACKSLASH = "\\"
_MARKED = ("#", BACKSLASH)
"""How a line begins that a backslash comes before."""


def _unmarked(line: str) -> str:
    return line[1:] if line.startswith(tuple(f"{BACKSLASH}{mark}" for mark in _MARKED)) else line


def fitting(names: Sequence[str], outputs: int, task: str) -> tuple[str, ...] | None:
    """``names`` for ``outputs`` classes, or ``None`` where they are another number.

    A void that was trained beside the classes is added; a background that the network or detection does not count
    is left out.
    """
    if task == "detection":
        if outputs == len(names) + 1:  # a detector counts a background of its own
            return tuple(names)
        names = [name for name in names if name not in BACKGROUNDS]
        return tuple(names) if outputs in (len(names), len(names) + 1) else None
    if outputs == len(names) + 1 and task == "segmentation" and not BACKGROUNDS & set(names):
        return (*names, "void")
    if outputs == len(names) - 1 and BACKGROUNDS & set(names):
        return tuple(name for name in names if name not in BACKGROUNDS)
    return tuple(names) if outputs == len(names) else None


PUBLISHED: Mapping[tuple[str, int], str] = {
    ("segmentation", 20): "cityscapes", ("segmentation", 12): "camvid", ("segmentation", 21): "voc",
    ("segmentation", 81): "coco", ("detection", 21): "voc", ("detection", 20): "voc", ("detection", 81): "coco",
    ("detection", 80): "coco", ("multilabel", 80): "coco", ("multilabel", 20): "voc",
}  # fmt: skip
"""The data of published weights by task and number of classes."""


def class_names(
    outputs: int, task: str, *, noted: ClassNames | None = None, published: bool = False
) -> tuple[ClassNames, str]:
    """Returns names of a network's classes, and where they are from.

    Args:
        outputs: classes that the network has.
        task: of the network's spec.
        noted: the names that it carries.
        published: the weights are an author's, whose data the number of classes tells.
    """
    data = PUBLISHED.get((task, outputs)) if published else None
    if data is not None and (known := published_names(outputs, task)) is not None:
        return known, f"{data} (published weights of {outputs} classes)"
    if noted is not None and (named := noted.fitted(outputs, task)) is not None:
        return named, "the checkpoint"
    return ClassNames(tuple(f"class {i}" for i in range(outputs))), "their indices"


def published_names(outputs: int, task: str) -> ClassNames | None:
    """Returns the names of the data that published weights of so many classes are for, or ``None``."""
    data = PUBLISHED.get((task, outputs))
    names = None if data is None else fitting(NAMED[data], outputs, task)
    return None if names is None else ClassNames(names)
