"""Is a measurement by CUDA events sane: against wall clock, the profiler and a known matrix product; and NVML's power."""

import json
import subprocess
import sys
import time

import torch

from analysis.devices.base import Settings
from analysis.devices.nvml import NvmlSensor, find
from analysis.devices.target import open_target
from analysis.runtimes import RUNTIMES
from analysis.runtimes.torch_forms import Forward
from pathlib import Path

report = {}


def matrix():
    x = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    forward = Forward(lambda a: a @ x, torch.randn_like(x), "matmul")
    for _ in range(5):
        forward.timed_ms()
    ms = sorted(forward.timed_ms() for _ in range(20))[10]
    return {"median_ms": ms, "tflops": 2 * 8192**3 / ms / 1e9}


def network(name, runtime):
    target = open_target(name, task=None, classes=None, input_size=None)
    with RUNTIMES[runtime].open(target, "cuda:0", Settings(), Path("/tmp")) as opened:
        for _ in range(20):
            opened.timed_ms()
        events = sorted(opened.timed_ms() for _ in range(50))[25]
        opened.finish()
        start = time.perf_counter()
        for _ in range(50):
            opened.run()
        opened.finish()
        back_to_back = (time.perf_counter() - start) * 20
        start = time.perf_counter()
        for _ in range(50):
            opened.run()
            opened.finish()
        one_by_one = (time.perf_counter() - start) * 20
        from torch.profiler import ProfilerActivity, profile

        with profile(activities=[ProfilerActivity.CUDA]) as seen:
            for _ in range(5):
                opened.run()
            opened.finish()
        kernels = [e for e in seen.events() if e.device_type == torch.autograd.DeviceType.CUDA]
        busy = sum(e.time_range.elapsed_us() for e in kernels) / 5e3
    return {
        "events_ms": events,
        "back_to_back_ms": back_to_back,
        "synchronised_ms": one_by_one,
        "kernel_ms_by_profiler": busy,
        "kernels": len(kernels) / 5,
    }


def power():
    uuid = torch.cuda.get_device_properties(0).uuid
    sensors, missing = find(f"GPU-{uuid}")
    if not sensors:
        return {"missing": missing}
    sensor: NvmlSensor = sensors[0]
    idle = [sensor.read()["gpu"] for _ in range(5)]
    j0, t0 = sensor.total_energy_j(), time.monotonic()
    x = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    end, busy = time.monotonic() + 3, []
    while time.monotonic() < end:
        for _ in range(20):
            x @ x
        torch.cuda.synchronize()
        busy.append(sensor.read()["gpu"])
    j1, t1 = sensor.total_energy_j(), time.monotonic()
    smi = subprocess.run(
        ["nvidia-smi", "--query-gpu=power.draw.instant,power.draw.average,power.limit", "--format=csv"],
        capture_output=True,
        text=True,
    ).stdout
    described = sensor.describe()
    sensor.close()
    return {
        "describe": described,
        "idle_w": idle,
        "busy_w": busy[:3] + busy[-5:],
        "readings": len(busy),
        "mean_by_energy_counter_w": (j1 - j0) / (t1 - t0),
        "nvidia_smi": smi,
    }


def main():
    import traceback

    for name, call in {
        "matrix product": matrix,
        **{
            f"{n} {r}": (lambda n=n, r=r: network(n, r))
            for n in ("espnet", "espnetv2-1.0")
            for r in ("torch", "cudagraph")
        },
        "power": power,
    }.items():
        try:
            report[name] = call()
        except BaseException as error:
            report[name] = {"failed": repr(error)[:400], "traceback": traceback.format_exc()[-3000:]}
        Path(sys.argv[1]).write_text(json.dumps(report, indent=1, default=str))
        print(name, json.dumps(report[name], default=str)[:900], flush=True)


main()
