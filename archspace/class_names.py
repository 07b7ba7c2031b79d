"""Names and colours of classes: those of known data sets, and a palette for all others. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from archspace.support.errors import FieldError, InputError, closest

Colour: TypeAlias = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

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
    """The colour of class ``index`` in PASCAL VOC's masks: its bits, three at a time, from the top of each channel."""
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    return channels[0], channels[1], channels[2]


def colours_of(names: Sequence[str]) -> tuple[Colour, ...]:
    """A colour a class: Cityscapes' and VOC's own where these are their classes, else :func:`palette`'s."""
    known: dict[str, Colour] = dict(CITYSCAPES)
    if not set(names) <= {*known, *BACKGROUNDS}:
        known = {name: voc_colour(i + 1) for i, name in enumerate(VOC)}
    things = [name for name in names if name not in BACKGROUNDS]
    if not set(things) <= set(known) or not things:
        known = dict(zip(things, palette(len(things)), strict=True))
    return tuple(known.get(name, (0, 0, 0)) for name in names)


OKABE_ITO: tuple[Colour, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
)  # fmt: skip
"""Okabe and Ito (2008) without black: told apart by all common kinds of colour vision."""

_SEEN = np.array([
    np.eye(3),
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
])  # fmt: skip
"""Linear RGB as seen by common, protanope and deuteranope eyes (Machado, Oliveira and Fernandes 2009, severity 1)."""

_CONES = np.array(
    [[0.4122215, 0.5363325, 0.0514460], [0.2119035, 0.6806995, 0.1073970], [0.0883025, 0.2817188, 0.6299787]]
)
_OKLAB = np.array(
    [
        [0.2104543, 0.7936178, -0.0040720],
        [1.9779985, -2.4285922, 0.4505937],
        [0.0259040, 0.7827718, -0.8086758],
    ]
)


def perceived(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where colours lie in Oklab for each kind of colour vision; distances there are about those one sees.

    Shapes: (N, 3), 0 to 255 -> (kinds of vision, N, 3).
    """
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.einsum("vij,nj->vni", _SEEN, linear), 0, 1)
    return np.cbrt(seen @ _CONES.T) @ _OKLAB.T  # type: ignore[no-any-return]


LEAST_APART = 24
"""RGB distance of a further colour from each of Okabe and Ito's."""


@lru_cache(maxsize=8)
def palette(count: int) -> tuple[Colour, ...]:
    """``count`` colours, as far from each other as can be for common, red-blind and green-blind eyes.

    They begin with Okabe and Ito's; each further one is the one of 6 x 6 x 6 that is farthest from all before.
    A shorter palette is the beginning of a longer one. Beyond some 200 they repeat.
    """
    steps = np.arange(0, 256, 51)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    grid = grid[(grid.sum(1) > 120) & (grid.sum(1) < 700)]  # neither black nor white: these are ink and paper
    apart = np.linalg.norm(grid[:, None] - np.array(OKABE_ITO)[None], axis=-1).min(1)
    grid = grid[apart >= LEAST_APART]
    chosen = list(OKABE_ITO)
    places, known = perceived(grid.astype(float)), perceived(np.array(chosen, float))
    nearest = np.linalg.norm(places[:, :, None] - known[:, None], axis=-1).min((0, 2))
    while len(chosen) < min(count, len(OKABE_ITO) + len(grid)):
        best = int(nearest.argmax())
        chosen.append((int(grid[best, 0]), int(grid[best, 1]), int(grid[best, 2])))
        nearest = np.minimum(nearest, np.linalg.norm(places - places[:, [best]], axis=-1).min(0))
    return tuple(chosen[i % len(chosen)] for i in range(count))


def read_names(words: str, outputs: int, task: str) -> tuple[str, ...]:
    """The ``outputs`` class names that a user gives: a data set of :data:`NAMED`, or a file with one a line.

    Raises:
        InputError: no such data set or file, or another number of names.
    """
    path = Path(words)
    if words in NAMED:
        names = NAMED[words]
    elif path.is_file():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"--labels: {path}: cannot be read as text: {error}") from None
        names = tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    else:
        raise FieldError("--labels", words, "no such file or data set", closest(words, list(NAMED)))
    found = fitting(names, outputs, task)
    if found is None:
        raise FieldError(
            "--labels", words, f"has {len(names)} names; the network has {outputs} classes", outputs
        )
    return found


def fitting(names: Sequence[str], outputs: int, task: str) -> tuple[str, ...] | None:
    """``names`` for ``outputs`` classes, or ``None`` where they are another number.

    A void that was trained beside the classes is added; a background that the network or detection does not count
    is left out.
    """
    if task == "detection":
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
    outputs: int, task: str, *, noted: Sequence[str] | None = None, published: bool = False
) -> tuple[tuple[str, ...], str]:
    """Names of a network's classes, and where they are from.

    Args:
        outputs: classes that the network has.
        task: of the network's spec.
        noted: names that its checkpoint keeps.
        published: the weights are an author's, whose data the number of classes tells.
    """
    found = None if noted is None else fitting(noted, outputs, task)
    if found is not None:
        return found, "the checkpoint"
    data = PUBLISHED.get((task, outputs)) if published else None
    if data is not None:
        found = fitting(NAMED[data], outputs, task)
        if found is not None:
            return found, f"{data} (published weights of {outputs} classes)"
    return tuple(f"class {i}" for i in range(outputs)), "their indices"
