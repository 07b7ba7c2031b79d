"""What a street scene is made of: the canvas with its camera, the colours, and what stands on the ground."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SKY, BUILDING, ROAD, MARKING, SIDEWALK, VEGETATION, VEHICLE, PEDESTRIAN = range(8)

Array: TypeAlias = NDArray[Any]
Paint: TypeAlias = Callable[[Array, Array], Array]
Job: TypeAlias = tuple[float, Callable[[], None]]


class Canvas:
    """The picture being painted (H, W, 3), its labels and depths (H, W), and the camera that sees it.

    ``drawn`` (H, W) has the number ``drawing`` of the job that painted each pixel, 0 for what is no upright plane.

    A point ``x`` metres right of the camera's path, ``y`` above the ground and ``z`` ahead appears at
    ``column = vanish + focal * (x / z + curve * z)``, ``row = horizon + focal * (eye - y) / z``.
    """

    def __init__(self, rng: np.random.Generator, height: int, width: int) -> None:
        self.rng, self.height, self.width = rng, height, width
        self.colour = np.zeros((height, width, 3), np.float32)
        self.label = np.zeros((height, width), np.uint8)
        self.depth = np.full((height, width), np.inf, np.float32)
        self.drawing = 0
        self.drawn = np.zeros((height, width), np.int32)
        self.focal = (height + width) / 2 * rng.uniform(0.75, 1.1)
        self.horizon = height * rng.uniform(0.36, 0.52)
        self.vanish = width * rng.uniform(0.35, 0.65)
        self.eye, self.curve = rng.uniform(1.3, 2.2), rng.normal(0, 0.0012)
        coarse = Image.fromarray(rng.random((16, 16), np.float32)).resize((64, 64), Image.Resampling.BICUBIC)
        self.noise = 0.5 * np.asarray(coarse) + 0.5 * rng.random((64, 64), np.float32)

    def grain(self, a: Array, b: Array) -> Array:
        """Noise in about 0..1 at texture coordinates, one grain a unit."""
        rows, columns = np.floor(a).astype(np.int64) & 63, np.floor(b).astype(np.int64) & 63
        return np.asarray(self.noise[rows, columns])

    def column(self, x: float, z: float) -> float:
        """Column of a point."""
        return self.vanish + self.focal * (x / z + self.curve * z)

    def panel(
        self, near: tuple[float, float], far: tuple[float, float], height: float, label: int, paint: Paint,
        inside: Paint | None = None, foot: float = 0.0,
    ) -> None:  # fmt: skip
        """Paints an upright plane between the ground points ``near`` and ``far``, each (x, z).

        Args:
            near: the end nearer to the camera.
            far: the other end; the same z makes a plane that faces the camera.
            height: of its top, in metres.
            label: class of its pixels.
            paint: (metres along, metres up) -> colours (..., 3).
            inside: (along, up) as 0..1 shares -> where the plane is not a hole.
            foot: height of its bottom, in metres.
        """
        begin, end = self.column(*near), self.column(*far)
        low, high = max(0, int(np.ceil(min(begin, end)))), min(self.width, int(np.floor(max(begin, end))) + 1)
        if low >= high or abs(end - begin) < 0.3:
            return
        share = (np.arange(low, high) - begin) / (end - begin)
        inverse = (1 - share) / near[1] + share / far[1]
        along = share / far[1] / inverse * np.hypot(far[0] - near[0], far[1] - near[1])
        top = self.horizon + self.focal * (self.eye - height) * inverse.max()
        bottom = self.horizon + self.focal * (self.eye - foot) * inverse.max()
        first, last = max(0, int(min(top, self.horizon))), min(self.height, int(bottom) + 2)
        if first >= last:
            return
        up = self.eye - (np.arange(first, last)[:, None] - self.horizon) / (self.focal * inverse)
        where = (up >= foot) & (up <= height)
        along = np.broadcast_to(along, up.shape)
        if inside is not None:
            length = np.hypot(far[0] - near[0], far[1] - near[1])
            where &= inside(along / length, (up - foot) / (height - foot)).astype(bool)
        view = (slice(first, last), slice(low, high))
        self.colour[view][where] = paint(along, up)[where]
        self.label[view][where] = label
        self.drawn[view][where] = self.drawing
        self.depth[view][where] = np.broadcast_to(1 / inverse, up.shape)[where]

    def shade(self, x: float, z: float, width: float, length: float) -> None:
        """Darkens an ellipse of ground, ``width`` and ``length`` its half-axes: the shadow under a thing."""
        rows = np.arange(int(self.horizon) + 1, self.height)[:, None]
        away = self.focal * self.eye / np.maximum(rows - self.horizon, 0.3)
        near = np.flatnonzero(np.abs(away - z) < length)
        if not near.size:
            return
        view, away = slice(int(rows[near[0], 0]), int(rows[near[-1], 0]) + 1), away[near]
        across = (np.arange(self.width)[None] - self.vanish) * away / self.focal - self.curve * away**2
        where = ((across - x) / width) ** 2 + ((away - z) / length) ** 2 < 1
        self.colour[view][where & (np.abs(self.depth[view] - away) < 0.1)] *= 0.5


def pigment(rng: np.random.Generator) -> Array:
    """Returns a colour of the one palette that facades, vehicles and clothes share."""
    grey = rng.uniform(0.12, 0.85)
    return np.asarray(np.clip(grey + rng.normal(0, 0.11, 3) * rng.choice([0.3, 1.0, 1.8]), 0.03, 0.97))


def leaf_colour(rng: np.random.Generator) -> Array:
    """Returns a colour of leaves or grass, from spring to dry autumn."""
    spring, autumn = np.array([0.22, 0.40, 0.15]), np.array([0.50, 0.38, 0.20])
    mix = rng.beta(0.7, 1.6)
    leaf = ((1 - mix) * spring + mix * autumn) * rng.uniform(0.6, 1.4) + rng.normal(0, 0.03, 3)
    return np.asarray(np.clip(leaf, 0.03, 0.9))


def facade(canvas: Canvas) -> Paint:
    """Returns a wall with rows of windows and, at times, the band of a shop front."""
    rng = canvas.rng
    wall, glass = pigment(rng), pigment(rng) * rng.uniform(0.3, 0.9)
    pitch, storey = rng.uniform(1.5, 4), rng.uniform(2.6, 3.8)
    wide, tall = rng.uniform(0.3, 0.7), rng.uniform(0.35, 0.65)
    shop, offset = rng.random() < 0.4, rng.uniform(0, 60)

    def paint(along: Array, up: Array) -> Array:
        window = (along % pitch < wide * pitch) & ((up - 0.8) % storey < tall * storey) & (up > 0.8)
        tone = np.where(window[..., None], glass, wall)
        tone = np.where((shop & (up > 2.4) & (up < 3.1))[..., None], glass[::-1], tone)
        return np.asarray(tone * (0.85 + 0.3 * canvas.grain(along * 2 + offset, up * 2))[..., None])

    return paint


def foliage(canvas: Canvas) -> Paint:
    """Leaves: one colour in coarse light and dark."""
    leaf, offset = leaf_colour(canvas.rng), canvas.rng.uniform(0, 60)

    def paint(along: Array, up: Array) -> Array:
        light = 0.45 + 0.75 * canvas.grain(along * 5 + offset, up * 5) + 0.04 * up
        return leaf * light[..., None]

    return paint


def ragged_top(canvas: Canvas, pitch: float) -> Paint:
    """Returns the outline of a hedge: uneven at the top, ``pitch`` steps over its length."""
    offset = canvas.rng.uniform(0, 60)
    return lambda along, up: up < 0.75 + 0.25 * canvas.grain(along * pitch + offset, along * 0)


def _crown(canvas: Canvas) -> Paint:
    offset = canvas.rng.uniform(0, 60)

    def inside(along: Array, up: Array) -> Array:
        radius = (2 * along - 1) ** 2 + (2 * up - 1) ** 2
        return np.asarray(radius < 0.55 + 0.6 * canvas.grain(along * 9 + offset, up * 9))

    return inside


def tree(canvas: Canvas, x: float, z: float) -> None:
    """A trunk and a crown."""
    rng = canvas.rng
    trunk, height, wide = rng.uniform(1.4, 3), rng.uniform(3.5, 8), rng.uniform(1.0, 2.4)
    bark = pigment(rng) * np.array([0.6, 0.5, 0.42])
    canvas.shade(x, z, wide * 0.8, 1.0)
    canvas.panel(
        (x - 0.14, z), (x + 0.14, z), trunk + 0.8, VEGETATION, lambda a, up: bark + 0 * up[..., None]
    )
    canvas.panel((x - wide, z), (x + wide, z), height, VEGETATION, foliage(canvas), _crown(canvas), trunk)


def _body_outline(along: Array, up: Array, slope: float) -> Array:
    """Wheels below, and above the waist a cabin that narrows by ``slope``."""
    place = np.abs(2 * along - 1)
    wheel = (np.abs(place - 0.62) < 0.2) | (up > 0.12)
    return np.asarray(wheel & (place < 1 - slope * np.clip(up - 0.55, 0, 1)))


def _body(canvas: Canvas, height: float) -> Callable[[bool, float], Paint]:
    """One vehicle's coat of paint: (seen from its side, length of that face in metres) -> colours."""
    rng = canvas.rng
    body, glass = pigment(rng), np.array([0.1, 0.12, 0.15]) + rng.uniform(0, 0.3)
    lamp = np.array([0.7, 0.1, 0.08]) if rng.random() < 0.5 else np.array([0.9, 0.88, 0.7])

    def face(side: bool, length: float) -> Paint:
        def paint(along: Array, up: Array) -> Array:
            place, level = np.abs(2 * along / length - 1), up / height
            pane = (level > 0.58) & (level < 0.9) & (place < 0.72)
            pane &= (np.abs(place - 0.1) > 0.05) | (not side)
            light = (level > 0.36) & (level < 0.5) & (place > 0.66) & (place < 0.95) & (not side)
            tone = np.where(light[..., None], lamp, body * (0.75 if side else 1.0))
            tone = np.where(pane[..., None], glass, tone) * (0.75 + 0.3 * level[..., None])
            return np.where((level < 0.2)[..., None], 0.06, tone)

        return paint

    return face


