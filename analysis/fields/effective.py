"""Effective receptive fields: where in the image a network's gradient comes from.

Luo et al., Understanding the Effective Receptive Field in Deep Convolutional Neural Networks, NIPS 2016: a random
gradient is put on the centre position of a feature map and propagated back to the image. The field is much smaller
than the theoretical one and nearly Gaussian.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archspace.support.errors import FieldError

if TYPE_CHECKING:
    from torch import Tensor

    from archspace.network import Network

Map = NDArray[np.float64]

SHARES = (0.5, 0.9, 0.99)
"""Shares of the gradient's mass for which a size is reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveField:
    """A measured effective receptive field.

    Attributes:
        level: whose centre position was asked.
        gradient: (H, W) mean absolute gradient of the image, summed over its channels, scaled to sum to 1.
        centre: (row, column) in pixels of the position that was asked.
        squares: for each share of the mass, the side in pixels of the smallest square around ``centre`` that holds it;
            it may reach over the image's border.
        areas: for each share, the fewest pixels that hold it, wherever they are.
        sigma: pixels; the Gaussian of the same second moment: root of the mean of both variances.
        images: images averaged over.
        draws: random output gradients for each image.
    """

    level: str
    gradient: Map
    centre: tuple[int, int]
    squares: Mapping[float, int]
    areas: Mapping[float, int]
    sigma: float
    images: int
    draws: int


def square_sides(mass: Map, centre: tuple[int, int], shares: Sequence[float] = SHARES) -> dict[float, int]:
    """Side of the smallest square around ``centre`` that holds each share of ``mass``."""
    rows, columns = np.ogrid[: mass.shape[0], : mass.shape[1]]
    radius = np.maximum(abs(rows - centre[0]), abs(columns - centre[1]))
    held = np.cumsum(np.bincount(radius.ravel(), weights=mass.ravel()))
    return {share: 2 * _first(held, share) + 1 for share in shares}


def smallest_areas(mass: Map, shares: Sequence[float] = SHARES) -> dict[float, int]:
    """Returns the fewest pixels that hold each share of ``mass``."""
    held = np.cumsum(np.sort(mass.ravel())[::-1])
    return {share: _first(held, share) + 1 for share in shares}


def _first(held: NDArray[Any], share: float) -> int:
    """Index of the first of growing sums that holds ``share`` of the last one; rounding errors are forgiven."""
    return int(np.searchsorted(held, share * held[-1] * (1 - 1e-12)))


def gaussian_sigma(mass: Map) -> float:
    """Returns root of the mean of the variances along rows and columns, about the centre of mass, in pixels."""
    total, variances = mass.sum(), []
    for axis in (0, 1):
        marginal = mass.sum(axis=1 - axis) / total
        at = np.arange(marginal.size)
        variances.append(float(marginal @ (at - marginal @ at) ** 2))
    return float(np.sqrt(np.mean(variances)))


def measured_field(
    gradient: Map, level: str, centre: tuple[int, int], images: int = 1, draws: int = 1
) -> EffectiveField:
    """Returns the numbers of a map of absolute gradients.

    Raises:
        FieldError: the gradient is zero everywhere or not finite.
    """
    total = float(gradient.sum())
    if not np.isfinite(total) or total <= 0:
        raise FieldError("level", level, f"the image's gradient sums to {total}: nothing can be measured")
    mass = gradient / total
    return EffectiveField(
        level=level, gradient=mass, centre=centre, squares=square_sides(mass, centre),
        areas=smallest_areas(mass), sigma=gaussian_sigma(mass), images=images, draws=draws,
    )  # fmt: skip


