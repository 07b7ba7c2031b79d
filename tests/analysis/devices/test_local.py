"""This machine as a device: known times, flags and attempts, runtimes that agree, and nothing left changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from analysis.devices.assemble import assemble, reference_of, repeated
from analysis.devices.compare import compare
from analysis.devices.local import LocalDevice
from analysis.devices.opening import open_device
from analysis.devices.record import DeviceRecord
from analysis.devices.settings import Settings
from analysis.devices.target import Target, open_target
from analysis.devices.timing import timed_runs
from analysis.runtimes import RUNTIMES
from archspace.export.onnx_model import open_session
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError

pytestmark = pytest.mark.slow

CALM = {"spread": 50.0, "drift": 50.0}
"""Limits that a busy machine keeps too, where the test is about something else."""


class Known(nn.Module):
    """Sleeps as long as it is told, and notes what it sees."""

    spec = ArchSpec("espnet", input_size=(32, 32))

    def __init__(self, *milliseconds: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.milliseconds, self.calls = milliseconds, []

    def __deepcopy__(self, memo: object) -> Known:
        return self  # the network that runs is a copy; this one is to count its runs

    def example(self, n: int = 1) -> Tensor:
        return torch.zeros(n, 3, 32, 32)

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(self.milliseconds[len(self.calls) % len(self.milliseconds)] / 1e3)
        self.calls.append((tuple(x.shape), torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return self.norm(x)


def target(network: nn.Module) -> Target:
    return Target(label="known", arch_id=None, input_size=(32, 32), channels=3, network=network)  # type: ignore[arg-type]


def small(**changes: object) -> Target:
    spec = ArchSpec("espnetv2", width=0.25, alphas=0, classes=10, input_size=(32, 32))
    from archspace.build import build

    torch.manual_seed(0)
    network = build(spec.replace(**changes)).eval()
    return Target(
        label="small",
        arch_id=network.spec.arch_id,
        input_size=network.spec.input_size,
        channels=3,
        network=network,
    )


def test_a_known_time_is_measured_and_the_record_survives_json() -> None:
    network = Known(5)
    wanted = 2 if torch.get_num_threads() == 1 else 1
    before = torch.get_num_threads()
    record = LocalDevice("cpu").measure(
        target(network), Settings(runs=12, warmup=3, batch=2, threads=wanted, power=False, **CALM)
    )
    assert record.latency_ms.median >= 5 and record.latency_ms.n == 12
    assert record.throughput == pytest.approx(2e3 / record.latency_ms.median)
    assert {(shape, mode) for shape, _, mode in network.calls} == {((2, 3, 32, 32), True)}
    assert wanted in {threads for _, threads, _ in network.calls} and torch.get_num_threads() == before
    assert record.stable and record.attempts == 1 and record.missing["power_w"] == "not asked for"
    assert record.power_w is record.energy_mj is None
    assert len(record.how["reference"]["samples_ms"]) == 6 and "erial" not in record.how["device_model"]
    assert DeviceRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == DeviceRecord.from_dict(
        record.to_dict()
    )


def test_an_unstable_network_is_flagged_repeated_and_never_averaged() -> None:
    record = LocalDevice("cpu").measure(
        target(Known(1, 9, 4)), Settings(runs=9, warmup=1, power=False, attempts=3, drift=50.0)
    )
    assert not record.stable and record.flags[0].startswith("spread: ")
    tried = record.how["attempts"]
    assert record.attempts == len(tried) == 3 and all(one["flags"] for one in tried)
    assert record.latency_ms.spread == min(one["spread"] for one in tried)
    assert record.latency_ms.median in [one["median_ms"] for one in tried]


def test_the_first_stable_attempt_is_the_answer() -> None:
    settings, given = Settings(power=False), [[1.0, 2.0, 3.0], [5.0, 5.0, 5.0], [1.0, 1.0, 1.0]]
    taken = repeated(lambda n: assemble(target(Known(0)), "cpu", "torch", settings, given[n]), settings)
    assert (taken.latency_ms.median, taken.attempts, taken.flags) == (5.0, 2, ())


def test_drift_of_clocks_and_of_the_reference_is_flagged() -> None:
    steady, slower = [1.0] * 4, [1.0] * 3 + [1.3] * 3
    clocks = ({"cpu_mhz": {"cpu0": 2000.0}}, {"cpu_mhz": {"cpu0": 1000.0}})
    record = assemble(target(Known(0)), "cpu", "x", Settings(), steady, slower, None, None, *clocks)
    assert record.flags == (
        "drift: clock cpu0 changed by -50%, limit 10%",
        "drift: the reference network's latency changed by +30%, limit 10%",
    )
    reference = reference_of(slower)
    assert reference is not None and reference["drift"] == pytest.approx(0.3) and reference_of([]) is None


def test_energy_is_mean_power_times_the_time_of_one_inference() -> None:
    from analysis.board.trace import Trace

    times = [n / 10 for n in range(101)]
    sensor = {"name": "rapl", "rails": ["package-0"], "total": ["package-0"], "settle_s": 1.0}
    watts = [2.0 if t < 3 else 9.0 if t < 4 else 6.0 for t in times]  # a peak that is not settled yet
    trace = Trace(times, {"package-0": watts}, [sensor], period_s=0.1)
    windows = {"idle": [0.0, 2.9], "busy": [3.0, 10.0], "runs_in_busy": 70}
    settings = Settings(batch=2)
    record = assemble(target(Known(0)), "cpu", "x", settings, [100.0], (), trace, windows)
    assert record.power_w is not None and record.power_w["total"].busy == pytest.approx(6, rel=0.02)
    assert record.energy_mj == pytest.approx(6 * 50, rel=0.02)
    assert record.energy_net_mj == pytest.approx(4 * 50, rel=0.02)
    short = assemble(
        target(Known(0)), "cpu", "x", settings, [1.0], (), trace, {**windows, "busy": [3.0, 3.5]}
    )
    assert short.power_w is None and "settle" in short.missing["power_w"]


def test_warmup_goes_on_until_stable_and_not_for_ever() -> None:
    falling = iter([30.0 - n for n in range(20)] + [10.0] * 100)
    settled = timed_runs(lambda: next(falling), runs=3, warmup=10)
    assert settled.settled and settled.warmup > 10 and len(settled.samples_ms) == 3
    growing = iter(1.2**n for n in range(100))
    never = timed_runs(lambda: next(growing), runs=1, warmup=5)
    assert not never.settled and never.warmup == 20


@pytest.mark.slow
def test_memory_is_that_of_the_run() -> None:
    class Hungry(Known):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.ones(50_000_000)[:1].sum()

    record = LocalDevice("cpu").measure(target(Hungry(0)), Settings(runs=3, warmup=1, power=False, **CALM))
    assert record.peak_memory_bytes is not None and 190e6 < record.peak_memory_bytes < 300e6
    assert "VmHWM" in record.how["memory_counts"]


def test_free_heap_kept_by_the_allocator_is_not_memory_of_the_run() -> None:
    script = """
