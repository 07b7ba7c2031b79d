"""``scenes``: road scenes drawn by rule, with their masks; built in, and the same on every machine.

A pinhole camera (metres, z along the road) looks down a street of walls, trees, vehicles and pedestrians,
painted far to near. Colour is no class: vehicles, clothes and facades share a palette, road and sidewalk a
range of grey, and shadow, haze and exposure change from scene to scene; shape, place and context must tell.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archspace.support.errors import FieldError
from searches.data.cache import Item, cached
from searches.data.dataset import Request, Split, Targets, layout
from searches.data.images import Images, image_array
from searches.data.layouts.scene_finish import MOST_THINGS, THINGS, borders, boxes_in, things_of, weather
from searches.data.layouts.scene_parts import (
    BUILDING,
    MARKING,
    ROAD,
    SIDEWALK,
    VEGETATION,
    Array,
    Canvas,
    Job,
    facade,
    foliage,
    leaf_colour,
    pedestrian,
    pigment,
    ragged_top,
    tree,
    vehicle,
)
from searches.data.splits import SPLITS, VOID

GENERATOR_VERSION = 1
CLASSES = ("sky", "building", "road", "lane-marking", "sidewalk", "vegetation", "vehicle", "pedestrian")
COUNTS = {"train": 400, "val": 100, "test": 100}
MIN_SIDE = 32
_FAR = 150.0


def _sky(canvas: Canvas) -> Array:
    """Paints the sky; returns its colour at the horizon."""
    rng = canvas.rng
    base = np.array([0.55, 0.70, 0.90]) if rng.random() < 0.5 else np.full(3, rng.uniform(0.55, 0.85))
    base = np.clip(base + rng.normal(0, 0.05, 3), 0, 1)
    low = np.clip(base + rng.uniform(0.0, 0.2) * np.array([1.1, 1.0, 0.8]), 0, 1)
    cloud = Image.fromarray(rng.random((6, 5), np.float32)).resize(
        (canvas.width, canvas.height), Image.Resampling.BICUBIC
    )
    height = np.clip(np.arange(canvas.height) / canvas.horizon, 0, 1)[:, None, None]
    cover = np.clip((np.asarray(cloud)[..., None] - rng.uniform(0.3, 0.9)) * 2, 0, 1)
    canvas.colour[:] = (1 - height) * base + height * low
    canvas.colour += cover * (rng.uniform(0.5, 1.0) - canvas.colour) * 0.7
    return low


def _skyline(canvas: Canvas) -> None:
    """Paints far buildings or woods along the horizon."""
    rng = canvas.rng
    rows = canvas.horizon - np.arange(canvas.height)[:, None]
    steps = int(rng.integers(6, 16))
    for left, wide in zip(rng.random(steps), rng.uniform(0.08, 0.4, steps), strict=True):
        low, high = int(left * canvas.width - 2), int((left + wide) * canvas.width)
        columns = np.arange(max(low, 0), min(high, canvas.width))
        wood = rng.random() < 0.5
        tops = canvas.height * rng.uniform(0.02, 0.10) * np.ones(len(columns))
        if wood:
            tops *= 0.6 + 0.6 * canvas.grain(columns / canvas.width * 60, np.zeros(len(columns)))
        where = np.zeros(canvas.label.shape, bool)
        where[:, columns] = (rows >= 0) & (rows < tops)
        canvas.colour[where] = leaf_colour(rng) if wood else pigment(rng)
        canvas.label[where], canvas.depth[where] = VEGETATION if wood else BUILDING, _FAR


class Street:
    """In metres: the road's middle and half-width; sidewalks and setbacks left and right."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.half = rng.uniform(2.6, 5.0)
        self.middle = rng.uniform(-0.6, 0.6) * self.half
        self.sidewalk = rng.uniform(1.5, 4.5, 2) * (rng.random(2) < 0.9)
        self.setback = rng.uniform(0.2, 4.0, 2) * (rng.random(2) < 0.6)

    def edge(self, side: int, beyond: float = 0.0) -> float:
        """x of a point ``beyond`` metres outside the road's edge; side 0 is left, 1 is right."""
        return self.middle + (2 * side - 1) * (self.half + beyond)