def vehicle(canvas: Canvas, x: float, z: float) -> None:
    """A car, van or bus along the road, or now and then a car across it: a rear and the flank in sight."""
    rng = canvas.rng
    big = rng.random() < 0.2
    across = not big and rng.random() < 0.15
    if big:
        wide, height, length = rng.uniform(2.1, 2.5), rng.uniform(2.2, 3.3), rng.uniform(5, 10)
    else:
        wide, height, length = rng.uniform(1.6, 1.95), rng.uniform(1.35, 1.75), rng.uniform(3.6, 4.6)
    end, flank = (0.06, 0.06) if big else (0.25, 0.9)
    if across:
        wide, length, end, flank = length, wide, flank, end
    face, left, right = _body(canvas, height), x - wide / 2, x + wide / 2
    inner = left if x > 0 else right
    canvas.shade(x, z + length / 2, wide * 0.6, length * 0.6)
    side, rear = partial(_body_outline, slope=flank), partial(_body_outline, slope=end)
    canvas.panel((inner, z), (inner, z + length), height * 0.97, VEHICLE, face(not across, length), side)
    canvas.panel((left, z), (right, z), height, VEHICLE, face(across, wide), rear)


def pedestrian(canvas: Canvas, x: float, z: float) -> None:
    """A standing or walking person."""
    rng = canvas.rng
    height, stride = rng.uniform(1.45, 1.9), rng.uniform(0.05, 0.4)
    skin, coat, legs = np.array([0.75, 0.57, 0.45]) * rng.uniform(0.35, 1.1), pigment(rng), pigment(rng) * 0.7

    def inside(along: Array, up: Array) -> Array:
        place = np.abs(2 * along - 1)
        head = (place / 0.34) ** 2 + ((up - 0.91) / 0.09) ** 2 < 1
        leg = (np.abs(place - stride * (1 - up / 0.5)) < 0.24) & (up < 0.5)
        coat = (up > 0.45) & (up < 0.84) & (place < 0.4 + 0.7 * (0.84 - up))
        return np.asarray(head | leg | coat)

    def paint(along: Array, up: Array) -> Array:
        level = (up / height)[..., None]
        tone = np.where(level > 0.84, skin, np.where(level > 0.47, coat, legs))
        return np.asarray(tone * (0.8 + 0.25 * level))

    canvas.shade(x, z, 0.45, 0.4)
    canvas.panel((x - 0.32, z), (x + 0.32, z), height, PEDESTRIAN, paint, inside)
