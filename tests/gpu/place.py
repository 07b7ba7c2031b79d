"""Where a part runs: on a GPU, or dry on the CPU; its clock, its deadline, and the file of its evidence."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch


@dataclass
class Place:
    """A device and the time that is left on it.

    Attributes:
        out: folder of the evidence.
        part: whose evidence it is.
        dry: runs on the CPU at tiny sizes, to see that the code works; its numbers say nothing of a GPU.
        deadline: on the monotonic clock.
    """

    out: Path
    part: str
    dry: bool
    deadline: float
    skipped: list[str] = field(default_factory=list)

    @property
    def device(self) -> str:
        """As torch names it."""
        return "cpu" if self.dry else "cuda:0"

    def left(self) -> float:
        """Returns seconds until the deadline."""
        return self.deadline - time.monotonic()

    def allows(self, seconds: float, what: str) -> bool:
        """Returns whether so much time is left; what does not fit is named at the end."""
        if self.left() >= seconds:
            return True
        self.skipped.append(what)
        return False

    def note(self, **row: Any) -> None:
        """Writes a row of evidence, to stay even if this process is killed next."""
        row = {"part": self.part, **({"dry": True} if self.dry else {}), **row}
        with (self.out / f"{self.part}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())
        print(json.dumps(row)[:300], flush=True)

    def wait(self) -> None:
        """Waits for the device."""
        if not self.dry:
            torch.cuda.synchronize()

    def times_ms(self, call: Callable[[], Any], runs: int = 30, warm: int = 3) -> list[float]:
        """Returns milliseconds of single calls: by events on a GPU, by the clock when dry."""
        runs, warm = (1, 0) if self.dry else (runs, warm)
        for _ in range(warm):
            call()
        self.wait()
        times = []
        for _ in range(runs):
            if self.dry:
                start = time.perf_counter()
                call()
                times.append(1e3 * (time.perf_counter() - start))
                continue
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            call()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end))
        return times

    def replayed(self, call: Callable[[torch.Tensor], Any], x: torch.Tensor) -> Callable[[], Any]:
        """Returns the call as a captured graph, so that launches cost nothing; as it is when dry."""
        if self.dry:
            return lambda: call(x)
        from analysis.runtimes.torch_forms import captured

        replay = captured(call, x)
        return lambda: replay(x)

    def rows(self, part: str) -> list[dict[str, Any]]:
        """Returns the evidence of a part, as far as it came."""
        path = self.out / f"{part}.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def median(times: Sequence[float]) -> float:
    """Returns the median."""
    return statistics.median(times)


def spread(times: Sequence[float]) -> float:
    """Returns the interquartile range as a share of the median."""
    if len(times) < 4:
        return 0.0
    low, _, high = statistics.quantiles(times, n=4)
    return (high - low) / statistics.median(times)