def effective_receptive_field(
    network: Network, images: Tensor, level: str, *, draws: int = 4, seed: int = 0
) -> EffectiveField:
    """Returns effective receptive field of the centre position of one level (Luo et al. 2016).

    Args:
        network: usually trained; it runs in eval mode and is left as it was.
        images: (N, C, H, W), preprocessed.
        level: ``level1``, ``level2``, ..., ``expand`` of a classifier, or ``head`` (of a detector: the scores of its
            finest map).
        draws: standard normal output gradients for each image.
        seed: of the output gradients.

    Raises:
        FieldError: no such level, the images' size does not fit, or there is no gradient.
    """
    return effective_receptive_fields(network, images, (level,), draws=draws, seed=seed)[level]


def field_levels(network: Network) -> tuple[str, ...]:
    """Returns levels that can be asked for, in running order."""
    encoder = tuple(name for name, _ in network.encoder.named_children())
    return (*encoder, "head")


def effective_receptive_fields(
    network: Network,
    images: Tensor,
    levels: Sequence[str] | None = None,
    *,
    draws: int = 4,
    seed: int = 0,
) -> dict[str, EffectiveField]:
    """Returns effective receptive fields of several levels (all, if left out) with one forward run an image.

    Arguments and errors as for :func:`effective_receptive_field`.
    """
    known = field_levels(network)
    asked = tuple(levels) if levels is not None else known
    for level in asked:
        if level not in known:
            raise FieldError("level", level, "the network has no such level", ", ".join(known))
    sums, centres = _gradients(network, images, asked, draws, seed)
    return {level: measured_field(sums[level], level, centres[level], len(images), draws) for level in asked}


def _gradients(
    network: Network, images: Tensor, levels: tuple[str, ...], draws: int, seed: int
) -> tuple[dict[str, Map], dict[str, tuple[int, int]]]:
    """Absolute gradients summed over images, draws and channels, and the pixels they belong to, by level."""
    import torch

    size = (images.shape[2], images.shape[3])
    step = network.multiple
    if size[0] % step or size[1] % step:
        near = tuple(max(step, round(side / step) * step) for side in size)
        raise FieldError("input", size, f"height and width must be multiples of {step}", near)
    generator = torch.Generator().manual_seed(seed)
    weight = next(network.parameters())
    sums = {level: np.zeros(size) for level in levels}
    centres: dict[str, tuple[int, int]] = {}
    was_training = network.training
    network.eval()
    try:
        with torch.enable_grad():
            for image in images:
                x = image[None].to(weight.device, weight.dtype).requires_grad_()
                features = network.encoder(x)
                for level in levels:
                    y = _output(network, features, level, size)
                    for _ in range(draws):
                        signal, centres[level] = _signal(y, size, generator)
                        (gradient,) = torch.autograd.grad(y, x, signal, retain_graph=True)
                        sums[level] += gradient[0].abs().sum(0).double().cpu().numpy()
    finally:
        network.train(was_training)
    return sums, centres


def _output(network: Network, features: dict[str, Tensor], level: str, size: tuple[int, int]) -> Tensor:
    if level == "head" and network.spec.task == "detection":
        finest = network.head.maps(features)[0]  # type: ignore[operator]
        return network.head.confidences[0](finest)  # type: ignore[index, operator, no-any-return]
    if level == "head":
        return network.head(features, size)  # type: ignore[no-any-return]
    return features["last"] if level == "expand" else features[level]


def _signal(y: Tensor, size: tuple[int, int], generator: object) -> tuple[Tensor, tuple[int, int]]:
    """A random gradient on the centre position of ``y`` (all of a vector), and the pixel that it belongs to."""
    import torch

    random = torch.randn(y.shape[1], generator=generator).to(y.device, y.dtype)  # type: ignore[call-overload]
    signal = torch.zeros_like(y)
    if y.dim() == 2:
        signal[0] = random
        return signal, (size[0] // 2, size[1] // 2)
    row, column = y.shape[2] // 2, y.shape[3] // 2
    signal[0, :, row, column] = random
    return signal, (row * round(size[0] / y.shape[2]), column * round(size[1] / y.shape[3]))
