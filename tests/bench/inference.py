"""Every form of a network on one processor, in turns in one process: ``make bench-inference``.

Default forms are what a user has without archspace: ``torch.onnx.export`` of the network for ONNX Runtime and OpenVINO
(float32), torch.compile. Ours are those of ``archspace export``. Of each: the median and the quartiles of wall-clock
time and of CPU time (of the whole process: on one thread other work on the machine shows little in it), the peak memory
of a process of its own, and how many times as fast as the fastest default. The arithmetic floor is the network's
multiply-accumulates at the rate that one core reaches in registers alone, for each thread.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from archspace.build import build
from archspace.export.cpu_forms import CPU_FORMS
from archspace.export.fastest import processor
from archspace.export.formats import FORMATS
from archspace.export.formats.base import Source
from archspace.export.native.library import peak_macs
from archspace.export.signature import ExportOptions
from archspace.export.source import described, make_source
from archspace.network import Network
from archspace.presets import preset
from archspace.support.errors import InputError
from archspace.support.files import write_text
from tests.archspace.export.trained import lived_in
from tests.bench.inference_levels import level_times

NETWORKS = {
    "espnet": (256, 512), "espnetv2-seg-2.0": (256, 512), "espnetv2-1.0": (224, 224), "espnet-c": (256, 512),
    "espnetv2-2.0": (224, 224), "mobilenetv2-1.0": (224, 224),
}  # fmt: skip
"""Presets and input sizes; the first three are those of the aim."""
AIM = ("espnet", "espnetv2-seg-2.0", "espnetv2-1.0")
DEFAULTS = ("onnx default", "openvino default", "compile default")


@dataclass(frozen=True, slots=True)
class Case:
    """A network, a number of images and of threads."""

    name: str
    batch: int
    threads: int


def network_of(name: str) -> Network:
    """The preset with random weights and norms as after training."""
    torch.manual_seed(0)
    return lived_in(build(preset(name).spec.replace(input_size=NETWORKS[name])))


def forms(network: Network, case: Case, folder: Path) -> dict[str, Callable[[], Any]]:
    """What runs the network once, by the form's name."""
    options = ExportOptions(batch=case.batch)
    source = make_source(network, None, options, described(network.spec, None, None, options))
    (x,) = source.samples["random"][0].inputs
    runs: dict[str, Callable[[], Any]] = {}
    for name in ("onnx", "openvino"):
        place = folder / f"{name}-default"
        place.mkdir()
        _write_default(network, source, name, place)
        runs[f"{name} default"] = _calling(CPU_FORMS[name](source, place, case.threads), x)
    runs["compile default"] = _compiled(network, torch.from_numpy(x), case.threads)
    for name in ("onnx", "openvino", "native"):
        place = folder / name
        place.mkdir()
        try:
            FORMATS[name].write(source, place)
            runs[name] = _calling(CPU_FORMS[name](source, place, case.threads), x)
        except InputError as error:
            print(f"{case.name}: {name}: {error}", file=sys.stderr)
    expected = source.samples["random"][0].outputs[0]
    for name, run in runs.items():
        answer = run()[0]
        worst = float(np.abs(np.asarray(answer) - expected).max() / np.abs(expected).max())
        assert worst <= 1e-4, f"{case.name}: {name} answers another thing: {worst:.1e}"
    return runs


def _calling(run: Callable[..., Any], x: Any) -> Callable[[], Any]:
    return lambda: run((x,))


def _write_default(network: Network, source: Source, name: str, place: Path) -> None:
    """The file of torch's own exporter, or OpenVINO's of it."""
    from archspace.export.quiet import quiet

    path = place / "model.onnx"
    with quiet(), torch.no_grad():
        torch.onnx.export(
            network, (torch.from_numpy(source.samples["random"][0].inputs[0]),), path, dynamo=True, verbose=False,
            input_names=["image"], output_names=["scores"], external_data=False,
        )  # fmt: skip
    if name == "openvino":
        import openvino

        openvino.save_model(
            openvino.convert_model(str(path)), str(place / "model.xml"), compress_to_fp16=False
        )


def _compiled(network: Network, x: Tensor, threads: int) -> Callable[[], Any]:
    torch.set_num_threads(threads)
    compiled = torch.compile(network, dynamic=False)

    def run() -> Any:
        with torch.inference_mode():
            return [compiled(x)]

    for _ in range(3):
        run()
    return run


def in_turns(runs: Mapping[str, Callable[[], Any]], seconds: float, least: int) -> dict[str, dict[str, Any]]:
    """Milliseconds of single runs, wall clock and CPU, all forms taking turns."""
    wall: dict[str, list[float]] = {name: [] for name in runs}
    used: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, wall.values())) < least:
        for name, run in runs.items():
            start, cpu = time.perf_counter_ns(), time.process_time_ns()
            run()
            used[name].append((time.process_time_ns() - cpu) / 1e6)
            wall[name].append((time.perf_counter_ns() - start) / 1e6)
    return {
        name: {**_spread("wall", wall[name]), **_spread("cpu", used[name]), "n": len(wall[name])}
        for name in runs
    }


