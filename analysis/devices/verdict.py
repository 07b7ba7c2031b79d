"""What the checks of a device come to, in one sentence: how ``archspace doctor`` begins. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.devices.base import Check

NEEDED = ("packages", "torch", "onnxruntime")
"""Checks of this machine without which a search, a training or an export does not run."""
SENSORS = ("rapl", "nvml", "ina3221", "tegrastats")
BOARD_RUNTIMES = {"trtexec": "TensorRT", "onnxruntime": "ONNX Runtime"}


def verdict(device: str, checks: Sequence[Check]) -> str:
    """Returns the verdict on a device.

    Args:
        device: as given to ``--device``.
        checks: what :meth:`analysis.devices.base.Device.doctor` returned.
    """
    by_name = {check.name: check for check in checks}
    sensors = [name for name in SENSORS if _ok(by_name, name)]
    return _board(by_name, sensors) if device.startswith("ssh://") else _here(device, by_name, sensors)


def _here(device: str, checks: Mapping[str, Check], sensors: Sequence[str]) -> str:
    broken = [checks[name] for name in NEEDED if name in checks and checks[name].state == "missing"]
    if broken:
        reasons = "; ".join(f"{check.name}: {check.detail}" for check in broken)
        return f"This machine cannot search, train and export yet: {reasons}."
    if device.startswith("cuda") and not _ok(checks, "cuda"):
        return f"No GPU to run on: {checks['cuda'].detail}; everything to search, train and export on the CPU is here."
    gpu = "a GPU" if _ok(checks, "cuda") else "no GPU"
    power = f"power is measured by {' and '.join(sensors)}" if sensors else "no power sensor"
    busy = "; other programs keep it busy, so measure later" if _warns(checks, "load") else ""
    return f"Everything to search, train and export is here; {gpu}, {power}{busy}."


def _board(checks: Mapping[str, Check], sensors: Sequence[str]) -> str:
    connection = checks["connection"]
    if connection.state != "ok":
        return f"The board cannot be used now: {connection.detail}."
    runtimes = [title for name, title in BOARD_RUNTIMES.items() if _ok(checks, name)]
    if not runtimes:
        return "The board answers, but has nothing to run a network: neither TensorRT nor ONNX Runtime."
    power = f"power is measured by {' and '.join(sensors)}" if sensors else "no power sensor"
    loose = [name for name in checks if name.endswith("pinned") and _warns(checks, name)]
    clocks = f"; its clocks may change ({', '.join(name.split()[0] for name in loose)})" if loose else ""
    return f"Everything to measure is on the board: {' and '.join(runtimes)}; {power}{clocks}."


def _ok(checks: Mapping[str, Check], name: str) -> bool:
    return name in checks and checks[name].state == "ok"


def _warns(checks: Mapping[str, Check], name: str) -> bool:
    return name in checks and checks[name].state == "warning"
