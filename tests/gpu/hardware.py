"""Versions, and what the device can do: bandwidth, products a second, the cost of a launch."""

from __future__ import annotations

import platform
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version

import torch

from tests.gpu.place import Place, median

NAMES = ("torch", "triton", "numpy", "nvidia-ml-py", "pytest", "tensorrt")
GIB = 2**30


def run(place: Place) -> None:
    """Writes a row each for versions, bandwidth, rates and launches."""
    place.note(what="versions", python=platform.python_version(), **{name: _version(name) for name in NAMES})
    if not place.dry:
        properties = torch.cuda.get_device_properties(0)
        place.note(
            what="gpu", name=properties.name, processors=properties.multi_processor_count,
            capability=list(torch.cuda.get_device_capability(0)), cuda=torch.version.cuda,
            cudnn=torch.backends.cudnn.version(), memory=properties.total_memory,
        )  # fmt: skip
    if shutil.which("nvidia-smi"):
        said = subprocess.run(
            ["nvidia-smi", "-q", "-d", "CLOCK,POWER"], capture_output=True, text=True, timeout=30
        )
        (place.out / "nvidia-smi.txt").write_text(said.stdout, encoding="utf-8")
    _bandwidth(place)
    _rates(place)
    _launches(place)
    _clocks(place)


def _bandwidth(place: Place) -> None:
    x = torch.empty(2**10 if place.dry else GIB // 4, dtype=torch.float32, device=place.device).normal_()
    y = torch.empty_like(x)
    best = min(place.times_ms(lambda: y.copy_(x)))
    place.note(what="bandwidth", gb_s=2 * 4 * x.numel() / best / 1e6, of="a copy of 1 GiB, the best of 30")


def _rates(place: Place) -> None:
    n = 64 if place.dry else 8192
    for name, dtype, tf32 in (
        ("float32", torch.float32, False), ("tf32", torch.float32, True), ("float16", torch.float16, False),
        ("bfloat16", torch.bfloat16, False),
    ):  # fmt: skip
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a = torch.randn(n, n, device=place.device).to(dtype)
        best = min(place.times_ms(lambda a=a: a @ a, runs=10))
        place.note(
            what="rate", precision=name, gmac_s=n**3 / best / 1e6, of=f"a product of {n}, the best of 10"
        )
    torch.backends.cuda.matmul.allow_tf32 = False


def _launches(place: Place) -> None:
    x = torch.zeros(1, device=place.device)

    def hundred(x: torch.Tensor) -> torch.Tensor:
        for _ in range(100):
            x = x + 1
        return x

    plain = median(place.times_ms(lambda: hundred(x)))
    graph = median(place.times_ms(place.replayed(hundred, x)))
    place.note(
        what="launch", eager_us=10 * plain, graph_us=10 * graph, of="x + 1 of one number, a hundred in a row"
    )


def _clocks(place: Place) -> None:
    """Events against the wall clock, over work that is long beside a launch."""
    n = 64 if place.dry else 8192
    a = torch.randn(n, n, device=place.device)
    by_events = sum(place.times_ms(lambda: a @ a, runs=10))
    place.wait()
    start = time.perf_counter()
    for _ in range(2 if place.dry else 10):
        a @ a
    place.wait()
    wall = 1e3 * (time.perf_counter() - start)
    place.note(what="clocks", events_ms=by_events, wall_ms=wall, ratio=by_events / wall)


def measured(place: Place) -> tuple[float, dict[str, float]]:
    """Returns bandwidth in GB/s and rates in GMAC/s by precision, as this run measured them."""
    rows = place.rows("hardware")
    rates = {row["precision"]: row["gmac_s"] for row in rows if row["what"] == "rate"}
    bandwidths = [row["gb_s"] for row in rows if row["what"] == "bandwidth"]
    if not bandwidths or "bfloat16" not in rates:
        raise RuntimeError("part hardware has not measured bandwidth and rates")
    return bandwidths[-1], rates


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