def _ground(canvas: Canvas, street: Street) -> None:
    """Paints road, sidewalks and verges below the horizon."""
    rng = canvas.rng
    rows = np.arange(int(np.ceil(canvas.horizon)), canvas.height)
    z = np.minimum(canvas.focal * canvas.eye / np.maximum(rows - canvas.horizon, 0.3), _FAR)[:, None]
    x = (
        (np.arange(canvas.width)[None] - canvas.vanish) * z / canvas.focal
        - canvas.curve * z**2
        - street.middle
    )
    z = np.broadcast_to(z, x.shape)
    outside, side = np.abs(x) - street.half, (x > 0).astype(np.int64)
    walk = (outside > 0) & (outside <= street.sidewalk[side])
    label = np.where(outside <= 0, ROAD, np.where(walk, SIDEWALK, VEGETATION)).astype(np.uint8)
    greys = np.clip(rng.uniform(0.25, 0.6) + rng.normal(0, 0.07, 2), 0.15, 0.75)
    tints = greys[:, None] + rng.normal(0, 0.02, (2, 3))
    palette = np.stack([tints[0]] * 3 + [tints[0], tints[1], leaf_colour(rng)])
    colour = palette[label] * (0.8 + 0.4 * canvas.grain(x * 6, z * 3))[..., None]
    clear = np.clip(14 / z, 0, 1)
    joint = ((x % 0.9 < 0.12) | (z % 0.9 < 0.16)) & walk
    colour *= 1 - 0.25 * (clear * joint)[..., None]
    colour *= 1 + rng.uniform(-0.4, 0.4) * ((outside > 0) & (outside < 0.25) & walk)[..., None]
    patch = (outside < 0) & (canvas.grain(x * 0.4 + 7, z * 0.12) > 0.62)
    colour *= 1 - rng.uniform(0.0, 0.3) * patch[..., None]
    _markings(canvas, street, x, z, label, colour)
    if rng.random() < 0.6:  # the shadow of one row of houses
        border = rng.uniform(-1.2, 1.2) * street.half + 0.5 * (canvas.grain(z * 0.3, z * 0) > 0.5)
        colour *= np.where((x < border) == (rng.random() < 0.5), rng.uniform(0.45, 0.75), 1.0)[..., None]
    canvas.colour[rows], canvas.label[rows], canvas.depth[rows] = colour, label, z


def _markings(
    canvas: Canvas, street: Street, x: Array, z: Array, label: NDArray[np.uint8], colour: Array
) -> None:
    """Paints lane lines and a crossing onto ``label`` and ``colour``, in places worn."""
    rng = canvas.rng
    half = np.maximum(0.09, 0.55 * z / canvas.focal)
    period, phase = rng.uniform(5, 9), rng.uniform(0, 9)
    marks = np.zeros(x.shape, bool)
    for lane in np.linspace(-1, 1, int(rng.integers(2, 5)) + 1)[1:-1] * street.half:
        marks |= (np.abs(x - lane) < half) & ((z + phase) % period < period * rng.choice([0.5, 0.6, 1.0]))
    if rng.random() < 0.5:
        marks |= np.abs(np.abs(x) - (street.half - 0.45)) < half
    if rng.random() < 0.35:
        start = rng.uniform(5, 20)
        marks |= (z > start) & (z < start + 3) & (x % 1.1 < 0.55) & (np.abs(x) < street.half - 0.3)
    marks &= (label == ROAD) & (z < 40)
    tone = np.array([0.9, 0.9, 0.88]) if rng.random() < 0.75 else np.array([0.85, 0.68, 0.25])
    wear = np.clip(rng.uniform(0.35, 0.95) + 0.5 * (canvas.grain(x * 5, z * 5) - 0.5), 0.2, 1)[..., None]
    label[marks] = MARKING
    colour[marks] = (wear * tone + (1 - wear) * colour)[marks]


def _row_of_walls(canvas: Canvas, street: Street, side: int) -> list[Job]:
    """Facades, hedges and gaps along one side, each with the depth it is painted at."""
    rng = canvas.rng
    jobs: list[Job] = []
    z, base = 1.5, street.sidewalk[side] + street.setback[side] + 0.2
    built = rng.choice([0.3, 0.65, 0.9])
    while z < 90:
        length, kind = rng.uniform(6, 22), rng.random()
        x, back = street.edge(side, base + rng.uniform(0, 1.5)), z + length
        outer = x + (2 * side - 1) * 12
        if kind < built:
            height, paint, inside, label = rng.uniform(3.5, 15), facade(canvas), None, BUILDING
        elif kind < built + 0.6 * (1 - built):
            height, paint, label, inside = (
                rng.uniform(0.9, 4.5),
                foliage(canvas),
                VEGETATION,
                ragged_top(canvas, 8),
            )
        else:
            z = back
            continue
        for near, far in (((outer, z), (x, z)), ((x, z), (x, back))):
            jobs.append((back, partial(canvas.panel, near, far, height, label, paint, inside)))
        z = back
    return jobs


