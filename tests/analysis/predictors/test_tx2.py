from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from analysis.cli.predict_tx2_commands import layers_file, predict_tx2, register
from analysis.counts.complexity import count
from analysis.predictors.foreign import FOREIGN
from analysis.predictors.kernels import network_kernels
from analysis.predictors.roofline import Coefficients, Kernel, Machine, ran, timed
from analysis.predictors.tape import Map, Tape
from analysis.predictors.tx2 import RUNTIMES, error_of, load_fit, machine, model_of
from analysis.predictors.tx2_fit import (
    Quoted,
    check,
    checked_kernels,
    fit,
    fit_report,
    predicted_ms,
    quoted_rows,
    table,
)
from analysis.predictors.tx2_power import lines, refusal
from archspace.presets import preset
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError

DEVICE = Machine(peak=1e12, bandwidth=1e10, element_bytes=4)
COEFFICIENTS = Coefficients(efficiency={"dense": 0.5, "depthwise": 0.01}, memory=0.8, launch_s=1e-5)


@pytest.mark.parametrize(
    ("kernel", "seconds", "bound"),
    [
        (Kernel(name="a", operation="conv", kind="dense", macs=10**9, elements=1000), 2e9 / 5e11 + 1e-5, "compute"),
        (Kernel(name="b", operation="add", elements=10**7), 4e7 / 8e9 + 1e-5, "memory"),
        (Kernel(name="c", operation="conv", kind="dense", macs=10**4, elements=100), 5e-8 + 1e-5, "launch"),
    ],
)  # fmt: skip
def test_one_layer_networks_have_the_closed_form(kernel: Kernel, seconds: float, bound: str) -> None:
    result = timed(kernel, DEVICE, COEFFICIENTS)
    assert result.seconds == pytest.approx(seconds)
    assert result.bound == bound
    faster = timed(kernel, Machine(peak=2e12, bandwidth=1e10, element_bytes=4), COEFFICIENTS)
    assert (faster.seconds < result.seconds) == (bound == "compute")


def test_the_data_sheets_peaks() -> None:
    assert machine(1300.5, 1866, "float32").peak == pytest.approx(666e9, rel=1e-3)
    assert machine(1300.5, 1866, "float16").peak == pytest.approx(1332e9, rel=1e-3)
    assert machine(1122, 1866, "float32").bandwidth == pytest.approx(59.7e9, rel=1e-3)


# Parameters as the PyTorch and Keras re-implementations report them; with a background class where the layers have one.
PARAMS = {
    "vgg_16": 138357544, "resnet_v1_50": 25557032, "resnet_v1_101": 44549160, "resnet_v1_152": 60192808,
    "inception_v1": 6624904 + 1025, "inception_v3": 23834568 + 2049, "inception_v4": 42679816 + 1537,
    "inception_resnet_v2": 55843464 + 1537, "mobilenet_v1_1.0": 4231976 + 1025,
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMS)
def test_foreign_networks_have_their_published_parameters(name: str) -> None:
    assert FOREIGN[name]().params == PARAMS[name]


def test_a_tape_and_a_recorded_network_agree() -> None:
    """MobileNet v1, once written down and once recorded from our own network."""
    recorded = network_kernels(preset("mobilenetv1-1.0").spec.replace(classes=1001))
    written = FOREIGN["mobilenet_v1_1.0"]().kernels
    for fuses in (True, False):
        ours, theirs = (ran(kernels, fuses=fuses) for kernels in (recorded, written))
        assert [(k.operation, k.kind, k.macs) for k in ours] == [
            (k.operation, k.kind, k.macs) for k in theirs
        ]


@pytest.mark.parametrize("name", ["espnet-2-3", "espnetv2-1.0", "shufflenetv2-1.0", "enet"])
def test_recorded_kernels_have_every_mac(name: str) -> None:
    spec = preset(name).spec
    assert sum(kernel.macs for kernel in network_kernels(spec)) == count(spec).macs