from analysis.devices.memory import peak_bytes, resident_bytes
base = resident_bytes()
block = bytearray(b"1") * 200_000_000
pin = bytearray(b"1") * 50_000_000  # lies behind the block, so that the block stays in the heap when it is freed
del block
print(peak_bytes(lambda: bytearray(b"1") * 250_000_000) - base)
"""
    environment = {
        **os.environ,
        "MALLOC_MMAP_THRESHOLD_": "1000000000",
        "MALLOC_TRIM_THRESHOLD_": "1000000000",
    }
    said = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert 290e6 < int(said.stdout) < 320e6


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_other_runtimes_answer_as_torch_does(runtime: str) -> None:
    record = LocalDevice("cpu").measure(
        small(), Settings(runtime=runtime, runs=4, power=False, batch=2, **CALM)
    )
    assert record.runtime.startswith(runtime) and record.how["agreement"]["max_relative_difference"] < 1e-4
    if runtime == "openvino":
        assert record.how["inference_precision"] == "f32"


@pytest.mark.slow
def test_the_compiled_network_answers_as_torch_does() -> None:
    if RUNTIMES["compile"].unavailable("cpu"):
        pytest.skip("no C++ compiler")
    # Its few kernels take half the compiler's time of those of an ESPNetv2.
    network = small(network="espnet-c", alphas=0, task="segmentation", classes=4)
    record = LocalDevice("cpu").measure(network, Settings(runtime="compile", runs=4, power=False, **CALM))
    assert record.how["agreement"]["max_relative_difference"] < 1e-4


def test_a_compiler_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "C++ compiler" in str(RUNTIMES["compile"].unavailable("cpu"))


def test_another_answer_is_refused() -> None:
    class Fickle(Known):
        def forward(self, x: Tensor) -> Tensor:
            self.calls.append(1)
            return x + len(self.calls)

    with pytest.raises(InputError, match="answers differ from torch eager"):
        LocalDevice("cpu").measure(target(Fickle(0)), Settings(runs=2, power=False))


def test_reduced_precision_is_honoured_or_refused() -> None:
    record = LocalDevice("cpu").measure(small(), Settings(precision="bfloat16", runs=2, power=False, **CALM))
    assert 1e-5 < record.how["agreement"]["max_relative_difference"] < 0.2
    with pytest.raises(FieldError, match="precision: 'float16': onnxruntime on cpu runs float32"):
        LocalDevice("cpu").measure(small(), Settings(runtime="onnxruntime", precision="float16"))


def test_int8_is_measured_in_the_exported_form() -> None:
    settings = Settings(runtime="onnxruntime", precision="int8", runs=2, power=False, **CALM)
    record = LocalDevice("cpu").measure(small(), settings)
    assert "INT8" in record.how["form"] and record.how["precision"] == "int8"
    assert 1e-5 < record.how["agreement"]["max_relative_difference"] < 1
    with pytest.raises(FieldError, match="precision: 'int8': torch on cpu runs float32"):
        LocalDevice("cpu").measure(small(), Settings(runtime="torch", precision="int8"))


def test_a_language_model_is_timed_by_window_and_has_no_onnx() -> None:
    model = open_target("eru-7m", input_size=(6, 1))
    record = LocalDevice("cpu").measure(model, Settings(runs=2, warmup=1, power=False, **CALM))
    assert record.how["latency_of"] == "a window of tokens" and record.how["input_size"] == [6, 1]
    with pytest.raises(InputError, match="recurrent"):
        LocalDevice("cpu").measure(model, Settings(runtime="openvino"))


@pytest.mark.slow
@pytest.mark.parametrize("opset", [11, 13])
def test_older_operator_sets_answer_as_torch_does(opset: int, tmp_path: Path) -> None:
    made = small(task="segmentation", classes=4)
    path = made.onnx_file(tmp_path, batch=2, opset=opset)
    model = onnx.load(path)
    assert model.opset_import[0].version == opset and model.ir_version <= 7
    x = made.example(2)
    assert made.network is not None
    with torch.inference_mode():
        ours = made.network(x).numpy()
    theirs = open_session(path).run(None, {"image": x.numpy()})[0]
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(ours).max()


@pytest.mark.slow
def test_a_foreign_file_runs_with_its_own_batch_and_size(tmp_path: Path) -> None:
    path = small().onnx_file(tmp_path, batch=2)
    opened = open_target(str(path))
    record = LocalDevice("cpu").measure(opened, Settings(batch=2, runs=2, power=False, **CALM))
    assert record.runtime.startswith("onnxruntime")
    with pytest.raises(FieldError, match=r"batch: 3: .* fixed batch; nearest valid: 2"):
        LocalDevice("cpu").measure(opened, Settings(batch=3, power=False))
    with pytest.raises(FieldError, match="torch does not run; nearest valid: onnxruntime"):
        LocalDevice("cpu").measure(opened, Settings(runtime="torch", batch=2))
    with pytest.raises(FieldError, match="fixed input size"):
        open_target(str(path), input_size=(64, 64))


@pytest.mark.slow
def test_comparing_takes_turns_and_says_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(RUNTIMES._entries, "compile")
    comparison = compare(small(), LocalDevice("cpu"), Settings(runs=7, warmup=1, **CALM))
    assert list(comparison.records) == ["torch", "native", "onnxruntime", "openvino"]
    assert (
        set(comparison.unavailable) == {"cudagraph", "tensorrt"}
        and "CUDA" in comparison.unavailable["tensorrt"]
    )
    assert comparison.speedup("torch") == 1 and all(
        one.latency_ms.n == 7 for one in comparison.records.values()
    )


def test_keys_have_model_version_and_settings() -> None:
    device = LocalDevice("cpu")
    keys = {
        device.key(Settings(**given)) for given in ({}, {"batch": 2}, {"threads": 2}, {"runtime": "openvino"})
    }  # type: ignore[arg-type]
    assert len(keys) == 4 and all(torch.__version__ in key or "openvino" in key for key in keys)


def test_unknown_devices_and_runtimes_have_a_nearest() -> None:
    for name in ("tpu", "cpu:1", "cuda:x"):
        with pytest.raises(FieldError, match="nearest valid: cpu"):
            open_device(name)
    with pytest.raises(FieldError, match="nearest valid: openvino"):
        RUNTIMES["openvin"]
    if not torch.cuda.is_available():
        with pytest.raises(FieldError, match="CUDA"):
            LocalDevice("cuda").measure(target(Known(0)), Settings())
