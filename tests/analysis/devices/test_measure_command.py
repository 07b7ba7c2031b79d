"""measure and doctor as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from analysis.cli.commands import register
from analysis.devices.record import DeviceRecord
from archspace.support.errors import InputError

QUICK = ("--input", "32x32", "--runs", "3", "--warmup", "1", "--attempts", "1")


def run(*arguments: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.slow
def test_several_networks_are_a_table_and_a_file_of_records(tmp_path: Path) -> None:
    out = tmp_path / "records.json"
    result = run("measure", "espnet", "espnetv2-0.5", *QUICK, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "espnet" in result.stdout and "espnetv2" in result.stdout and "peak MB" in result.stdout
    records = [DeviceRecord.from_dict(one) for one in json.loads(out.read_text())["records"]]
    assert [one.latency_ms.n for one in records] == [3, 3]


@pytest.mark.slow
def test_one_file_holds_one_record(tmp_path: Path) -> None:
    out = tmp_path / "one.json"
    report = json.loads(run("measure", "espnet", *QUICK, "--json", "--no-power", "--out", str(out)).stdout)
    assert report == json.loads(out.read_text()) and report["power_reason"] == "not asked for"
    assert DeviceRecord.from_dict(report).latency_ms.median == report["latency_ms"]["median"]


def test_the_doctor_says_state_and_fix_of_everything() -> None:
    checks = {one["name"]: one for one in json.loads(run("doctor", "--json").stdout)["checks"]}
    assert {"cpu", "cores", "threads", "governor", "torch", "onnxruntime", "tensorrt", "cuda", "ssh"} <= set(
        checks
    )
    assert checks["torch"]["state"] == "ok" and all(one["seen"] for one in checks.values())
    assert all(one["fix"] for one in checks.values() if one["state"] != "ok")
    assert "what to do" in run("doctor").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--runtime", "opnvino"), "runtime: 'opnvino': unknown runtime; nearest valid: openvino"),
        (("--precision", "fp16"), "precision: 'fp16'.*nearest valid: float16"),
        (("--compare", "--runtime", "torch"), "--compare measures every runtime"),
        (("--runtime", "tensorrt"), "runtime: 'tensorrt': TensorRT needs a CUDA GPU"),
        (("--attempts", "0"), "attempts: 0: must be at least 1"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    out = tmp_path / "record.json"
    result = run("measure", "espnet", "--input", "32x32", "--out", str(out), *arguments)
    assert isinstance(result.exception, InputError) and not result.stdout.strip() and not out.exists()
    with pytest.raises(InputError, match=message) as error:
        raise result.exception
    assert "\n" not in str(error.value)
