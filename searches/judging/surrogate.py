"""A guess at a number of untrained networks, with an honest spread: a Gaussian process on their features."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

from analysis.fronts.correlation import rank_correlation

if TYPE_CHECKING:  # most studies have no screen, and scikit-learn takes seconds and 70 MB
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Kernel

Floats = NDArray[np.float64]
LEAST_POINTS = 4
LEAST_CHECKED = 8
"""Networks from which the spread is corrected by what was missed of those left out."""
GROWTH = 1.25
"""By how much the networks grow before the kernel's parameters are found anew."""
MOST_FITTED, MOST_KNOWN = 256, 400
"""Networks that the kernel's parameters are found from, and that a guess is made from, at most."""
AT_ONCE = 8192
"""Networks that are guessed at once."""
WIDEST, NARROWEST = 3.0, 0.7
"""How far the spread is corrected at most."""
SIDE_95 = 1.96


@cache
def first_kernel() -> Kernel:
    """Returns the kernel whose parameters are then found: a smooth trend, a rougher part beside it, and noise."""
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

    trend = ConstantKernel(1.0, (1e-2, 1e2)) * RBF(2.0, (0.5, 50.0))
    rough = ConstantKernel(0.1, (1e-3, 1e1)) * Matern(1.0, (0.2, 20.0), nu=1.5)
    return trend + rough + WhiteKernel(0.05, (1e-4, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """Mean and standard deviation (N,) of a number of N networks."""

    mean: Floats
    deviation: Floats


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How far a predictor misses networks that it was not fitted on, each left out once.

    Attributes:
        networks: how many.
        error: root of the mean squared miss, in the number's unit (of logarithms, in natural ones).
        kendall: rank correlation of guesses and values; NaN where there is no order.
        inside: share of the values within the 95 % interval of their guess.
    """

    networks: int
    error: float
    kendall: float
    inside: float

    def to_dict(self) -> dict[str, float | int | None]:
        """Returns plain data for JSON."""
        kendall = self.kendall if np.isfinite(self.kendall) else None
        return {"networks": self.networks, "error": self.error, "kendall": kendall, "inside_95": self.inside}


@dataclass(slots=True, eq=False)
class Surrogate:
    """A Gaussian process that is asked again and again while networks are trained.

    The kernel is a smooth trend over the counts and values, a rougher part beside it, and noise of training. Its
    parameters are those of the greatest likelihood on the first networks, found anew whenever these have become a
    quarter more: they follow from the networks alone, so that a study that is stopped goes on as if it had not been.
    The spread is widened (or narrowed) until networks left out lie in it as often as they should.
    """

    seed: int = 0
    _kernels: dict[int, tuple[bytes, Kernel]] = field(default_factory=dict)
    _last: tuple[bytes, tuple[GaussianProcessRegressor, NDArray[np.int64]]] | None = None

    def guess(self, known: Floats, values: Floats, wanted: Floats) -> Guess:
        """Returns the guess for ``wanted`` (M, D) from ``values`` (N,) of the networks ``known`` (N, D).

        With fewer than :data:`LEAST_POINTS` networks it is their mean and spread. Of more than :data:`MOST_KNOWN`
        a part is used: the best half of so many, and others evenly over the rest.

        Args:
            known, values: in the order in which they came; less is better.
        """
        centre, spread = _scale(values)
        if len(values) < LEAST_POINTS:
            return Guess(np.full(len(wanted), centre), np.full(len(wanted), spread))
        model, used = self._fitted(known, values)
        parts = [
            model.predict(wanted[start : start + AT_ONCE], return_std=True)
            for start in range(0, max(1, len(wanted)), AT_ONCE)
        ]
        mean, deviation = (np.concatenate(one) for one in zip(*parts, strict=True))
        missed, own = _left_out(model, (values[used] - centre) / spread)
        honest = float(np.sqrt(np.mean((missed / own) ** 2))) if len(used) >= LEAST_CHECKED else 1.0
        widened = spread * min(max(honest, NARROWEST), WIDEST)
        return Guess(centre + spread * mean, widened * deviation)

    def smoothed(self, known: Floats, values: Floats) -> Floats:
        """Returns (N,) what is believed of trained networks; with too few to learn from, what was seen."""
        if len(values) < LEAST_POINTS:
            return values
        centre, spread = _scale(values)
        return np.asarray(centre + spread * self._fitted(known, values)[0].predict(known))

    def left_out(self, known: Floats, values: Floats) -> LeftOut | None:
        """Returns how far networks are missed, each left out once; ``None`` with fewer than :data:`LEAST_CHECKED`.

        The kernel's parameters are those found on all of them.
        """
        if len(values) < LEAST_CHECKED:
            return None
        centre, spread = _scale(values)
        model, used = self._fitted(known, values)
        scaled = (values[used] - centre) / spread
        missed, own = _left_out(model, scaled)
        order = rank_correlation((scaled - missed).tolist(), scaled.tolist())
        honest = min(max(float(np.sqrt(np.mean((missed / own) ** 2))), NARROWEST), WIDEST)
        return LeftOut(
            len(used), spread * float(np.sqrt(np.mean(missed**2))),
            float("nan") if order is None else order.kendall,
            float(np.mean(np.abs(missed) <= SIDE_95 * honest * own)),
        )  # fmt: skip

    def _fitted(self, known: Floats, values: Floats) -> tuple[GaussianProcessRegressor, NDArray[np.int64]]:
        """The process on the networks, and which of them it is made from; one suggestion asks more than once."""
        asked = known.tobytes() + values.tobytes()
        if self._last is None or self._last[0] != asked:
            self._last = asked, self._fit(known, values)
        return self._last[1]

    def _fit(self, known: Floats, values: Floats) -> tuple[GaussianProcessRegressor, NDArray[np.int64]]:
        count = min(_milestone(len(values)), MOST_FITTED)
        first = known[:count], values[:count]
        key = first[0].tobytes() + first[1].tobytes()
        if count not in self._kernels or self._kernels[count][0] != key:
            own, scale = _scale(first[1])
            self._kernels[count] = (
                key,
                self._model(first_kernel(), first[0], (first[1] - own) / scale, True).kernel_,
            )
        used = _part(values)
        centre, spread = _scale(values)
        return self._model(
            self._kernels[count][1], known[used], (values[used] - centre) / spread, False
        ), used

    def _model(self, kernel: Kernel, known: Floats, values: Floats, anew: bool) -> GaussianProcessRegressor:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor

        model = GaussianProcessRegressor(
            kernel, random_state=self.seed, optimizer="fmin_l_bfgs_b" if anew else None
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(known, values)


def _milestone(count: int) -> int:
    """The largest of 4, 5, 7, 9, 12, ... that is not above ``count``."""
    at = LEAST_POINTS
    while (following := max(at + 1, int(np.ceil(at * GROWTH)))) <= count:
        at = following
    return at


def _part(values: Floats) -> NDArray[np.int64]:
    """Which networks a guess is made from, in their order."""
    if len(values) <= MOST_KNOWN:
        return np.arange(len(values))
    order = np.argsort(values, kind="stable")
    best, rest = order[: MOST_KNOWN // 2], order[MOST_KNOWN // 2 :]
    spread = rest[np.linspace(0, len(rest) - 1, MOST_KNOWN - len(best)).astype(np.int64)]
    return np.sort(np.concatenate([best, spread]))


def _scale(values: Floats) -> tuple[float, float]:
    return float(values.mean()), float(values.std()) or 1.0


def _left_out(model: GaussianProcessRegressor, values: Floats) -> tuple[Floats, Floats]:
    """By how much each network is missed when it is left out, and the spread there, in closed form.

    Rasmussen and Williams 2006, equations 5.10 to 5.12.
    """
    precision = np.diag(cho_solve((model.L_, True), np.eye(len(values))))
    return np.ravel(model.alpha_) / precision, 1.0 / np.sqrt(precision)
