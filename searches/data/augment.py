"""Random changes to a batch, made on its device: one affine map for image, mask and boxes.

What is random follows from the given generator alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from searches.data.boxes import Boxes, boxes_of
from searches.data.splits import VOID

ASPECT = (3 / 4, 4 / 3)
TRIES = 10
LEAST_SEEN = 1e-3
"""A box that keeps less than this share of the image's side is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Random changes to a training batch; the fields are a recipe's (:class:`searches.config.recipe.Stage`)."""

    flip: bool = False
    shift: int = 0
    area: tuple[float, float] | None = None
    zoom: tuple[float, float] | None = None
    colour: float = 0.0
    crop: tuple[int, int] | None = None

    @property
    def resamples(self) -> bool:
        """Whether pixels are interpolated."""
        return self.area is not None or self.zoom is not None or self.crop is not None


NONE = Augmentation()


@dataclass(frozen=True, slots=True)
class Window:
    """For each image the window that becomes the output, in coordinates from -1 to 1 across the image.

    Attributes:
        centre: (N, 2) x and y of the window's centre.
        half: (N, 2) half its width and height; a negative width mirrors.
    """

    centre: NDArray[np.float64]
    half: NDArray[np.float64]

    def of(self, images: NDArray[np.int64]) -> Window:
        """Returns the windows of some of the images."""
        return Window(self.centre[images], self.half[images])


def windows(
    n: int,
    sources: NDArray[np.integer[Any]],
    size: tuple[int, int],
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Window:
    """Draws a window for each of ``n`` images that become ``size`` (H, W).

    Args:
        sources: (N, 2): (H, W) of the pictures that the images were made from, in whose pixels an aspect is drawn.
    """
    half, centre = np.ones((n, 2)), np.zeros((n, 2))
    if augmentation.area is not None:
        half = _areas(n, sources, augmentation.area, rng)
    elif augmentation.zoom is not None:
        half = np.repeat(1 / rng.uniform(*augmentation.zoom, (n, 1)), 2, axis=1)
    if augmentation.crop is not None:
        half = half * np.array(augmentation.crop[::-1]) / np.array(size[::-1])
    if augmentation.resamples:
        centre = rng.uniform(-1, 1, (n, 2)) * np.abs(1 - half)
    if augmentation.crop is not None and augmentation.zoom is None:
        centre = _on_pixels(centre, half, size)
    if augmentation.shift:
        pixels = rng.integers(-augmentation.shift, augmentation.shift + 1, 2)
        centre = centre + 2 * pixels / np.array([size[1], size[0]])
    if augmentation.flip:
        half = half * np.where(rng.random((n, 1)) < 0.5, [-1.0, 1.0], [1.0, 1.0])
    return Window(centre, half)


def _on_pixels(
    centre: NDArray[np.float64], half: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float64]:
    """The nearest centres at which windows of the image's own scale begin on whole pixels: nothing is blurred."""
    sides = np.array(size[::-1], np.float64)
    starts: NDArray[np.float64] = np.round((centre - half + 1) * sides / 2)
    return starts * 2 / sides - 1 + half