def _things(canvas: Canvas, street: Street) -> list[Job]:
    """Trees, vehicles and pedestrians with the depth each is painted at."""
    rng = canvas.rng
    places: list[tuple[Callable[[Canvas, float, float], None], float, float]] = []
    for _ in range(rng.poisson(4)):
        side = int(rng.integers(2))
        places.append((tree, street.edge(side, street.sidewalk[side] + 0.3), 6 + rng.exponential(14)))
    for lane in np.array([-0.78, -0.38, 0.38, 0.78]):
        z = 5 + rng.exponential(12)
        while z < 50 and rng.random() < 0.62:
            places.append((vehicle, street.middle + lane * street.half, z))
            z += 11 + rng.exponential(9)
    for _ in range(rng.poisson(7)):
        side = int(rng.integers(2))
        x = street.edge(side, rng.uniform(0.2, max(street.sidewalk[side], 0.8)))
        if rng.random() < 0.15:
            x = street.middle + rng.uniform(-1, 1) * street.half
        places.append((pedestrian, x, 4.5 + rng.exponential(9)))
    return [(z, partial(draw, canvas, float(x), float(z))) for draw, x, z in places]


def draw_scene(rng: np.random.Generator, height: int, width: int) -> tuple[Images, NDArray[np.uint8]]:
    """Draws one scene.

    Args:
        rng: the only source of chance.
        height: H, at least 32 pixels.
        width: W, at least 32 pixels.

    Returns:
        image uint8 (H, W, 3) and mask uint8 (H, W): indices into ``CLASSES``, 255 on outlines.

    Raises:
        FieldError: a side is below 32.
    """
    image, mask, _ = draw_all(rng, height, width)
    return image, mask


def draw_all(
    rng: np.random.Generator, height: int, width: int
) -> tuple[Images, NDArray[np.uint8], NDArray[np.int16]]:
    """Image and mask as :func:`draw_scene`, and the vehicles and pedestrians as :func:`things_of` has them."""
    if min(height, width) < MIN_SIDE:
        raise FieldError(
            "input_size", (height, width), f"scenes are at least {MIN_SIDE} pixels high and wide", MIN_SIDE
        )
    canvas, street = Canvas(rng, height, width), Street(rng)
    haze = _sky(canvas)
    _skyline(canvas)
    _ground(canvas, street)
    jobs = [job for side in (0, 1) for job in _row_of_walls(canvas, street, side)] + _things(canvas, street)
    for number, (_, job) in enumerate(sorted(jobs, key=lambda entry: -entry[0]), 1):
        canvas.drawing = number
        job()
    return weather(canvas, haze), borders(canvas.label), things_of(canvas)


@layout("scenes", tasks=("segmentation", "multilabel", "detection"), needs_root=False)
def load_scenes(request: Request) -> Split:
    """Draws one split (400, 100, 100 scenes); scene i depends on (seed, split, i) and the size only.

    Returns:
        images uint8 (N, H, W, C) and, by task: masks uint8 (N, H, W) with void 255; which classes have a pixel
        in the picture, uint8 (N, 8); or the boxes of vehicles and pedestrians around what is seen of each.
    """
    (height, width), count = request.input_size, COUNTS[request.split]
    if min(height, width) < MIN_SIDE:
        raise FieldError(
            "input_size", (height, width), f"scenes are at least {MIN_SIDE} pixels high and wide", MIN_SIDE
        )
    boxes = request.task == "detection"

    def fill(i: int) -> tuple[Images, NDArray[Any]]:
        rng = np.random.default_rng([request.seed, SPLITS.index(request.split), i])
        if boxes:
            image, _, target = draw_all(rng, height, width)
        else:
            image, target = draw_scene(rng, height, width)  # type: ignore[assignment]
        name = f"scenes/{request.split}/{i}"
        return image_array(
            Image.fromarray(image), request.input_size, request.channels, name, request.crop
        ), target

    second = (
        {"things": Item((MOST_THINGS, 5), "int16")} if boxes else {"masks": Item((height, width), "uint8")}
    )
    items = {"images": Item((height, width, request.channels), "uint8"), **second}
    key = request.cache_key(generator=GENERATOR_VERSION, seed=request.seed)
    images, drawn = cached(key, count, items, fill).values()
    targets: Targets = drawn
    if boxes:
        targets = boxes_in(drawn, (height, width))
    elif request.task == "multilabel":
        targets = np.stack([(drawn == c).any(axis=(1, 2)) for c in range(len(CLASSES))], 1).astype(np.uint8)
    return Split(
        images=images,
        targets=targets,
        names=tuple(f"scenes/{request.split}/{i}" for i in range(count)),
        classes=tuple(CLASSES[label] for label in THINGS) if boxes else CLASSES,
        void=VOID if request.task == "segmentation" else None,
    )
