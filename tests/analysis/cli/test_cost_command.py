"""cost, measure, presets and units as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from analysis.cli.commands import register
from analysis.counts.complexity import count
from archspace.presets import PRESETS
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import parse_changes, parse_size, read_spec
from archspace.support.errors import InputError
from tests.commands import python


def run(*arguments: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, list(arguments))


def read(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_cost_json_equals_the_counts_and_its_levels_add_up() -> None:
    report = read("cost", "espnetv2-0.5", "--no-counters")
    spec = PRESETS["espnetv2-0.5"].spec
    cost = count(spec)
    assert (report["params"], report["macs"], report["conv_macs"]) == (cost.params, cost.macs, cost.conv_macs)
    assert report["arch_id"] == spec.arch_id
    for key in ("params", "macs", "conv_macs", "activation_bytes", "dead_params"):
        assert sum(level[key] for level in report["levels"].values()) == report[key]
    assert report["size_mb"] == pytest.approx(4 * report["params"] / 1e6)
    assert report["macs_fvcore"] is report["macs_thop"] is report["flops_torch"] is None


@pytest.mark.slow
def test_cost_runs_the_counters_on_the_changed_network() -> None:
    report = read(
        "cost", "espnetv2-1.0", "--task", "segmentation", "--classes", "7", "--input", "32x48",
        "--set", "width=0.5", "--set", "alphas=[0, 1, 2]",
    )  # fmt: skip
    spec = ArchSpec.from_dict(report["spec"])
    assert (spec.task, spec.classes, spec.input_size) == ("segmentation", 7, (32, 48))
    assert (spec.width, spec.alphas) == (0.5, (0, 1, 2))
    assert report["flops_torch"] == 2 * report["macs"] == 2 * count(spec).macs
    assert min(report["macs_fvcore"], report["macs_thop"]) > report["macs"]
    assert set(report["left_out"]) == {"archspace", "torch", "fvcore", "thop"}
    assert all(report["left_out"].values())


def test_cost_answers_without_building_the_network() -> None:
    code = (
        "import sys; from archspace.__main__ import main; sys.argv = ['archspace', 'cost', 'espnet']\n"
        "try: main()\nfinally: print([m for m in ('torch', 'fvcore', 'thop') if m in sys.modules])"
    )
    lines = python(code).stdout.splitlines()
    assert lines[-1] == "[]" and any(line.startswith("total ") for line in lines)
    assert json.loads(run("cost", "espnet", "--json", "--no-check").stdout)["macs_thop"] is None


def test_cost_table_has_every_level_the_total_and_the_convention() -> None:
    result = run("cost", "espnet-c", "--input", "64x64", "--check")
    assert result.exit_code == 0
    for word in (
        "level1",
        "level2",
        "level3",
        "head",
        "total",
        "1 MAC =",
        "papers' FLOPs = conv MACs",
        "fvcore",
    ):
        assert word in result.stdout
    assert "leaves out" in result.stdout and "avg_pool2d x 2" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cost", "espnetv2-0.6"), "espnetv2-0.6.*nearest valid: espnetv2-0.5"),
        (("cost", "espnet", "--input", "big"), "input: 'big': must be HEIGHTxWIDTH"),
        (("cost", "espnet", "--set", "width"), "set: 'width': must be FIELD=VALUE"),
        (("cost", "espnet", "--set", "widht=2"), "widht.*width"),
        (("cost", "espnet", "--set", "width=-1"), "width: -1"),
        (("cost", "espnet", "--set", "width=[1"), "set width.*YAML"),
        (
            ("cost", "espnetv2-1.0", "--set", "alphas=1,1,1,1"),
            r"alphas: '1,1,1,1': must be one value, or a list of 4: one for .*; nearest valid: \[1,1,1,1\]",
        ),
        (("measure", "espnet", "--device", "tpu"), "device: 'tpu'.*nearest valid: cpu"),
        (("measure", "none.onnx"), "none.onnx: no such file"),
        (("measure", "espnet", "--runs", "0", "--input", "32x32"), "runs: 0"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, InputError)
    assert not result.stdout.strip()
    with pytest.raises(InputError, match=message) as error:
        raise result.exception
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_measure_says_how_and_why_there_is_no_power() -> None:
    report = read("measure", "espnetv2-0.5", "--input", "32x32", "--runs", "4", "--threads", "1")
    latency = report["latency_ms"]
    assert latency["n"] == len(latency["samples"]) == 4
    assert 0 < latency["p5"] <= latency["median"] <= latency["p95"]
    assert report["how"]["input_size"] == [32, 32] and report["how"]["threads"] == 1
    assert report["power_w"] is report["energy_mj"] is None and "sensor" in report["power_reason"]
    assert "median" in run("measure", "espnetv2-0.5", "--input", "32x32", "--runs", "2").stdout


@pytest.mark.slow
def test_measure_takes_checkpoints_and_keeps_their_fields(tmp_path: Path) -> None:
    from archspace.build import build
    from archspace.checkpoint import save

    spec = ArchSpec("espnetv2", width=0.5, classes=10, input_size=(32, 32))
    path = save(build(spec), tmp_path / "digits.safetensors")
    assert read("measure", str(path), "--runs", "2")["arch_id"] == spec.arch_id
    assert isinstance(run("measure", str(path), "--classes", "5").exception, InputError)
    assert read("cost", str(path), "--no-counters")["arch_id"] == spec.arch_id


def test_presets_and_units_list_everything() -> None:
    rows = {row["name"]: row for row in read("presets")["presets"]}
    assert list(rows) == list(PRESETS)
    assert rows["espnetv2-1.0"]["published"]["accuracy"] == 66.1
    assert rows["espnet"]["macs"] == count(PRESETS["espnet"].spec).macs
    units = {row["name"]: row for row in read("units")["units"]}
    assert units["eesp"]["branches"] == 4 and units["eesp"]["fusion"]
    assert not units["mobilenet"]["dilated"] and units["mobilenet"]["about"]
    for command, word in (("presets", "espnet-camvid"), ("units", "shufflenetv2")):
        assert word in run(command).stdout


def test_a_spec_is_a_file_a_folder_or_a_trial(tmp_path: Path) -> None:
    spec = ArchSpec("espnet", classes=5, input_size=(64, 64))
    (tmp_path / "net.yaml").write_text(spec.to_yaml())
    (tmp_path / "net.json").write_text(spec.to_json())
    trial = tmp_path / "run" / "trials" / "7"
    trial.mkdir(parents=True)
    (trial / "record.json").write_text(json.dumps({"spec": spec.to_dict()}))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "spec.yaml").write_text(spec.to_yaml())
    for name in ("net.yaml", "net.json", "run:7", "out"):
        assert read_spec(str(tmp_path / name)) == spec
    with pytest.raises(InputError, match=r"SPEC trial: '8'.*nearest valid: .*7"):
        read_spec(f"{tmp_path / 'run'}:8")
    with pytest.raises(InputError, match="trial of a run is named"):
        read_spec(str(tmp_path / "run"))
    (trial / "record.json").write_text('{"spec": null}')
    with pytest.raises(InputError, match="has no network"):
        read_spec(f"{tmp_path / 'run'}:7")
    (trial / "record.json").write_text("{")
    with pytest.raises(InputError, match="broken trial record"):
        read_spec(f"{tmp_path / 'run'}:7")


def test_sizes_and_changes() -> None:
    assert parse_size("512x1024") == (512, 1024) and parse_size("224") == (224, 224)
    assert parse_changes(["unit=esp", "dilated=false", "branches=[4, null]"]) == {
        "unit": "esp", "dilated": False, "branches": [4, None],
    }  # fmt: skip
