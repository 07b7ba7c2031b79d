"""NVML through the real ``nvidia-ml-py``, on a driver's library that is a stand-in, and on the real one if there is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynvml")

from analysis.board.sampling import Sampler
from analysis.devices.nvml import NvmlSensor, find

SOURCE = Path(__file__).with_name("nvml_stand_in.c")

TRACE = """
import json, pathlib, sys, time
from analysis.board.sampling import Sampler, _contents
def wait(samples):
    while sampler._process.poll() is None and _contents(sampler._out).count('"t"') < samples:
        time.sleep(0.01)
sampler = Sampler(sys.argv[1], 0.05, extra=["analysis.devices.nvml:find:0000:01:00.0"])
sampler.start()
wait(3)
if sys.argv[2]:
    pathlib.Path(sys.argv[2]).touch()
    wait(10**9)
print(json.dumps(sampler.stop().to_dict()))
"""
READ = """
import json, sys
from analysis.devices.nvml import find
sensors, missing = find(sys.argv[1])
print(json.dumps([[(s.read(), s.describe(), s.total_energy_j()) for s in sensors], missing]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a library built from the stand-in's source."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("nvml")
    built = str(folder / "libnvidia-ml.so.1")
    subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", built, str(SOURCE)], check=True)
    return folder


def on_progress(library: Path, code: str, *arguments: str, **variables: str) -> Any:
    """What code prints in a process that finds the stand-in."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library), **variables}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_power_of_the_moment_where_the_gpu_tells_it(library: Path) -> None:
    ((watts, description, joules),), missing = on_progress(library, READ, "0")
    assert (watts, joules, missing) == ({"gpu": 123.456}, 5.0, {})
    assert description == {
        "name": "nvml",
        "rails": ["gpu"],
        "total": ["gpu"],
        "settle_s": 0.25,
        "model": "NVIDIA Stand-in",
        "driver": "999.1",
        "source": "POWER_INSTANT",
        "filter": "the moment",
        "gpu_mhz": 1755.0,
        "temperature_c": 41.0,
        "energy_counter_j": 5.0,
        "missing": {"memory_mhz": "NVIDIA driver: Not Supported"},
    }


def test_power_averaged_by_the_driver_needs_longer_to_settle(library: Path) -> None:
    ((watts, description, _),), _ = on_progress(library, READ, "0", NVML_OLD="1")
    assert watts == {"gpu": 120.0}
    assert (description["source"], description["filter"]) == ("nvmlDeviceGetPowerUsage", "mean of 1 s")
    assert description["settle_s"] == 1.25


def test_no_such_gpu_is_one_line(library: Path) -> None:
    sensors, missing = on_progress(library, READ, "7")
    assert sensors == []
    assert set(missing) == {"nvml"}
    assert missing["nvml"].startswith("NVIDIA driver: ")


def test_the_sampling_process_samples_the_gpu_too(library: Path, tmp_path: Path) -> None:
    trace = on_progress(library, TRACE, str(tmp_path), "")
    assert trace["error"] is None
    assert len(trace["times"]) >= 3
    assert set(trace["watts"]["gpu"]) == {123.456}
    assert "rapl" in trace["missing"]


def test_a_gpu_that_is_lost_leaves_what_was_sampled(library: Path, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    trace = on_progress(library, TRACE, str(tmp_path), gone, NVML_GONE=gone)
    assert trace["error"].startswith("nvml gone: NVIDIA driver: GPU is lost")
    assert len(trace["times"]) >= 2
    assert set(trace["watts"]["gpu"]) == {123.456}


def test_this_machine(tmp_path: Path) -> None:
    sensors, missing = find()
    if not sensors:
        assert "\n" not in missing["nvml"]
        assert missing["nvml"]
        return
    assert isinstance(sensors[0], NvmlSensor)
    sampler = Sampler(str(tmp_path), 0.05, extra=["analysis.devices.nvml:find"])
    sampler.start()
    trace = sampler.stop()
    assert trace.error is None
    assert all(0 < watts < 2000 for watts in trace.watts["gpu"])
    sensors[0].close()
