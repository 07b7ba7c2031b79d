"""What the runtimes of a board share: how to load it, and what came of it."""

from typing import Any, Callable, Dict, List, Optional

OnProgress = Callable[[str, float], None]
Left = Callable[[], float]
WARM_S = 2.0
"""What trtexec on a Jetson takes for its clocks to rise."""


class RunError(Exception):
    """The network cannot be run here; one line for the user.

    Attributes:
        kind: ``runtime`` (it failed), ``timeout`` (it hung) or ``request`` (it cannot do what was asked).
    """

    def __init__(self, message: str, kind: str = "runtime") -> None:
        super().__init__(message)
        self.kind = kind


class Load:
    """How a network is run.

    Args:
        runs: fewest timed runs.
        warmup: fewest untimed runs.
        settle_s: seconds of load before power counts.
        busy_s: fewest seconds of load in which power counts; 0 where no power is sampled.
        look: reads the conditions (clocks, temperature); called under load before and after the timed runs.
        warm_s: fewest seconds of untimed runs, for the clocks to rise.
    """

    def __init__(
        self,
        runs: int,
        warmup: int,
        settle_s: float,
        busy_s: float,
        look: Callable[[], Dict[str, Any]],
        warm_s: float = WARM_S,
    ) -> None:
        self.runs = runs
        self.warmup = warmup
        self.warm_s = warm_s
        self.settle_s = settle_s
        self.busy_s = busy_s
        self.look = look


class Timed:
    """What running a network came to.

    Attributes:
        samples_ms: milliseconds of each timed run, in order.
        load_start: when the load began, warm-up and all, on ``time.monotonic()``.
        start, end: of the timed runs.
        runs: how many ran between.
        before, after: conditions under load.
        how: what the runtime adds to the record.
        summary_only: the samples are a summary, not single runs.
        peak_memory_bytes: largest resident memory of the process that ran it.
    """

    def __init__(
        self, samples_ms: List[float], load_start: float, start: float, end: float, runs: int
    ) -> None:
        self.samples_ms = samples_ms
        self.load_start = load_start
        self.start = start
        self.end = end
        self.runs = runs
        self.before: Dict[str, Any] = {}
        self.after: Dict[str, Any] = {}
        self.how: Dict[str, Any] = {}
        self.summary_only = False
        self.peak_memory_bytes: Optional[int] = None
