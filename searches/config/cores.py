"""How many workers a study has where it leaves that to the machine. No torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

AUTO = "auto"
MOST_WORKERS = 8
"""More share one machine's memory and storage worse than they gain."""
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Returns how many cores this process may use: those of its affinity, or of its container's quota if fewer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_QUOTA.read_text(encoding="ascii").split()[:2]
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):  # no container, or one without a quota
        return cores


def usual_workers(device: str, threads: int) -> int:
    """Returns the workers that ``auto`` stands for: one for every ``threads`` cores; one on a GPU.

    Args:
        device: where networks are trained.
        threads: CPU threads of each worker.
    """
    if device != "cpu":
        return 1
    return max(1, min(usable_cores() // max(1, threads), MOST_WORKERS))


def _workers(value: object, info: ValidationInfo) -> object:
    if value != AUTO:
        return value
    return usual_workers(str(info.data.get("device", "cpu")), int(info.data.get("threads", 1)))


Workers = Annotated[
    int,
    Field(ge=1),
    BeforeValidator(_workers),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": AUTO}]}),
]
"""A number of workers, or ``auto``; comes after ``device`` and ``threads`` in its record."""
