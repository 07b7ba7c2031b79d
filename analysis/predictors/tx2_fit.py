"""Fits the TX2's coefficients on published times and checks them on the ESPNet paper's frame rates.

Fitted on ``data/tx2_measurements.csv``: rows quoted from texts, of networks whose layers are known for certain and
whose clocks are stated; every other quoted row says in ``left_out`` why not. Checked on ``data/espnet_tx2.csv``, whose
rows are never fitted on.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.predictors.foreign import FOREIGN
from analysis.predictors.roofline import Kernel, ran
from analysis.predictors.tx2 import (
    FITTED,
    MOST_CLOCK,
    MOST_EMC,
    RUNTIMES,
    STAND_INS,
    Model,
    Runtime,
    Tx2Precision,
    error_of,
    kernel_times,
    machine,
)

DIGITS = 4
"""Significant digits of the shipped coefficients."""

CHECKED = ("ESPNet", "ENet", "ERFNet")
FUSES: Mapping[Runtime, bool] = {"tensorrt": True, "framework": False}
STARTS = ((0.5, 0.6, 50e-6), (0.3, 0.4, 20e-6), (0.7, 0.8, 5e-6))
"""Efficiency, share of the bandwidth and launch that the fit starts from; the best end counts."""

PARAMETERS: Mapping[str, tuple[float, float]] = {
    **{kind: (0.002, 2.25 if kind == "dense" else 1.0) for kind in FITTED},
    "half": (0.25, 2.0), "half_depthwise": (0.25, 2.0), "memory": (0.05, 1.0), "launch": (1e-7, 1e-3),
}  # fmt: skip
"""Bounds of what is fitted: shares of the peak (Winograd's 2 x 2 tiles save 2.25 of the multiplications of a dense
3 x 3), factors in float16, share of the bandwidth, and seconds of a launch."""

_PRECISIONS: Mapping[str, Tx2Precision] = {"FP32": "float32", "FP16": "float16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A published time that is fitted on."""

    structure: str
    runtime: Runtime
    precision: Tx2Precision
    clock_mhz: float
    emc_mhz: float
    latency_ms: float
    source: str