def test_what_fuses_and_what_does_not() -> None:
    tape = Tape()
    x = tape.conv(Map(3, 8, 8), 4, 3)
    tape.norm_act(tape.add(x, x))
    assert [(k.operation, k.fused) for k in tape.kernels] == [
        ("conv", False), ("norm", True), ("act", True), ("add", False), ("norm", False), ("act", True),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no sum"):
        tape.add(x, Map(4, 4, 4))


@pytest.fixture(scope="module")
def refit() -> Iterator[dict[str, object]]:
    used, _ = quoted_rows()
    yield {runtime: fit([row for row in used if row.runtime == runtime]) for runtime in RUNTIMES}


def test_a_refit_gives_the_shipped_coefficients(refit: dict[str, object]) -> None:
    shipped = load_fit()
    used, _ = quoted_rows()
    for runtime in RUNTIMES:
        ours, theirs = refit[runtime], model_of(shipped, runtime)
        assert ours.launch_us == pytest.approx(theirs.launch_us, rel=5e-3)  # type: ignore[attr-defined]
        assert ours.efficiency == pytest.approx(theirs.efficiency, rel=5e-3)  # type: ignore[attr-defined]
        assert ours.memory == pytest.approx(theirs.memory, rel=5e-3)  # type: ignore[attr-defined]
        rows = [row for row in used if row.runtime == runtime]
        error = error_of([predicted_ms(theirs, row) for row in rows], [row.latency_ms for row in rows])
        assert error == pytest.approx(shipped["runtimes"][runtime]["fitted"])


def test_a_fit_finds_the_coefficients_that_made_the_times() -> None:
    model = model_of(load_fit(), "tensorrt")
    used, _ = quoted_rows()
    rows = [row for row in used if row.runtime == "tensorrt"]
    made = [
        Quoted(
            **{**{name: getattr(row, name) for name in row.__slots__}, "latency_ms": predicted_ms(model, row)}
        )
        for row in rows
    ]
    fitted = fit(made)
    assert fitted.launch_us == pytest.approx(model.launch_us, rel=0.02)
    assert fitted.half_depthwise == pytest.approx(model.half_depthwise, rel=0.02)
    assert fitted.efficiency == pytest.approx(model.efficiency, rel=0.02)


def test_the_shipped_check_is_what_the_coefficients_give() -> None:
    shipped = load_fit()
    rows = check(model_of(shipped, "framework"), checked_kernels)
    assert len(rows) == 9 and {row["network"] for row in rows} == {"ESPNet", "ENet", "ERFNet"}
    for row, old in zip(rows, shipped["check"], strict=True):
        assert row["predicted_fps"] == pytest.approx(old["predicted_fps"])
        assert row["error_percent"] == pytest.approx(100 * (old["predicted_fps"] / old["fps"] - 1))
    worst = max(abs(row["error_percent"]) for row in rows)
    assert shipped["check_error"]["worst_percent"] == pytest.approx(worst)


def test_errors_by_hand() -> None:
    error = error_of([1.1, 0.8, 3.0], [1.0, 1.0, 2.0])
    assert error["mean_percent"] == pytest.approx(100 * (0.1 + 0.2 + 0.5) / 3)
    assert error["rmspe_percent"] == pytest.approx(100 * math.sqrt((0.01 + 0.04 + 0.25) / 3))
    assert error["within_25_percent"] == pytest.approx(200 / 3)


def test_shipped_rows_are_the_quoted_ones(shared: Path) -> None:
    with (shared / "facts" / "tx2_measurements.csv").open(encoding="utf-8") as file:
        facts = [row for row in csv.DictReader(file) if row["confidence"] == "quoted-text"]
    shipped = table("tx2_measurements")
    assert len(shipped) == len(facts) == 138
    for ours, theirs in zip(shipped, facts, strict=True):
        same = [name for name in theirs if name not in ("confidence", "input_size")]
        assert all(ours[name] == theirs[name] for name in same)
        assert sorted(ours["input_size"]) == sorted(theirs["input_size"]), "some facts are width x height"
        assert bool(ours["structure"]) != bool(ours["left_out"])
    with (shared / "facts" / "espnet_tx2.csv").open(encoding="utf-8") as file:
        rates = {(r["network"], r["gpu_freq_MHz"], r["fps"]) for r in csv.DictReader(file) if r["fps"]}
    assert {(r["network"], r["gpu_freq_MHz"], r["fps"]) for r in table("espnet_tx2") if r["fps"]} <= rates


def test_power_is_refused_because_its_line_is_impossible() -> None:
    static = {line.network: line.static_w for line in lines(table("espnet_tx2"))}
    assert static["ESPNet"] == pytest.approx(1.0 - 1.2 / 310 * 824)
    assert all(watts < 0 for watts in static.values())
    assert "-2.2 W" in refusal(table("espnet_tx2"))
    row = {"network": "A", "gpu_freq_MHz": "800", "power_W": "2.0"}
    assert refusal([row, {**row, "gpu_freq_MHz": "1200", "power_W": "2.5"}]) == ""


def test_a_prediction_says_what_it_is() -> None:
    spec = ArchSpec("espnetv2")
    slow, fast = (predict_tx2(spec, clock) for clock in (600, 1300.5))
    assert slow["origin"] == "predicted" and slow["power_w"] is None and slow["power_reason"]
    assert slow["latency_ms"] > fast["latency_ms"] == pytest.approx(1e3 / fast["fps"])
    assert sum(layer["ms"] for layer in fast["layers"]) == pytest.approx(fast["latency_ms"])
    assert sum(fast["bound_percent"].values()) == pytest.approx(100)
    assert fast["unseen_percent"] > 0  # grouped convolutions
    unfused = predict_tx2(spec, runtime="framework")
    assert unfused["launches"] > fast["launches"]
    assert layers_file(fast)["origin"] == "predicted" and "mean error" in layers_file(fast)["error"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"clock_mhz": 2000.0},
            "clock: 2000.0: must be 114.75 to 1300.5 MHz on a TX2; nearest valid: 1300.5",
        ),
        ({"clock_mhz": math.nan}, "clock: nan: must be"),
        ({"precision": "int8"}, "precision: 'int8'"),
        ({"precision": "float16", "runtime": "framework"}, "nearest valid: float32"),
        ({"runtime": "tensorr"}, "nearest valid: tensorrt"),
        ({"emc_mhz": 1e4}, "emc: 10000.0"),
    ],
)
def test_bad_input_is_one_line(options: dict[str, object], said: str) -> None:
    with pytest.raises(FieldError) as caught:
        predict_tx2(ArchSpec("espnetv2"), **options)  # type: ignore[arg-type]
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_language_models_are_refused() -> None:
    with pytest.raises(FieldError, match="no quoted TX2 time"):
        predict_tx2(next(p.spec for p in _presets() if p.spec.task == "language"))


def _presets() -> list:
    from archspace.presets import PRESETS

    return list(PRESETS.values())


def test_commands(tmp_path: Path) -> None:
    app = typer.Typer()
    register(app)
    out = tmp_path / "layers.json"
    ran_json = CliRunner().invoke(app, ["predict-tx2", "espnetv2-0.5", "--out", str(out), "--json"])
    report = json.loads(ran_json.stdout)
    assert report["origin"] == "predicted" and json.loads(out.read_text())["layers"] == report["layers"]
    output = CliRunner().invoke(app, ["predict-tx2", "espnetv2-0.5"]).stdout
    for words in (
        "predicted, not measured",
        "ERFNet",
        "Power and energy: not predicted",
        "Error on networks not",
    ):
        assert words in output


@pytest.mark.slow
def test_the_command_writes_the_shipped_report() -> None:
    report, shipped = fit_report(), load_fit()
    assert report["rows_left_out"] == shipped["rows_left_out"] and report["rows_used"] == 51
    assert report["check_error"] == pytest.approx(shipped["check_error"], rel=1e-2)
