"""Peak memory of this process: what resident memory rises to while something runs."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
CPU_COUNTS = (
    "rise of this process's peak resident memory (VmHWM, set back before) over a run, above what it was before the "
    "network was opened: weights, plans, activations and code that had not run yet; free heap was given back before"
)
CUDA_COUNTS = (
    "torch.cuda.max_memory_allocated of a run: weights, activations and workspace, not the CUDA context"
)


def resident_bytes() -> int:
    """Resident memory now, after giving free heap back to the system.

    Raises:
        OSError: the system does not tell.
    """
    _give_back()
    return _field("VmRSS")


def peak_bytes(run: Callable[[], object]) -> int:
    """Returns largest resident memory of this process while ``run`` runs, beginning with no free heap.

    Raises:
        OSError: the system does not let the peak be set back.
    """
    _give_back()
    CLEAR.write_text("5", encoding="ascii")
    run()
    return _field("VmHWM")


def _give_back() -> None:
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _field(name: str) -> int:
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"{STATUS} has no {name}")
