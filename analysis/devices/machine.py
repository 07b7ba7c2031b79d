"""What this machine can do: ``archspace doctor``. Each look is its own function and says what to do about a lack."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec

from analysis.devices.base import Check

PACKAGES = ("optuna", "pandas", "plotly", "onnx", "onnxscript", "safetensors", "torchmetrics")


def examine(device: str = "cpu") -> list[Check]:
    """Returns every check of this machine; those of a GPU too where one is meant or there."""
    looks: tuple[Callable[[], list[Check]], ...] = (
        _processor, _packages, _governor, lambda: _runtimes(device), lambda: _gpu(device), _sensors, _chromium, _ssh,
    )  # fmt: skip
    return [check for look in looks for check in look()]


def _processor() -> list[Check]:
    import torch

    from analysis.store.environment import cpu_model

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    busy = load > 0.5 * usable
    return [
        Check(name="cpu", state="ok", detail=cpu_model()),
        Check(
            name="cores", state="ok" if usable > 1 else "warning", detail=f"{usable} usable",
            fix=None if usable > 1 else "power samples and the network share this core; give the process another",
        ),
        Check(name="threads", state="ok", detail=f"torch uses {torch.get_num_threads()} unless --threads says"),
        Check(
            name="load", state="warning" if busy else "ok", detail=f"{load:.2f} processes wanted to run lately",
            fix="stop other programs before measuring" if busy else None,
        ),
    ]  # fmt: skip


def _packages() -> list[Check]:
    """What searching, training and exporting import, looked for without importing it."""
    lacking = [name for name in PACKAGES if find_spec(name) is None]
    if not lacking:
        return [Check(name="packages", state="ok", detail=", ".join(PACKAGES))]
    fix = f"pip install {' '.join(lacking)}"
    return [Check(name="packages", state="missing", detail=f"not installed: {', '.join(lacking)}", fix=fix)]


def _governor() -> list[Check]:
    from analysis.board.conditions import conditions

    readings = conditions()
    governor = readings.get("governor")
    if governor is None:
        detail = f"cannot be read: {readings['missing'].get('governor', 'unknown')}"
        fix = "clocks cannot be pinned from here; the reference network shows drift"
        return [Check(name="governor", state="missing", detail=detail, fix=fix)]
    pinned = governor == "performance"
    advice = None if pinned else "sudo cpupower frequency-set -g performance"
    return [Check(name="governor", state="ok" if pinned else "warning", detail=str(governor), fix=advice)]


def _runtimes(device: str) -> list[Check]:
    from analysis.runtimes import RUNTIMES

    fixes = {
        "compile": "install g++", "native": "install g++", "openvino": "pip install 'archspace[openvino]'",
        "tensorrt": "install TensorRT with trtexec on a machine with an NVIDIA GPU",
        "cudagraph": "use a machine with an NVIDIA GPU",
    }  # fmt: skip
    checks = []
    for name, runtime in RUNTIMES.items():
        if runtime.form_of is not None:
            continue
        reason = runtime.unavailable("cuda:0" if device == "cuda" else device)
        if reason is None:
            checks.append(Check(name=name, state="ok", detail=runtime.version()))
        else:
            fix = fixes.get(name, "install a build of it for this device")
            checks.append(Check(name=name, state="missing", detail=reason, fix=fix))
    return checks


def _gpu(device: str) -> list[Check]:
    import torch

    from analysis.runtimes.torch_forms import gpu_missing

    reason = gpu_missing("cuda:0" if device in ("cpu", "cuda") else device)
    if reason is not None:
        fix = "install a CUDA build of torch and NVIDIA's driver, or use --device cpu"
        return [Check(name="cuda", state="missing", detail=reason, fix=fix)]
    names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    return [Check(name="cuda", state="ok", detail=f"{names}; CUDA {torch.version.cuda}")]


def _sensors() -> list[Check]:
    from analysis.board.sensors import find_sensors

    sensors, missing = find_sensors("/", ["analysis.devices.nvml:find"])
    checks = []
    for sensor in sensors:
        checks.append(Check(name=sensor.name, state="ok", detail=", ".join(sensor.rails)))
        sensor.close()
    fixes = {
        "rapl": "on a bare machine: sudo chmod a+r /sys/class/powercap/intel-rapl*/energy_uj",
        "nvml": "pip install 'archspace[cuda]' on a machine with an NVIDIA GPU",
        "ina3221": "only Jetson boards have one",
        "tegrastats": "only Jetson boards have it",
    }
    return checks + [
        Check(name=name, state="missing", detail=why, fix=fixes.get(name)) for name, why in missing.items()
    ]


def _chromium() -> list[Check]:
    from choreographer.browsers.chromium import Chromium

    path = Chromium.find_browser(skip_local=False)
    if path is None:
        return [
            Check(
                name="chromium", state="missing", detail="no browser for pictures; HTML pages need none",
                fix="apt install chromium, or run: plotly_get_chrome",
            )
        ]  # fmt: skip
    return [Check(name="chromium", state="ok", detail=str(path))]


def _ssh() -> list[Check]:
    path = shutil.which("ssh")
    if path is None:
        detail = "no ssh client; boards cannot be reached"
        return [Check(name="ssh", state="missing", detail=detail, fix="apt install openssh-client")]
    return [Check(name="ssh", state="ok", detail=path)]
