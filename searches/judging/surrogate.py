"""A guess at the metric of untrained networks, with an honest spread: a Gaussian process on their values and counts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, Matern, WhiteKernel

Floats = NDArray[np.float64]
LEAST_POINTS = 4
GROWTH = 1.25
"""By how much the networks grow before the kernel's parameters are found anew."""
KERNEL = (
    ConstantKernel(1.0, (1e-2, 1e2)) * RBF(2.0, (0.5, 50.0))
    + ConstantKernel(0.1, (1e-3, 1e1)) * Matern(1.0, (0.2, 20.0), nu=1.5)
    + WhiteKernel(0.05, (1e-4, 1.0))
)


def features(params: Sequence[Mapping[str, Any]], counts: Floats) -> Floats:
    """Returns (N, D) features of networks: their free values and the logarithms of what is counted of them, in [0, 1].

    Numbers are scaled by their range; anything else is one column a value.

    Args:
        params: of each network, by parameter.
        counts: (N, C) positive counts (MACs, parameters).
    """
    columns: list[Floats] = [np.log10(counts)]
    for name in params[0]:
        given = [one[name] for one in params]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in given):
            columns.append(np.array(given, dtype=np.float64)[:, None])
        else:
            known = sorted({str(value) for value in given})
            columns.append(np.array([[float(str(value) == one) for one in known] for value in given]))
    table = np.hstack(columns)
    low, high = table.min(axis=0), table.max(axis=0)
    return np.asarray((table - low) / np.where(high > low, high - low, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """Mean and standard deviation (N,) of the metric of N networks."""

    mean: Floats
    deviation: Floats


@dataclass(slots=True, eq=False)
class Surrogate:
    """A Gaussian process that is asked again and again while networks are trained.

    The kernel is a smooth trend over the counts and values, a rougher part beside it, and noise of training. Its
    parameters are those of the greatest likelihood, found anew whenever the networks have become a quarter more.
    """

    seed: int = 0
    _kernel: Kernel | None = None
    _fitted: int = 0

    def guess(self, known: Floats, values: Floats, wanted: Floats) -> Guess:
        """Returns the guess for ``wanted`` (M, D) from ``values`` (N,) of the networks ``known`` (N, D).

        With fewer than :data:`LEAST_POINTS` networks it is their mean and spread.
        """
        centre, spread = float(values.mean()), float(values.std()) or 1.0
        if len(values) < LEAST_POINTS:
            return Guess(np.full(len(wanted), centre), np.full(len(wanted), spread))
        anew = self._kernel is None or len(values) >= GROWTH * self._fitted
        model = GaussianProcessRegressor(
            KERNEL if anew else self._kernel, random_state=self.seed,
            optimizer="fmin_l_bfgs_b" if anew else None,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(known, (values - centre) / spread)
            mean, deviation = model.predict(wanted, return_std=True)
        if anew:
            self._kernel, self._fitted = model.kernel_, len(values)
        return Guess(centre + spread * mean, spread * deviation)
