"""archspace supernet train, search, extract, agree, and judging.supernet of a study, as a person runs them."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from archspace.checkpoint import load
from archspace.spec.archspec import ArchSpec
from searches.bench.agreement import Agreement
from searches.bench.inherited import Inheritance
from searches.cli.supernet_tables import without_order
from searches.supernet.inherited import Heir
from tests.commands import archspace, printed, refused
from tests.searches.studies import tiny, write_study
from tests.searches.supernet.spaces import EESP, SPACE, with_branches


def study(folder: Path, **changes: Any) -> Path:
    return write_study(folder, **{"space": SPACE, **changes})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A supernet of eight networks after one epoch on 64 digits."""
    folder = tmp_path_factory.mktemp("supernet")
    ran = archspace(
        "supernet", "train", study(folder), "--out", folder / "net", "--norm-images", 32, "--json"
    )
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert result["origin"] == "predicted" and result["epochs"] == 1 and result["norm_images"] == 32
    assert result["largest"]["network"] != result["smallest"]["network"]
    return folder / "net"


@pytest.mark.slow
def test_it_goes_on_where_it_ended_and_stays_what_it_is(trained: Path, tmp_path: Path) -> None:
    before = load_file(trained / "supernet.safetensors")
    ran = archspace("supernet", "train", trained, "--json")
    assert ran.returncode == 0, ran.stderr
    after = load_file(trained / "supernet.safetensors")
    assert all(torch.equal(after[name], value) for name, value in before.items()), "all epochs are done"
    refused(
        archspace("supernet", "train", trained, "--epochs", 3),
        "study.training.epochs",
        "another value",
        "--out",
    )
    refused(archspace("supernet", "train", trained, "--random", 5), "random", "another value")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    ran = archspace("supernet", "train", study(tmp_path), "--out", tmp_path / "other")
    refused(ran, "not empty and not a supernet")


@pytest.mark.slow
def test_search_marks_all_values_as_inherited_and_keeps_the_front(trained: Path, tmp_path: Path) -> None:
    ran = archspace("supernet", "search", trained, "--networks", 20, "--out", tmp_path, "--json")
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    with (tmp_path / "networks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert said["judged"] == len(rows) == len({row["arch_id"] for row in rows}) == 8, (
        "the whole space, each once"
    )
    assert {row["accuracy_origin"] for row in rows} == {"predicted"}
    assert {row["accuracy_predictor"] for row in rows} == {"inherited weights"}
    front = {row["arch_id"] for row in rows if row["on_front"] == "true"}
    assert (
        front
        == {one["arch_id"] for one in said["front"]}
        == {path.stem for path in (tmp_path / "front").iterdir()}
    )
    points = [(-float(row["accuracy"]), float(row["macs"])) for row in rows]
    for row, point in zip(rows, points, strict=True):
        beaten = any(o[0] <= point[0] and o[1] <= point[1] and o != point for o in points)
        assert (row["on_front"] == "true") is not beaten
    again = archspace(
        "supernet", "search", trained, "--networks", 4, "--method", "random", "--json", "--out", tmp_path
    )
    assert json.loads(again.stdout)["judged"] == 4
    shown = archspace("supernet", "search", trained, "--networks", 20, "--out", tmp_path)
    assert (
        "8 networks judged by inherited weights" in shown.stdout and "\n20 were asked for; " in shown.stdout
    )
    pieces = [line for line in shown.stderr.splitlines() if "/20 " in line]
    assert len(pieces) == 8 and all(re.search(r": accuracy [\d.]+ % predicted$", line) for line in pieces)