def table(name: str) -> list[dict[str, str]]:
    """Returns a shipped table of published numbers; every cell is text."""
    with (files("analysis.predictors") / "data" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def quoted_rows() -> tuple[list[Quoted], list[dict[str, str]]]:
    """Returns the rows that are fitted on, and those that are left out with the reason in ``left_out``."""
    rows = table("tx2_measurements")
    used = [
        Quoted(
            structure=row["structure"], runtime=row["runtime"],  # type: ignore[arg-type]
            precision=_PRECISIONS[row["precision"]], clock_mhz=float(row["gpu_mhz"]),
            emc_mhz=float(row["emc_mhz"]), latency_ms=float(row["latency_ms"]), source=row["source"],
        )
        for row in rows
        if not row["left_out"]
    ]  # fmt: skip
    return used, [row for row in rows if row["left_out"]]


@cache
def _kernels(structure: str) -> tuple[Kernel, ...]:
    return tuple(FOREIGN[structure]().kernels)


class _Design:
    """A row as arrays, so that a fit is quick: ideal seconds of arithmetic and transfer of each launched kernel."""

    def __init__(self, row: Quoted) -> None:
        device = machine(row.clock_mhz, row.emc_mhz, row.precision)
        kernels = ran(_kernels(row.structure), fuses=FUSES[row.runtime])
        counts = Counter((STAND_INS.get(k.kind, k.kind), k.macs, k.elements) for k in kernels)
        self.kinds = np.array([FITTED.index(kind) if kind in FITTED else 0 for kind, _, _ in counts])
        self.compute = np.array([2 * macs / device.peak for _, macs, _ in counts])
        moved = np.array([elements for _, _, elements in counts], dtype=np.float64)
        self.memory = moved * device.element_bytes / device.bandwidth
        self.times = np.array(list(counts.values()))
        self.half = row.precision == "float16"
        self.target = np.log(row.latency_ms / 1e3)

    def residual(self, p: NDArray[np.float64]) -> float:
        """Logarithm of predicted over published time; ``p`` are the logarithms of :data:`PARAMETERS`."""
        *shares, half, half_depthwise, memory, launch = np.exp(p)
        if self.half:
            shares = [
                share * (half_depthwise if kind == "depthwise" else half)
                for kind, share in zip(FITTED, shares, strict=True)
            ]
        longest = np.maximum(self.compute / np.array(shares)[self.kinds], self.memory / memory)
        return float(np.log((longest + launch) @ self.times) - self.target)


def fit(rows: Sequence[Quoted]) -> Model:
    """Returns the coefficients of one runtime with the least squared logarithm of predicted over published time.

    :data:`PARAMETERS` has their bounds.
    """
    from scipy.optimize import least_squares

    designs = [_Design(row) for row in rows]
    bounds = np.log(list(PARAMETERS.values())).T
    ends = []
    for share, memory, launch in STARTS:
        start = [*[share] * (len(FITTED) - 1), share / 10, 0.9, 0.6, memory, launch]
        solution = least_squares(
            lambda p: [design.residual(p) for design in designs], np.log(start), bounds=bounds,
            diff_step=1e-4, xtol=1e-10, ftol=1e-10, max_nfev=1000,
        )  # fmt: skip
        ends.append((float(solution.cost), solution.x))
    best = np.exp(min(ends, key=lambda end: end[0])[1])
    numbers = {name: float(f"{value:.{DIGITS}g}") for name, value in zip(PARAMETERS, best, strict=True)}
    halves = any(design.half for design in designs)
    return Model(
        efficiency={kind: numbers[kind] for kind in FITTED}, memory=numbers["memory"],
        half=numbers["half"] if halves else None,
        half_depthwise=numbers["half_depthwise"] if halves else None,
        launch_us=float(f"{1e6 * numbers['launch']:.{DIGITS}g}"), fuses=FUSES[rows[0].runtime],
    )  # fmt: skip


def predicted_ms(model: Model, row: Quoted) -> float:
    """Returns predicted time of a quoted row."""
    times = kernel_times(_kernels(row.structure), model, row.clock_mhz, row.emc_mhz, row.precision)
    return 1e3 * sum(each.seconds for each in times)


def left_out_error(rows: Sequence[Quoted]) -> dict[str, float | int]:
    """Returns the error on each network by coefficients fitted without any of its rows."""
    predicted, measured = [], []
    for structure in dict.fromkeys(row.structure for row in rows):
        model = fit([row for row in rows if row.structure != structure])
        for row in rows:
            if row.structure == structure:
                predicted.append(predicted_ms(model, row))
                measured.append(row.latency_ms)
    return error_of(predicted, measured)


def frame_rates() -> list[dict[str, Any]]:
    """Returns the frame rates of the ESPNet paper's networks: network, clock in MHz, frames a second, source."""
    return [
        {
            "network": row["network"], "clock_mhz": min(float(row["gpu_freq_MHz"]), MOST_CLOCK),
            "fps": float(row["fps"]), "confidence": row["confidence"], "source": row["source"],
        }
        for row in table("espnet_tx2")
        if row["fps"] and row["network"] in CHECKED
    ]  # fmt: skip


def check(model: Model, kernels: Callable[[str], Sequence[Kernel]]) -> list[dict[str, Any]]:
    """Returns each published frame rate beside the predicted one, in float32 at full memory clock.

    Args:
        model: of the unfused framework, as PyTorch 0.3 was.
        kernels: of a network of :data:`CHECKED` at 512 x 1024.
    """
    rows = []
    for row in frame_rates():
        times = kernel_times(kernels(row["network"]), model, row["clock_mhz"], MOST_EMC, "float32")
        fps = 1 / sum(each.seconds for each in times)
        rows.append({**row, "predicted_fps": fps, "error_percent": 100 * (fps / row["fps"] - 1)})
    return rows


@cache
def checked_kernels(network: str) -> tuple[Kernel, ...]:
    """Returns the kernels of ESPNet, ENet or ERFNet at 512 x 1024."""
    from analysis.predictors.kernels import network_kernels
    from archspace.presets import PRESETS

    return tuple(network_kernels(PRESETS[network.lower()].spec))


def fit_report() -> dict[str, Any]:
    """Returns everything that is shipped in ``data/tx2.json``: coefficients and errors by runtime, and the check."""
    used, left_out = quoted_rows()
    runtimes: dict[str, dict[str, Any]] = {}
    for runtime in RUNTIMES:
        rows = [row for row in used if row.runtime == runtime]
        model = fit(rows)
        fitted = error_of([predicted_ms(model, row) for row in rows], [row.latency_ms for row in rows])
        runtimes[runtime] = {
            "model": asdict(model), "fitted": fitted, "network_left_out": left_out_error(rows),
            "structures": sorted({row.structure for row in rows}),
        }  # fmt: skip
    checked = check(Model(**runtimes["framework"]["model"]), checked_kernels)
    error = error_of([row["predicted_fps"] for row in checked], [row["fps"] for row in checked])
    reasons: dict[str, int] = {}
    for row in left_out:
        reasons[row["left_out"]] = reasons.get(row["left_out"], 0) + 1
    return {
        "origin": "fitted on quoted rows of data/tx2_measurements.csv", "rows_used": len(used),
        "rows_left_out": reasons, "runtimes": runtimes, "check": checked, "check_error": error,
    }  # fmt: skip
