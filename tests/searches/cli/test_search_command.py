"""The search and export commands as a user runs them, good input and bad."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from analysis.store.records import TrialRecord
from analysis.store.runs import read_run
from archspace import load
from searches.cli.summary import chance_lines
from searches.config.study import parse_config
from tests.commands import archspace, refused
from tests.forked import archspace_forked
from tests.searches.studies import tiny, write_study


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny study."""
    folder = tmp_path_factory.mktemp("search")
    study = write_study(folder, constraints={"macs": {"max": 200_000}}, trials=5, given=["espnetv2-0.5"])
    result = archspace("search", study, "--out", folder / "run", "--json")
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["front"]
    return folder / "run"


@pytest.mark.slow
def test_every_number_of_the_front_is_traced_to_a_record(run: Path) -> None:
    study = read_run(run)
    sampled = [t for t in study.trials if t.given is None]
    assert sum(bool(t.values) for t in sampled) == 5
    for trial in study.trials:
        if trial.state == "infeasible":
            assert trial.reason and "macs <= 200000" in trial.reason
            assert trial.measurements["macs"].value > 200_000
            assert "accuracy" not in trial.measurements or trial.given
        else:
            assert trial.values["macs"] == trial.measurements["macs"].value <= 200_000
            assert trial.measurements["macs"].origin == "counted"
            accuracy = trial.measurements["accuracy"]
            assert accuracy.origin == "measured" and accuracy.how["images"] == 60
            assert "latency_ms" not in trial.measurements, "nobody asked for it"
            folder = run / "trials" / (trial.duplicate_of or trial.label)
            assert (folder / "weights.safetensors").is_file()
            assert (folder / "history.csv").read_text().startswith("epoch,train_loss")


@pytest.mark.slow
def test_export_of_a_trial_loads_in_one_line(run: Path) -> None:
    result = archspace("export", run, "--pick", "best", "--json")
    assert result.returncode == 0, result.stderr
    folder = run / "export" / "best"
    assert {"spec.yaml", "weights.safetensors", "model.onnx", "card.md", "card.json"} <= {
        p.name for p in folder.iterdir()
    }
    network = load(folder)
    scores = network(torch.zeros(1, 1, 8, 8))
    assert scores.shape == (1, 10)
    assert network.spec.arch_id == json.loads((folder / "card.json").read_text())["arch_id"]


@pytest.mark.slow
def test_export_within_bounds_and_refusals(run: Path) -> None:
    small = min(t.measurements["macs"].value for t in read_run(run).trials if t.values)
    refused(archspace("export", run, "--max-macs", "10"), "macs <= 10", f"smallest macs is {small:g}")
    refused(archspace("export", run, "--pick", "99"), "'99'", "no such trial")
    refused(archspace("export", run.parent), "is no network", "RUN:knee")


@pytest.mark.slow
def test_a_run_folder_refuses_another_study(run: Path) -> None:
    other = run.parent / "other.yaml"
    other.write_text(
        yaml.safe_dump(tiny(seed=99, given=["espnetv2-0.5"], constraints={"macs": {"max": 200_000}}))
    )
    refused(archspace("search", other, "--out", run), "seed: 99", "holds another study")
    text = (run / "study.yaml").read_text()
    newer = run.parent / "newer"
    newer.mkdir()
    (newer / "study.yaml").write_text(text.replace("format: 1", "format: 7"))
    refused(archspace("search", newer), "format: 7", "newer archspace")


@pytest.mark.slow
def test_two_runs_give_the_same_networks_and_accuracies(run: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    result = archspace("search", run / "study.yaml", "--out", again)
    assert result.returncode == 0, result.stderr

    def facts(folder: Path) -> list[tuple[object, ...]]:
        return [(t.label, t.state, t.arch_id, dict(t.values), t.seed) for t in read_run(folder).trials]

    assert facts(again) == facts(run)


def test_bad_input_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused(
        archspace("search", "scenery", "--out", out), "'scenery'", "no such file or built-in study", "scenes"
    )
    refused(archspace("search", write_study(tmp_path, trials="six"), "--out", out), "trials: 'six'")
    refused(
        archspace("search", write_study(tmp_path, seed=2**63), "--dry-run"),
        "seed: 9223372036854775808",
        "4294967295",
    )
    refused(
        archspace("search", write_study(tmp_path), "--seed", 2**32, "--out", out),
        "--seed: 4294967296",
        "4294967295",
    )
    space = {"network": "espnetv4"}
    refused(
        archspace("search", write_study(tmp_path, space=space), "--out", out), "space.network", "espnetv2"
    )
    refused(archspace("search", write_study(tmp_path, device="tpu"), "--out", out), "device: 'tpu'", "cpu")
    refused(
        archspace("search", write_study(tmp_path, given=["espnetv2-3"]), "--out", out),
        "given",
        "is no preset",
    )
    refused(
        archspace("search", "camvid-small", "--out", out), "--data: is needed", "data.root", "needs a folder"
    )
    refused(archspace("search", "camvid-small", "--data", tmp_path / "no", "--out", out), "no such folder")
    refused(
        archspace("search", write_study(tmp_path, storage="nosuch://x"), "--out", tmp_path / "s"), "storage"
    )
    assert not out.exists()


def test_bad_data_names_the_file_and_the_value(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for sub in (split, f"{split}annot"):
            (tmp_path / "data" / sub).mkdir(parents=True)
        for i in range(2):
            Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(
                tmp_path / f"data/{split}/{i}.png"
            )
            Image.fromarray(np.full((32, 32), 3, np.uint8)).save(tmp_path / f"data/{split}annot/{i}.png")
    wrong = tmp_path / "data/valannot/1.png"
    Image.fromarray(np.full((32, 32), 99, np.uint8)).save(wrong)
    out = tmp_path / "out"
    result = archspace("search", "camvid-small", "--data", tmp_path / "data", "--out", out)
    refused(result, "valannot/1.png", "99")
    wrong.write_bytes(b"not a picture")
    refused(archspace("search", "camvid-small", "--data", tmp_path / "data", "--out", out), "valannot/1.png")
    assert not out.exists()


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_study_goes_on(tmp_path: Path) -> None:
    """A real full disk: a small tmpfs, where this machine lets us mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        study = write_study(tmp_path, trials=2)
        full = archspace_forked("search", study, "--out", disk / "run")
        assert full.returncode == 2, full.stderr
        last = full.stderr.strip().splitlines()[-1]
        assert last.startswith("archspace: ") and "disk is full" in last and "Traceback" not in full.stderr
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        assert archspace("search", study, "--out", disk / "run").returncode == 0
        assert sum(bool(t.values) for t in read_run(disk / "run").trials) == 2
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_trainings_at_chance_are_counted() -> None:
    def trained(number: int, accuracy: float, epochs: int = 1) -> TrialRecord:
        values = {"accuracy": accuracy, "macs": 1e5}
        spec = {"classes": 10}
        return TrialRecord(
            label=str(number), number=number, state="complete", spec=spec, values=values, epochs=epochs
        )  # fmt: skip

    config = parse_config(tiny())
    records = [trained(0, 10.0), trained(1, 8.0), trained(2, 34.0), trained(3, 10.0, epochs=0)]
    said = "2 of 3 trainings came no further than chance (10.00 %): more epochs or images may help"
    assert chance_lines(config, records) == [said]
    assert chance_lines(config, records[2:]) == chance_lines(config, []) == []
