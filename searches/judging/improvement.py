"""What a network whose cost is known and whose metric is a guess would add to a front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]


def expected_improvement(mean: Floats, deviation: Floats, level: Floats) -> Floats:
    """Returns E[max(0, level - Y)] for Y normal: by how much a guess is expected to lie below ``level``.

    The arrays broadcast. Jones et al. 1998.
    """
    spread = np.maximum(deviation, 1e-12)
    z = (level - mean) / spread
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    return np.asarray(np.maximum(0.0, (level - mean) * ndtr(z) + spread * density))


def expected_volume(
    front: Floats, reference: Floats, cost: Floats, mean: Floats, deviation: Floats
) -> Floats:
    """Returns (N,) expected gain in hypervolume of N candidates whose second objective is known exactly.

    A candidate of cost c and metric y adds the area between y and the front's staircase from c to the reference: a
    sum over the steps of the staircase of width times expected improvement below the step's height.

    Args:
        front: (F, 2) points, less is better: guessed objective, known objective.
        reference: (2,) worst corner.
        cost: (N,) the known objective of the candidates.
        mean, deviation: (N,) the guess of the other one.
    """
    inside = front[(front < reference).all(axis=1)] if len(front) else front.reshape(0, 2)
    inside = inside[np.argsort(inside[:, 1], kind="stable")]
    edges = np.concatenate([[-np.inf], inside[:, 1], [reference[1]]])
    heights = np.minimum.accumulate(np.concatenate([[reference[0]], inside[:, 0]]))
    left = np.maximum(edges[None, :-1], cost[:, None])
    widths = np.clip(edges[None, 1:] - left, 0.0, None)
    gain = expected_improvement(mean[:, None], deviation[:, None], heights[None, :])
    return np.asarray((np.where(widths > 0, widths, 0.0) * gain).sum(axis=1))
