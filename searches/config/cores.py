"""How many workers a study has where it leaves that to the machine. No torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

AUTO = "auto"
MOST_WORKERS = 8
"""More share one machine's memory and storage worse than they gain."""
GPUS = Path("/proc/driver/nvidia/gpus")
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Returns how many cores this process may use: those of its affinity, or of its container's quota if fewer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_QUOTA.read_text(encoding="ascii").split()[:2]
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):  # no container, or one without a quota
        return cores


def usable_gpus() -> int:
    """Returns how many NVIDIA GPUs this process may use, as far as it is known without torch; 1 where it is not."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return max(1, len([name for name in visible.split(",") if name.strip() not in ("", "-1")]))
    return max(1, len(list(GPUS.glob("*"))))


def usual_workers(device: str, threads: int) -> int:
    """Returns the workers that ``auto`` stands for: one for every ``threads`` cores; one on each GPU.

    Args:
        device: where networks are trained.
        threads: CPU threads of each worker.
    """
    if device != "cpu":
        return usable_gpus() if device == "cuda" else 1
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
