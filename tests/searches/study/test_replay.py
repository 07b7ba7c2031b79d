"""A trial trained again from its record: the same bit by bit, and what is said where it is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from archspace.checkpoint import load, save
from searches.cli.replay_command import lines
from searches.study.replay import Replay
from tests.commands import archspace, printed, refused

STUDY: dict[str, Any] = {
    "name": "tiny", "task": "classification",
    "data": {"layout": "digits", "input_size": [16, 16], "channels": 1, "train": 24, "val": 12},
    "space": {"network": "espnetv2", "width": {"choices": [0.25, 0.5]}, "alphas": [0, 0, 0, 0]},
    "given": [{"name": "longer", "spec": "espnetv2-0.5", "training": {"epochs": 2}}],
    "objectives": ["accuracy", "macs"], "trials": 1, "training": {"epochs": 1, "batch": 8}, "threads": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    (folder / "study.yaml").write_text(json.dumps(STUDY))
    ran = archspace("search", "study.yaml", "--out", "run", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return folder / "run"


@pytest.mark.slow
@pytest.mark.parametrize("label", ["0", "given-0", "best"])
def test_a_trial_comes_out_the_same_bit_by_bit(made: Path, label: str) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*.safetensors")}
    ran = archspace("replay", f"{made}:{label}", "--json")
    said = printed(ran.stdout)
    assert ran.returncode == 0 and said["same"] and said["differing"] == [] and said["kept"] == said["again"]
    assert {path: path.read_bytes() for path in made.rglob("*.safetensors")} == before
    lines = archspace("replay", f"{made}:{label}").stdout
    assert "weights are the same bit by bit" in lines


@pytest.mark.slow
def test_what_differs_is_named(made: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(made, tmp_path / "run"))
    weights = run / "trials" / "0" / "weights.safetensors"
    network = load(weights)
    name, tensor = next((name, p) for name, p in network.named_parameters() if p.dim() == 4)
    with torch.no_grad():
        tensor.view(-1)[0] += 0.5
    save(network, weights)
    record = run / "trials" / "0" / "record.json"
    data = json.loads(record.read_text())
    data["measurements"]["accuracy"]["how"]["torch"] = "1.0"
    record.write_text(json.dumps(data))
    ran = archspace("replay", f"{run}:0")
    assert ran.returncode == 1
    assert f"weights differ by up to 0.5: {name}" in ran.stdout and "torch 1.0 -> " in ran.stdout
    weights.unlink()
    assert "weights are gone" in archspace("replay", f"{run}:0").stdout


@pytest.mark.slow
def test_what_cannot_be_replayed_is_one_line(made: Path, tmp_path: Path) -> None:
    refused(archspace("replay", "0"), "RUN:N", "'0'", "names a run and one of its trials")
    refused(archspace("replay", f"{made}:77"), "RUN:N: '77'", "no such trial")
    refused(archspace("replay", f"{tmp_path}:0"), "not a run folder")
    refused(archspace("replay", f"{tmp_path}/none:0"), f"RUN:N: {tmp_path}/none: no such run folder")
    refused(archspace("replay", "digits:0"), "RUN:N: digits: no such run folder")


def test_the_metric_has_its_unit_and_as_many_digits_as_a_difference_takes() -> None:
    kept = 34.666666666666664
    same, other = (Replay("4", "accuracy", kept, again, (), 0.0, {}) for again in (kept, 34.66666))
    assert lines(same)[0] == "trial 4: accuracy 34.67 % in the study, 34.67 % now"
    assert lines(other)[0] == "trial 4: accuracy 34.66667 % in the study, 34.66666 % now"
