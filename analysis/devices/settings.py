"""How a measurement is taken, and who is told how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from archspace.support.errors import FieldError

OnProgress: TypeAlias = Callable[[str, float], None]
"""Called now and then with what is being done and the share of it that is done, 0 to 1."""

Precision: TypeAlias = Literal["float32", "float16", "bfloat16", "int8"]


def no_progress(doing: str, share: float) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a measurement is taken.

    Attributes:
        runtime: ``torch``, ``compile``, ``cudagraph``, ``onnxruntime``, ``openvino``, ``native`` or ``tensorrt``;
            the device's own default if left out.
        precision: of weights and activations.
        batch: inputs of a run.
        threads: CPU threads within an operator.
        warmup: fewest untimed runs.
        runs: timed runs.
        power: whether power is sampled; it takes ``idle_s + settle + busy_s`` seconds more.
        idle_s, busy_s: seconds of the idle baseline and of the counted window under load.
        period_s: between two power samples.
        reference: whether runs of a fixed small network are put between the timed ones, to see the device drift.
        spread: largest interquartile range as a share of the median that counts as stable.
        drift: largest change of clocks, or of the reference's latency, that counts as stable.
        attempts: most times that an unstable measurement is taken.
    """

    runtime: str | None = None
    precision: Precision = "float32"
    batch: int = 1
    threads: int = 1
    warmup: int = 10
    runs: int = 100
    power: bool = True
    idle_s: float = 3.0
    busy_s: float = 5.0
    period_s: float = 0.1
    reference: bool = True
    spread: float = 0.10
    drift: float = 0.10
    attempts: int = 3

    def __post_init__(self) -> None:
        for name in ("batch", "threads", "runs", "attempts"):
            if getattr(self, name) < 1:
                raise FieldError(name, getattr(self, name), "must be at least 1", 1)
        for name in ("idle_s", "busy_s", "period_s", "spread", "drift"):
            if not getattr(self, name) > 0:
                raise FieldError(name, getattr(self, name), "must be above 0", getattr(Settings, name, 1))
