"""The run of ``make gpu``, dry: every part ends, writes its evidence, and needs only what a GPU machine has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from analysis.devices.record import DeviceRecord
from tests.commands import ROOT
from tests.gpu import forms
from tests.gpu.__main__ import PARTS, main, parent
from tests.gpu.kernels import counted
from tests.gpu.place import Place

ABSENT = (
    "pydantic", "optuna", "plotly", "kaleido", "faster_coco_eval", "fvcore", "thop", "sqlalchemy", "openvino", "av",
)  # fmt: skip
"""What a machine with a GPU that nothing can be installed on lacks."""

DRY = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from pathlib import Path
from tests.gpu.__main__ import PARTS, inside
for part in PARTS:
    inside(part, Path(sys.argv[1]), True, 1000.0)
"""
"""Every part dry, in one process."""

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a dry run."""
    folder = tmp_path_factory.mktemp("gpu")
    # fused parts run torch's operators, as they do in the parts' own processes; the kernels have tests of their own
    env = {**os.environ, "TRITON_INTERPRET": "0"}
    done = subprocess.run(
        [sys.executable, "-c", DRY, str(folder)], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def rows(out: Path) -> Rows:
    """The evidence by part."""
    return {part: Place(out=out, part=part, dry=True, deadline=0).rows(part) for part in PARTS}


def test_every_part_leaves_evidence_that_says_that_it_was_dry(rows: Rows, out: Path) -> None:
    for part, found in rows.items():
        assert found and all(row["dry"] and not row.get("failed") for row in found), part
        assert json.loads((out / f"{part}.skipped.json").read_text(encoding="utf-8")) == []


def test_hardware_is_measured(rows: Rows) -> None:
    assert [row["what"] for row in rows["hardware"]] == [
        "versions",
        "bandwidth",
        *["rate"] * 4,
        "launch",
        "clocks",
    ]


def test_kernels_were_tested(rows: Rows) -> None:
    (row,) = rows["kernels"]
    assert (row["passed"], row["failed"], row["exit_code"]) == (1, [], 0)


@pytest.mark.parametrize(
    "said",
    [
        "[gw1] [ 10%] PASSED tests/a/test_b.py::test_c[1-2] \n[gw0] [ 20%] FAILED tests/a/test_b.py::test_d \n"
        "tests/a/test_b.py::test_e \n",
        "tests/a/test_b.py::test_c[1-2] PASSED [ 10%]\ntests/a/test_b.py::test_d FAILED [ 20%]\n"
        "tests/a/test_b.py::test_e ",
    ],
)
def test_tests_that_were_cut_short_count_as_far_as_they_came(said: str) -> None:
    assert counted(said) == (1, ["test_d"])


@pytest.mark.parametrize("part", ["forms", "compiled"])
def test_forms_agree_and_have_floors(part: str, rows: Rows) -> None:
    exact = [row for row in rows[part] if row["precision"] == "float32"]
    assert exact and all(row["agrees"] for row in exact)
    assert all(0 < row["floor_ms"]["unit"] <= row["floor_ms"]["layer"] for row in rows[part])


def test_units_have_floors(rows: Rows) -> None:
    kernels = [row for row in rows["units"] if row["what"] == "kernel"]
    assert {row["key"].split()[0] for row in kernels} == {"eesp", "pointwise"}
    assert all(row["floor_ms"] > 0 for row in kernels)
    assert [row["batch"] for row in rows["units"] if row["what"] == "network"] == [1, 2, 2]


def test_energy_says_that_its_sensor_is_pretended_and_keeps_traces(rows: Rows, out: Path) -> None:
    assert {row["what"] for row in rows["energy"]} == {"known load", "energy"}
    assert all(row["pretended"] for row in rows["energy"])
    kept = sorted(out.glob("power-*.json"))
    record = DeviceRecord.from_dict(json.loads(kept[0].read_text(encoding="utf-8")))
    assert record.how["power"]["sensors"][0]["pretended"] and "dry" in record.how["device_model"]
    assert record.runtime.endswith("power pretended") and "gpu" not in record.power_w, (
        "what a plot of it shows"
    )


def test_training_runs(rows: Rows) -> None:
    checks = {row["what"]: row for row in rows["training"]}
    assert checks["convolutions"]["largest"] < 1e-5 and checks["captured_step"]["largest"] < 1e-5
    assert checks["autocast"]["torch.bfloat16"]["falls"] and checks["joined"]["gradient"] < 1e-5
    assert "pydantic" in checks["memory_halved"]["not_run"]


def test_engines_say_why_there_are_none(rows: Rows) -> None:
    (row,) = rows["engines"]
    assert "CUDA" in row["not_run"]


def test_a_part_that_is_cut_short_or_fails_costs_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PARTS, "hardware", 1e-6)  # no process starts in so short a time
    monkeypatch.setitem(PARTS, "missing", 0.5)
    assert parent(["hardware", "missing", "engines"], tmp_path, True, 2) == 1
    told = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert told["dry"] and told["parts"]["hardware"]["state"] == "cut short"
    assert "failed: exit code" in told["parts"]["missing"]["state"]
    assert told["parts"]["engines"]["state"] == "done"


def test_what_was_not_reached_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert parent(["hardware", "forms"], tmp_path, True, 0.05) == 1
    assert "forms: not reached" in capsys.readouterr().out
    place = Place(out=tmp_path, part="forms", dry=False, deadline=time.monotonic() - 1)
    forms.table(place, [(*forms.NETWORKS[0], "torch", "float32", 1)])
    assert place.skipped == ["espnetv2-seg-2.0 torch float32 batch 1"]


def test_an_unknown_part_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu", "--dry", "--parts", "form"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2 and "'form': must be among hardware" in capsys.readouterr().err