def _areas(
    n: int, sources: NDArray[np.integer[Any]], span: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Half sides of windows that cover a random share of the image at a random aspect; the whole where none fits."""
    height, width = sources.T.astype(np.float64)
    half = np.ones((n, 2))
    todo = np.ones(n, bool)
    for _ in range(TRIES):
        share = rng.uniform(*span, n)
        aspect = np.exp(rng.uniform(math.log(ASPECT[0]), math.log(ASPECT[1]), n))
        wide = np.sqrt(share * height * width * aspect) / width
        high = np.sqrt(share * height * width / aspect) / height
        fits = todo & (wide <= 1) & (high <= 1)
        half[fits] = np.stack((wide, high), 1)[fits]
        todo &= ~fits
    return half


def show(
    images: Tensor, target: Any, window: Window, size: tuple[int, int], resamples: bool
) -> tuple[Tensor, Any]:
    """Returns what the windows show of images (N, C, H, W), and what becomes of their targets.

    Mirrored and shifted images are not interpolated; edges are repeated where they are shifted in. A resampling
    window that leaves the image shows zeros there (the mean colour of a normalised image).
    """
    dense = isinstance(target, Tensor) and target.ndim == 3
    if isinstance(target, Boxes):
        target = moved_boxes(target, window)
    if resamples:
        moved = moved_masks(target, window, size) if dense else target
        return moved_images(images, window, size), moved
    if window.centre.any():
        right, down = (round(float(v)) for v in window.centre[0] * np.array([size[1], size[0]]) / 2)
        rows = (torch.arange(size[0], device=images.device) + down).clamp(0, size[0] - 1)
        columns = (torch.arange(size[1], device=images.device) + right).clamp(0, size[1] - 1)
        images = images[:, :, rows][:, :, :, columns]
        target = target[:, rows][:, :, columns] if dense else target
    mirrored = torch.from_numpy(window.half[:, 0] < 0).to(images.device)
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    if dense:
        target = torch.where(mirrored[:, None, None], target.flip(2), target)
    return images, target


def resized(images: Tensor, target: Any, size: tuple[int, int]) -> tuple[Tensor, Any]:
    """Returns images (N, C, H, W) at ``size``, bilinear and antialiased, with their masks by nearest neighbour."""
    if images.shape[2:] == size:
        return images, target
    images = F.interpolate(images, size=size, mode="bilinear", antialias=True)
    if isinstance(target, Tensor) and target.ndim == 3:
        target = F.interpolate(target[:, None].float(), size=size, mode="nearest-exact")[:, 0].long()
    return images, target


def moved_images(images: Tensor, window: Window, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W) -> (N, C, *size): what each window shows, bilinear, zeros outside."""
    theta = np.zeros((len(images), 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = window.half[:, 0], window.half[:, 1], window.centre
    grid = F.affine_grid(
        torch.from_numpy(theta).to(images.device), [len(images), images.shape[1], *size], align_corners=False
    )
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def moved_masks(masks: Tensor, window: Window, size: tuple[int, int]) -> Tensor:
    """(N, H, W) class indices -> (N, *size), by nearest neighbour; void where the window leaves the image."""
    shown = masks.new_full((len(masks), *size), VOID)
    for i, mask in enumerate(masks):
        columns, rows = (
            _nearest(window.centre[i, axis], window.half[i, axis], size[1 - axis], mask.shape[1 - axis])
            for axis in (0, 1)
        )
        sampled = mask[rows[1].to(mask.device)][:, columns[1].to(mask.device)]
        shown[i, rows[0][:, None], columns[0][None]] = sampled
    return shown


def _nearest(centre: float, half: float, size: int, source: int) -> tuple[Tensor, Tensor]:
    """Which of ``size`` places along an axis show which of ``source`` positions: both as indices."""
    places = np.arange(size)
    at = centre + half * ((2 * places + 1) / size - 1)
    position = np.floor((at + 1) * source / 2).astype(np.int64)
    inside = (position >= 0) & (position < source)
    return torch.from_numpy(places[inside]), torch.from_numpy(position[inside])


def moved_boxes(boxes: Boxes, window: Window) -> Boxes:
    """Returns boxes as the windows show them, clipped; those whose centre is outside are dropped."""
    images = []
    for i in range(len(boxes)):
        corners, labels, ignored = boxes.of(i)
        centre, half = np.tile(window.centre[i], 2), np.tile(window.half[i], 2)
        moved = ((2 * corners - 1 - centre) / half + 1) / 2
        moved = np.concatenate(
            (np.minimum(moved[:, :2], moved[:, 2:]), np.maximum(moved[:, :2], moved[:, 2:])), 1
        )
        middle = (moved[:, :2] + moved[:, 2:]) / 2
        moved = moved.clip(0, 1)
        kept = ((middle > 0) & (middle < 1)).all(1) & ((moved[:, 2:] - moved[:, :2]) > LEAST_SEEN).all(1)
        images.append((moved[kept].astype(np.float32), labels[kept], ignored[kept]))
    return boxes_of(images, [(int(h), int(w)) for h, w in boxes.sizes])


def colours(n: int, share: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Factors (3, n) of brightness, contrast and saturation that differ from 1 by up to ``share``."""
    return rng.uniform(1 - share, 1 + share, (3, n)).astype(np.float32)


def recoloured(images: Tensor, factors: NDArray[np.float32]) -> Tensor:
    """Returns images (N, C, H, W) of 0 to 255 with brightness, contrast and saturation times ``factors`` (3, N)."""
    brightness, contrast, saturation = (
        torch.from_numpy(factors).to(images.device)[..., None, None, None].unbind()
    )
    images = images * brightness
    mean = images.mean((1, 2, 3), keepdim=True)
    images = (images - mean) * contrast + mean
    gray = images.mean(1, keepdim=True)
    return ((images - gray) * saturation + gray).clamp(0, 255)