@pytest.mark.slow
def test_a_limit_that_can_be_counted_holds_for_what_is_judged(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    path = study(tmp_path, constraints={"macs": {"max": 100_000}})
    assert archspace("supernet", "train", path, "--out", folder, "--norm-images", 8).returncode == 0
    said = json.loads(archspace("supernet", "search", folder, "--networks", 20, "--json").stdout)
    assert 0 < said["judged"] < 8
    assert all(one["macs"] <= 100_000 for one in said["front"])


@pytest.mark.slow
def test_what_is_extracted_is_an_ordinary_network_with_the_same_answers(
    trained: Path, tmp_path: Path
) -> None:
    spec = ArchSpec("espnetv2", unit="esp", width=0.5, branches=4, classes=10, channels=1, input_size=8)
    (tmp_path / "one.yaml").write_text(spec.to_yaml())
    path = tmp_path / "weights.safetensors"
    ran = archspace("supernet", "extract", trained, tmp_path / "one.yaml", "--out", path, "--json")
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    network, inside = load(path), Heir.open(trained).network(spec)
    image = torch.randn(3, 1, 8, 8)
    with torch.no_grad():
        assert torch.allclose(network(image), inside(image), atol=1e-5)
    assert network.spec.arch_id == said["arch_id"] == spec.arch_id and said["origin"] == "predicted"
    judged = json.loads(archspace("evaluate", path, "--layout", "digits", "--json").stdout)
    assert judged["images"] > 60 and 0 <= judged["accuracy"] <= 100
    recipe = {"name": "r", "data": tiny()["data"], "training": {"epochs": 1, "batch": 32, "flip": False}}
    (tmp_path / "r.yaml").write_text(
        yaml.safe_dump({**recipe, "data": {**recipe["data"], "input_size": [8, 8]}})
    )
    words = (
        "train",
        tmp_path / "one.yaml",
        "--recipe",
        tmp_path / "r.yaml",
        "--init",
        path,
        "--out",
        tmp_path / "run",
    )
    assert archspace(*words).returncode == 0
    refused(
        archspace("supernet", "extract", trained, tmp_path / "one.yaml", "--out", path), "is there already"
    )
    other = spec.replace(width=2.0)
    (tmp_path / "wide.yaml").write_text(other.to_yaml())
    ran = archspace("supernet", "extract", trained, tmp_path / "wide.yaml", "--out", tmp_path / "no")
    refused(ran, "width: 2.0", "does not cover it: it has 0.25, 0.5")
    assert not (tmp_path / "no").exists()


@pytest.mark.slow
def test_a_study_judges_by_inherited_weights_and_retrains_its_front(trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    path = study(tmp_path, judging={"supernet": str(trained)}, trials=3, sampler={"name": "random"})
    ran = archspace("search", path, "--out", run, "--json")
    assert ran.returncode == 0, ran.stderr
    front = json.loads(ran.stdout)["front"]
    assert all(one["predicted"] == {"accuracy": "predicted by inherited weights"} for one in front)
    record = json.loads((run / "trials" / "0" / "record.json").read_text())
    metric = record["measurements"]["accuracy"]
    assert metric["origin"] == "predicted" and metric["how"]["supernet"] == str(trained)
    assert record["measurements"]["macs"]["origin"] == "counted"
    heir = Heir.open(trained)
    assert heir.judged(ArchSpec.from_dict(record["spec"])).expected == pytest.approx(metric["value"])
    assert record["epochs"] == 0, "none was trained"
    assert archspace("replay", f"{run}:0").returncode == 0
    assert re.search(r"top-1 [\d.]+ % predicted", archspace("runs", run).stdout)
    assert json.loads(archspace("runs", run, "--json").stdout)["runs"][0]["predicted"] is True
    said = archspace("export", run, "--pick", "best", "--out", tmp_path / "export").stdout
    assert f"its weights are inherited from {trained}, not trained alone" in said
    found = json.loads((tmp_path / "export" / "card.json").read_text())["found"]
    assert found["weights"].startswith("inherited from") and "training" not in found
    said = json.loads(archspace("screen", run, "--candidates", 20, "--json").stdout)
    assert said["front"] and not any(one["trained_as"] for one in said["front"]), "none was trained"
    other = study(tmp_path, **{"from": str(run)})
    refused(archspace("search", other, "--out", tmp_path / "other"), f"inherit the weights of {trained}")
    assert not (tmp_path / "other").exists()
    ran = archspace("retrain", run, "--pick", front[0]["trial"], "--epochs", 1)
    assert ran.returncode == 0 and "searched (predicted)" in ran.stdout, ran.stderr
    assert archspace("report", run).returncode == 0
    assert "searched (predicted)" in (run / "report" / "report.html").read_text()
    assert "predicted by inherited weights" in (run / "report" / "retrained.md").read_text()


@pytest.mark.slow
def test_a_study_that_the_supernet_does_not_cover_is_refused_before_anything_runs(
    trained: Path, tmp_path: Path
) -> None:  # fmt: skip
    judging = {"supernet": str(trained)}
    run = tmp_path / "run"
    for field, changes in {
        "space.width: 1.0": {"space": {**SPACE, "width": {"choices": [0.25, 1.0]}}},
        "space.branches.per_level": {"space": {**SPACE, "branches": {"choices": [2, 4], "per_level": True}}},
        "space.unit: 'resnet'": {"space": {**SPACE, "unit": {"choices": ["eesp", "resnet"]}}},
        "space.alphas": {"space": {**SPACE, "alphas": 1}},
        "space.network": {"space": {"network": "espnet-c"}},
        "data.input_size": {"data": {**tiny()["data"], "input_size": [16, 16]}},
        "data.train": {"data": {**tiny()["data"], "train": 32}},
        "judging.supernet: ": {"judging": {"supernet": str(tmp_path / "nosuch")}},
        "nearest valid: leave it out": {"from": str(tmp_path / "old")},
    }.items():
        path = study(tmp_path, **{"judging": judging, **changes})
        refused(archspace("search", path, "--out", run), field)
        assert not run.exists()


def test_what_cannot_be_shared_is_refused_by_name(tmp_path: Path) -> None:
    out = tmp_path / "net"
    for said, changes in {
        "space.activation: ['prelu', 'relu']|cannot share weights over activation": {
            "space": {**SPACE, "activation": {"choices": ["prelu", "relu"]}}
        },
        "space.network|cannot share weights over network": {
            "space": {"network": {"choices": ["espnetv2", "espnet-c"]}}
        },
        "space.unit|cannot share its weights": {"space": {**SPACE, "unit": {"choices": ["eesp", "dice"]}}},
        "training.freeze_norms|a supernet has none": {"training": {"epochs": 1, "freeze_norms": True}},
        "task: 'multilabel'|task with scores of classes": {
            "task": "multilabel", "objectives": ["map", "macs"], "data": {"layout": "coco", "input_size": [32, 32]},
        },
    }.items():  # fmt: skip
        refused(archspace("supernet", "train", study(tmp_path, **changes), "--out", out), *said.split("|"))
        assert not out.exists()
    refused(
        archspace("supernet", "train", study(tmp_path), "--seed", 2**32),
        "--seed: 4294967296",
        "0 to 4294967295",
    )


@pytest.mark.slow
def test_agree_says_how_inherited_weights_order_a_table(tmp_path: Path) -> None:
    path = study(tmp_path, workers=1, space=with_branches(EESP))
    table, out = tmp_path / "table.json", tmp_path / "agree.json"
    assert archspace("tabulate", path, "--out", table, "--seeds", 1).returncode == 0
    data = json.loads(table.read_text())
    data["networks"][0]["metric"], data["networks"][0]["seconds"] = {}, {}  # not complete yet
    table.write_text(json.dumps(data))
    net = tmp_path / "net"
    narrower = study(tmp_path, space=with_branches({**EESP, "choices": [4]}))
    assert archspace("supernet", "train", narrower, "--out", net, "--norm-images", 16).returncode == 0
    ran = archspace("supernet", "agree", net, table, "--out", out, "--no-zero-cost", "--json")
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said == json.loads(out.read_text())
    assert said["networks"] == said["trainings"] == 4 and said["left_out"] == 1
    assert set(said["kendall"]) == {"inherited", "inherited answers", "params", "macs"}
    answers = said["kendall"].pop("inherited answers")["overall"]
    assert answers is None or -1 <= answers <= 1, "untrained networks may all answer alike"
    assert all(-1 <= one["overall"] <= 1 for one in said["kendall"].values())
    assert said["speedup"] > 0 and said["supernet"]["study"] == "tiny"
    lost = next(one for one in data["networks"] if one["arch_id"] in said["values"])
    lost["metric"]["0"][-1] = None
    table.write_text(json.dumps(data))
    said = printed(archspace("supernet", "agree", net, table, "--no-zero-cost", "--json").stdout)
    assert said["networks"] == 3 and said["left_out"] == said["diverged"] == 1
    shutil.copy(table, tmp_path / "old.json")
    (tmp_path / "old.json").write_text(table.read_text().replace('"format": 1', '"format": 99'))
    refused(archspace("supernet", "agree", net, tmp_path / "old.json"), "format", "99")


def test_why_nothing_is_ordered_is_said() -> None:
    def found(*trained: float, tau: float = float("nan")) -> Inheritance:
        values = {str(i): (20.0 + i, metric) for i, metric in enumerate(trained)}
        agreements = {"inherited": Agreement(tau, tau, len(trained))}
        return Inheritance(len(trained), 0, 0, len(trained), agreements, values, 1.0, 1.0, 1.0)

    same = without_order(found(10.0, 10.0, 10.0))
    assert same == "-: the trained metric of all networks is the same, 10.00: they have no order"
    assert without_order(found(10.0, 11.0)) == "-: an order is told from 3 networks on"
    assert "each bin has fewer than 3" in without_order(found(10.0, 11.0, 12.0))
    assert without_order(found(10.0, 11.0, 12.0, tau=0.5)) == ""
