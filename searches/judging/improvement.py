"""What networks whose numbers are partly counted and partly guessed would add to a front."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
AT_ONCE = 2_000_000
"""Candidates times boxes times objectives that are held in memory at once."""


def expected_improvement(mean: Floats, deviation: Floats, level: Floats) -> Floats:
    """Returns E[max(0, level - Y)] for Y normal: by how much a guess is expected to lie below ``level``.

    The arrays broadcast. Jones et al. 1998.
    """
    spread = np.maximum(deviation, 1e-12)
    z = (level - mean) / spread
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    return np.asarray(np.maximum(0.0, (level - mean) * ndtr(z) + spread * density))


def expected_volume(front: Floats, reference: Floats, mean: Floats, deviation: Floats) -> Floats:
    """Returns (N,) expected gain in hypervolume of N candidates, less being better.

    What no point of the front dominates is cut into boxes. A candidate adds, of each box, the part that it dominates:
    a product over the objectives, whose expectation is the product of expected improvements where the guesses are
    independent (Emmerich et al. 2011). A number that is counted has deviation 0.

    Args:
        front: (F, O) points; those that are dominated or beyond the reference add nothing.
        reference: (O,) worst corner.
        mean, deviation: (N, O) of the candidates.
    """
    lower, upper = boxes(np.asarray(front, dtype=np.float64).reshape(-1, len(reference)), reference)
    gains = np.empty(len(mean))
    step = max(1, AT_ONCE // lower.size)
    for start in range(0, len(mean), step):
        part = slice(start, start + step)
        gain = np.ones((len(mean[part]), len(lower)))
        for axis in range(len(reference)):
            levels, place = np.unique([lower[:, axis], upper[:, axis]], return_inverse=True)
            finite = np.isfinite(levels)
            below = np.zeros((len(gain), len(levels)))
            below[:, finite] = expected_improvement(
                mean[part, axis, None], deviation[part, axis, None], levels[None, finite]
            )
            low, high = place.reshape(2, -1)
            gain *= below[:, high] - below[:, low]
        gains[part] = gain.sum(axis=1)
    return gains


def boxes(front: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Returns (B, O) lower and upper corners of boxes that hold what is below the reference and not dominated.

    Lower corners may be minus infinity. The last objective is cut at the points of the front; in each slab the points
    below it leave a region in one objective fewer.
    """
    inside = front[(front < reference).all(axis=1)]
    if len(reference) == 1:
        best = inside.min() if len(inside) else reference[0]
        return np.array([[-np.inf]]), np.array([[best]])
    edges = np.concatenate([[-np.inf], np.unique(inside[:, -1]), reference[-1:]])
    lower, upper = [], []
    for low, high in itertools.pairwise(edges):
        below = inside[inside[:, -1] <= low][:, :-1]
        first, last = boxes(below, reference[:-1])
        lower.append(np.column_stack([first, np.full(len(first), low)]))
        upper.append(np.column_stack([last, np.full(len(last), high)]))
    return np.vstack(lower), np.vstack(upper)


def chance(mean: Floats, deviation: Floats, low: float | None, high: float | None) -> Floats:
    """Returns (N,) how likely normal guesses lie within limits; a side without a limit is ``None``."""
    spread = np.maximum(deviation, 1e-12)
    below = np.ones_like(mean) if high is None else ndtr((high - mean) / spread)
    return np.asarray(below if low is None else np.maximum(0.0, below - ndtr((low - mean) / spread)))
