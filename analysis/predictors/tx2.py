"""The TX2's GPU as a roofline: its peaks at any clock, and the coefficients fitted on published times. No torch.

Facts: 256 cores of two operations a cycle, four in half precision; 128-bit LPDDR4 at two transfers a cycle
(NVIDIA's data; 666 GFLOPS at 1300.5 MHz, 59.7 GB/s at 1866 MHz). Every number made here is ``predicted``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from analysis.predictors.roofline import Coefficients, Kernel, Kind, Machine, Timed, ran, timed
from archspace.support.errors import FieldError, closest

Runtime: TypeAlias = Literal["tensorrt", "framework"]
Tx2Precision: TypeAlias = Literal["float32", "float16"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
PRECISIONS: tuple[Tx2Precision, ...] = get_args(Tx2Precision)

MOST_CLOCK, LEAST_CLOCK = 1300.5, 114.75
MOST_EMC, LEAST_EMC = 1866.0, 204.0
OPERATIONS_A_CYCLE: Mapping[Tx2Precision, int] = {"float32": 512, "float16": 1024}
ELEMENT_BYTES: Mapping[Tx2Precision, int] = {"float32": 4, "float16": 2}
BUS_BYTES_A_CYCLE = 32
"""128 bit, twice a cycle."""

FITTED: tuple[Kind, ...] = ("dense", "pointwise", "factorised", "depthwise")
"""Kinds of kernels that the quoted networks have."""

STAND_INS: Mapping[Kind, Kind] = {
    "dilated": "factorised", "transposed": "factorised", "grouped": "pointwise", "linear": "pointwise",
}  # fmt: skip
"""Whose efficiency is taken for a kind that cannot be fitted: no quoted network has the first three, and the linear
layers of those that have some wait for their weights. Dilated and transposed convolutions have no Winograd kernels,
which dense 3 x 3 ones have and factorised ones have not."""

UNSEEN: tuple[Kind, ...] = ("dilated", "transposed", "grouped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What was fitted for a runtime.

    Attributes:
        efficiency: share of the peak in float32, by fitted kind; above 1 for dense convolutions that Winograd's
            algorithm does with fewer multiplications.
        memory: share of the bandwidth.
        launch_us: microseconds that every kernel takes on top.
        half: factor on the efficiencies in float16; ``None``: no quoted time in float16.
        half_depthwise: the same for depth-wise kernels, which gain nothing from float16 in the quoted times.
        fuses: norms and activations run within the kernel before them, concatenations in place.
    """

    efficiency: Mapping[Kind, float]
    memory: float
    launch_us: float
    half: float | None
    half_depthwise: float | None
    fuses: bool

    def coefficients(self, precision: Tx2Precision) -> Coefficients:
        """As the roofline takes them.

        Raises:
            FieldError: nothing was fitted for that precision.
        """
        known = dict(self.efficiency)
        if precision == "float16":
            if self.half is None or self.half_depthwise is None:
                rule = "no quoted time of an unfused framework is in float16; tensorrt has some"
                raise FieldError("precision", precision, rule, "float32")
            factors = dict.fromkeys(known, self.half) | {"depthwise": self.half_depthwise}
            known = {kind: share * factors[kind] for kind, share in known.items()}
        stand_ins = {kind: known[model] for kind, model in STAND_INS.items()}
        return Coefficients(efficiency=known | stand_ins, memory=self.memory, launch_s=self.launch_us * 1e-6)


def machine(clock_mhz: float, emc_mhz: float, precision: Tx2Precision) -> Machine:
    """Returns the TX2 at a GPU clock and a memory clock.

    Raises:
        FieldError: a clock that the board does not have, or an unknown precision.
    """
    for name, value, least, most in (
        ("clock", clock_mhz, LEAST_CLOCK, MOST_CLOCK), ("emc", emc_mhz, LEAST_EMC, MOST_EMC),
    ):  # fmt: skip
        if not (math.isfinite(value) and least <= value <= most):
            near = min(max(value, least), most) if math.isfinite(value) else most
            raise FieldError(name, value, f"must be {least:g} to {most:g} MHz on a TX2", f"{near:g}")
    if precision not in PRECISIONS:
        raise FieldError(
            "precision", precision, "this predictor has two", closest(precision, list(PRECISIONS))
        )
    return Machine(
        peak=OPERATIONS_A_CYCLE[precision] * clock_mhz * 1e6, bandwidth=BUS_BYTES_A_CYCLE * emc_mhz * 1e6,
        element_bytes=ELEMENT_BYTES[precision],
    )  # fmt: skip


def kernel_times(
    kernels: Iterable[Kernel], model: Model, clock_mhz: float, emc_mhz: float, precision: Tx2Precision
) -> list[Timed]:
    """Returns predicted time of each kernel that the runtime launches."""
    device, coefficients = machine(clock_mhz, emc_mhz, precision), model.coefficients(precision)
    return [timed(kernel, device, coefficients) for kernel in ran(kernels, fuses=model.fuses)]


def load_fit() -> dict[str, Any]:
    """Returns the shipped fit: models by runtime and their errors.

    Made by :func:`analysis.predictors.tx2_fit.fit_report`.
    """
    text = (files("analysis.predictors") / "data" / "tx2.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def model_of(fit: Mapping[str, Any], runtime: str) -> Model:
    """Returns the model of a runtime.

    Raises:
        FieldError: there is none of that name.
    """
    if runtime not in RUNTIMES:
        rule = "the quoted times are of TensorRT and of unfused frameworks"
        raise FieldError("runtime", runtime, rule, closest(runtime, list(RUNTIMES)))
    return Model(**fit["runtimes"][runtime]["model"])


def error_of(predicted: Sequence[float], measured: Sequence[float]) -> dict[str, float | int]:
    """Errors of predictions in per cent: mean absolute, RMS, worst, mean signed; and shares within a bound."""
    share = np.asarray(predicted) / np.asarray(measured) - 1
    size = np.abs(share)
    return {
        "n": len(share), "mean_percent": 100 * float(size.mean()),
        "rmspe_percent": 100 * float(np.sqrt(np.mean(share**2))),
        "worst_percent": 100 * float(size.max()), "bias_percent": 100 * float(share.mean()),
        "within_10_percent": 100 * float((size <= 0.10).mean()),
        "within_25_percent": 100 * float((size <= 0.25).mean()),
    }  # fmt: skip