def _spread(kind: str, values: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return {
        f"{kind}_ms": middle,
        f"{kind}_low_ms": low,
        f"{kind}_high_ms": high,
        f"{kind}_least_ms": min(values),
    }


def peak_memory(name: str, case: Case, folder: Path) -> float | None:
    """Megabytes that a process held at most beyond what its imports took, to open the form and run it.

    ``None`` for torch.compile, whose compiler would be counted.
    """
    form, _, default = name.partition(" ")
    if form == "compile":
        return None
    place = folder / (f"{form}-default" if default else form)
    shape = (case.batch, 3, *NETWORKS[case.name])
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.inference_memory", form, str(place), *map(str, (case.threads, *shape))],
        capture_output=True, text=True, check=True, timeout=900,
    )  # fmt: skip
    return float(done.stdout.split()[-1])


def measured(case: Case, seconds: float, least: int, memory: bool, peak: float) -> dict[str, Any]:
    """One row a form of a case, with the floor and, of the native form, its share by level."""
    network = network_of(case.name)
    with tempfile.TemporaryDirectory() as folder:
        runs = forms(network, case, Path(folder))
        load = os.getloadavg()[0]
        times = in_turns(runs, seconds, least)
        for name, row in times.items():
            row["peak_mb"] = peak_memory(name, case, Path(folder)) if memory else None
    kind = "cpu_ms" if case.threads == 1 else "wall_ms"
    best = min(times[name][kind] for name in DEFAULTS)
    levels = level_times(network) if case.batch == 1 and "native" in times else []
    macs = case.batch * sum(level["macs"] for level in levels) if levels else None
    for row in times.values():
        row["ratio"] = best / row[kind]
    floor = None if macs is None else 1e3 * macs / peak / case.threads
    return {
        "network": case.name, "input": list(NETWORKS[case.name]), "batch": case.batch, "threads": case.threads,
        "load": load, "ratio_of": kind, "floor_ms": floor, "forms": times, "levels": levels,
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The rows as Markdown."""
    columns = (
        "network", "batch", "threads", "form", "CPU ms (quartiles)", "wall ms (quartiles)", "peak MB",
        "times the fastest default", "share of the floor",
    )  # fmt: skip
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for row in rows:
        for name, one in row["forms"].items():
            cpu, wall = (
                f"{one[f'{kind}_ms']:.3g} ({one[f'{kind}_low_ms']:.3g} to {one[f'{kind}_high_ms']:.3g})"
                for kind in ("cpu", "wall")
            )
            share = "" if row["floor_ms"] is None else f"{100 * row['floor_ms'] / one[row['ratio_of']]:.0f} %"
            held = "" if one["peak_mb"] is None else f"{one['peak_mb']:.0f}"
            yield (
                f"| {row['network']} | {row['batch']} | {row['threads']} | {name} | {cpu} | {wall} | {held} | "
                f"{one['ratio']:.2f} | {share} |"
            )
    yield ""
    yield "| network | level (map) | MACs, M | native ms | GMAC/s | share of the floor |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        if row["batch"] == 1 and row["threads"] == 1:
            for one in row["levels"]:
                height, width = one["size"]
                yield (
                    f"| {row['network']} | {height} x {width} | {one['macs'] / 1e6:.1f} | {one['ms']:.3g} | "
                    f"{one['macs'] / one['ms'] / 1e6:.1f} | {100 * one['share']:.0f} % |"
                )


def machine(peak: float) -> dict[str, Any]:
    """What ran it."""
    packages = ("torch", "onnxruntime", "openvino", "numpy")
    compiler = subprocess.run(
        ["g++", "--version"], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    return {
        "processor": processor(), "cores": os.cpu_count(), "system": platform.platform(),
        "python": platform.python_version(), "compiler": compiler[0] if compiler else None,
        "peak_gmacs_of_a_core": peak / 1e9, "load_before": list(os.getloadavg()),
        "versions": {name: version(name) for name in packages},
        "command": shlex.join(["python", "-m", "tests.bench.inference", *sys.argv[1:]]),
    }  # fmt: skip


def main() -> None:
    """Prints one table, and writes it with the numbers to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="the three networks of the aim, one thread, batch 1"
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="of turns, a case")
    parser.add_argument("--networks", default="", help="names with commas; left out, all")
    parser.add_argument("--cases", default="1x1,1x2,8x1,8x2", help="batch x threads, with commas")
    parser.add_argument("--out", type=Path, help="folder for inference.json and inference.txt")
    given = parser.parse_args()
    names = given.networks.split(",") if given.networks else list(AIM if given.quick else NETWORKS)
    cases = [Case(name, *map(int, one.split("x"))) for name in names for one in given.cases.split(",")]
    cases = [case for case in cases if not given.quick or (case.batch, case.threads) == (1, 1)]
    peak = peak_macs()
    about = machine(peak)
    rows = []
    for number, case in enumerate(cases, start=1):
        print(
            f"{number} of {len(cases)}: {case.name}, batch {case.batch}, threads {case.threads}",
            file=sys.stderr,
        )
        rows.append(measured(case, 10.0 if given.quick else given.seconds, 11, not given.quick, peak))
        with contextlib.suppress(AttributeError):
            torch._dynamo.reset()
        if given.out is not None:  # after each case: what was measured stays when the rest is stopped
            kept = json.dumps({"machine": about, "rows": rows}, indent=1)
            write_text(given.out / "inference.json", kept + "\n")
            write_text(given.out / "inference.txt", "\n".join(table(rows)) + "\n")
    print("\n".join([json.dumps(about, indent=1), *table(rows)]))


if __name__ == "__main__":
    main()
