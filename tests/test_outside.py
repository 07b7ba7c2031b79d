"""Somebody else's package, ``tests/outside``: searched, plotted, exported and reported without touching our code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.commands import Ran, refused
from tests.forked import archspace_forked, program_forked

ROOT = Path(__file__).parents[1]
OUTSIDE = Path(__file__).parent / "outside"
NAMES = ("red", "green", "blue")

pytestmark = pytest.mark.slow


def archspace(*words: str | Path, path: Sequence[Path] = ()) -> Ran:
    """Runs a command with more folders on the path of modules, in a process that has nothing of the plug-in yet."""
    return archspace_forked(*words, PYTHONPATH=os.pathsep.join(map(str, (ROOT, *path))))


def done(ran: Ran) -> str:
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of three colours, and the CSV files that list them."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(4)
    for split, count in (("train", 24), ("val", 12)):
        lines = ["path,label"]
        for i in range(count):
            image = rng.integers(0, 60, (32, 32, 3), np.uint8)
            image[..., i % 3] += 150
            Image.fromarray(image).save(root / f"{split}{i}.png")
            lines.append(f"{split}{i}.png,{NAMES[i % 3]}")
        (root / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return root


def study(root: Path, **changes: Any) -> dict[str, Any]:
    return {
        "name": "ghosts",
        "task": "classification",
        "plugins": ["ghostkit"],
        "data": {"layout": "csv", "root": str(root), "input_size": [32, 32]},
        "space": {
            "network": "espnetv2",
            "unit": {"choices": ["ghost", "mobilenet"]},
            "width": 0.25,
            "alphas": {"low": 0, "high": 1, "per_level": True},
        },
        "objectives": ["accuracy", "convs"],
        "sampler": {"name": "random"},
        "trials": 4,
        "training": {"epochs": 1, "batch": 8, "flip": False},
        "measure": {"runs": 5, "warmup": 1},
        **changes,
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A study that names the plug-in, run by two processes."""
    folder = tmp_path_factory.mktemp("ghosts")
    given = [{"name": "Ghost", "spec": {"network": "espnetv2", "unit": "ghost", "width": 0.25}}]
    (folder / "study.yaml").write_text(yaml.safe_dump(study(pictures, given=given)))
    words = ("search", folder / "study.yaml", "--out", folder / "run", "--workers", "2", "--json")
    assert json.loads(done(archspace(*words, path=[OUTSIDE])))["front"]
    return folder / "run"


@pytest.fixture(scope="module")
def records(run: Path) -> list[dict[str, Any]]:
    files = sorted(run.glob("trials/*/record.json"))
    return [json.loads(file.read_text()) for file in files]


def test_a_study_with_outside_unit_layout_and_objective(run: Path, records: list[dict[str, Any]]) -> None:
    """Two workers, one of them a fresh process; the records and study.yaml say what is needed to read them."""
    config = yaml.safe_load((run / "study.yaml").read_text())
    assert config["plugins"] == [{"module": "ghostkit", "version": "0.3.1"}]
    assert len(records) >= 5 and not [r for r in records if r["state"] == "failed"], records
    assert "worker ended" not in (run / "study.log").read_text()
    trained = [r for r in records if r["values"]]
    assert any("ghost" in r["spec"]["unit"] for r in trained)
    for record in trained:
        assert record["network"].startswith("espnetv2 s=0.25 ")
        counted = record["measurements"]["convs"]
        assert counted["origin"] == "counted" and counted["unit"] == "convolutions"
        assert record["values"]["convs"] == counted["value"] > 10


def test_a_run_is_plotted_exported_and_reported_with_the_plug_in(run: Path) -> None:
    front = json.loads(done(archspace("pareto", run, "--json", path=[OUTSIDE])))
    assert "convs" in json.dumps(front)
    done(archspace("report", run, path=[OUTSIDE]))
    exported = json.loads(
        done(archspace("export", run, "--pick", "given-0", "--format", "onnx", "--json", path=[OUTSIDE]))
    )
    assert exported["spec"]["unit"][1] == "ghost" and set(exported["verification"]) == {"random", "real"}
    cost = json.loads(done(archspace("cost", f"{run}:given-0", "--json", path=[OUTSIDE])))
    record = json.loads((run / "trials" / "given-0" / "record.json").read_text())
    assert cost["params"] == record["measurements"]["params"]["value"]


@pytest.mark.parametrize(
    "words",
    [
        ("pareto", "{run}"),
        ("pareto", "{run}", "--json"),
        ("pareto", "{run}", "--objectives", "accuracy,convs,params"),
        ("pareto", "{run}", "--objectives", "accuracy,convs,params", "--json"),
        ("report", "{run}"),
        ("tables", "classification", "--with", "{run}", "--out", "{tmp}/tables"),
    ],
)
def test_a_run_is_read_without_the_plug_in(run: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    """From a copy in another place: what is shown comes from the run folder alone."""
    copy = shutil.copytree(run, tmp_path / "copy", ignore=shutil.ignore_patterns("report", "export"))
    printed = done(archspace(*(word.format(run=copy, tmp=tmp_path) for word in words)))
    if words[0] == "report":
        page = next((copy / "report").glob("*.html")).read_text()
        assert "Number of convolutions" in page and "ghost" in page
    if words[0] == "pareto" and "--json" not in words:
        assert "convs" in printed
    if words[0] == "pareto" and "--json" in words:
        front = json.loads(printed)
        assert [one["name"] for one in front["objectives"]][:2] == ["accuracy", "convs"]
        assert front["objectives"][1]["unit"] == "convolutions"


def test_what_needs_the_plug_in_says_which_one(run: Path) -> None:
    missing = "the plug-in ghostkit 0.3.1, which is not loaded"
    refused(archspace("export", run, "--pick", "given-0"), missing, "--plugin ghostkit")
    refused(archspace("cost", f"{run}:given-0"), missing)
    refused(archspace("show", run / "trials" / "given-0" / "weights.safetensors"), missing)
    refused(archspace("search", run), "plug-in 'ghostkit': there is no such module", "install ghostkit")


def test_a_comparison_is_shown_without_the_plug_in(pictures: Path, tmp_path: Path) -> None:
    spec = {"network": "espnetv2", "width": 0.25, "alphas": 0}
    given = [{"name": name, "spec": {**spec, "unit": name}} for name in ("ghost", "mobilenet")]
    config = study(pictures, given=given, trials=0, space={}, comparison={"kind": "modules"})
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**config, "objectives": ["accuracy", "macs"]}))
    done(archspace("search", tmp_path / "study.yaml", "--out", tmp_path / "run", path=[OUTSIDE]))
    with_it = done(archspace("compared", tmp_path / "run", path=[OUTSIDE]))
    without = done(archspace("compared", tmp_path / "run"))
    assert "ghost" in with_it and "ghost" in without


COUNT = """
import json, sys
import torch
from torch.utils.flop_counter import FlopCounterMode
from archspace import ArchSpec, build, load_plugins
from analysis.counts.complexity import count
load_plugins(["ghostkit"])
checked = []
for fields in json.loads(sys.argv[1]):
    spec = ArchSpec(**fields)
    network, cost = build(spec).eval(), count(spec)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(network.example())
    assert cost.params == sum(p.numel() for p in network.parameters()), fields
    assert 2 * cost.macs == counter.get_total_flops(), fields
    checked.append(spec.arch_id)
print(json.dumps(checked))
"""


def test_counts_of_outside_units_and_decoders_are_exact(tmp_path: Path) -> None:
    seg: dict[str, Any] = {"task": "segmentation", "classes": 5, "input_size": [64, 96]}
    fields: list[dict[str, Any]] = [
        {"network": "espnetv2", "unit": "ghost", "alphas": 1, "input_size": [64, 64]},
        {"network": "espnetv2", "unit": "ghost", "inner": 0.7, "width": 0.5, "input_size": [64, 64]},
        {"network": "dicenet", "unit": "ghost", "width": 0.5, "input_size": [64, 64]},
        {
            "network": "mobilenetv2",
            "unit": ["ghost", "mobilenetv2", "ghost", "ghost"],
            "input_size": [64, 64],
        },
        *(
            {"network": network, "decoder": "lite-fpn", **seg}
            for network in ("espnet-a", "espnet", "espnetv2", "dicenet", "erfnet", "enet", "esnet", "segnet")
        ),
        {"network": "espnet-b", "unit": "ghost", "decoder": "lite-fpn", "residual": False, **seg},
    ]
    (tmp_path / "count.py").write_text(COUNT)
    paths = os.pathsep.join(map(str, (ROOT, OUTSIDE)))
    ran = program_forked("count.py", json.dumps(fields), cwd=tmp_path, PYTHONPATH=paths)
    assert ran.returncode == 0, ran.stderr
    assert len(set(json.loads(ran.stdout))) == len(fields)


def test_an_outside_decoder_is_trained_and_exported(tmp_path: Path) -> None:
    plugin = ("--plugin", "ghostkit")
    spec = {
        "network": "espnetv2", "task": "segmentation", "decoder": "lite-fpn", "unit": "ghost", "width": 0.25,
        "alphas": 0, "classes": 7, "input_size": [48, 64],
    }  # fmt: skip
    (tmp_path / "net.yaml").write_text(yaml.safe_dump(spec))
    words = ("train", tmp_path / "net.yaml", "--recipe", "scenes", "--epochs", "1", "--out", tmp_path / "net")
    done(archspace(*words, "--json", *plugin, path=[OUTSIDE]))
    assert yaml.safe_load((tmp_path / "net" / "train.yaml").read_text())["plugins"][0]["module"] == "ghostkit"
    metrics = json.loads((tmp_path / "net" / "metrics.json").read_text())
    assert metrics["how"]["plugins"] == {"ghostkit": "0.3.1"}
    weights = tmp_path / "net" / "weights.safetensors"
    done(archspace(*plugin, "export", weights, "--out", tmp_path / "out", path=[OUTSIDE]))
    shown = done(archspace("show", tmp_path / "out", "--json", *plugin, path=[OUTSIDE]))
    assert {row["receptive_field"] for row in json.loads(shown)["rows"]} - {"not known"}
    refused(archspace("export", weights), "the plug-in ghostkit 0.3.1")
    words = ("tables", "segmentation", "--with", tmp_path / "net", "--json")
    assert done(archspace(*words)) == done(archspace(*words, *plugin, path=[OUTSIDE]))


def test_an_installed_package_needs_no_option(tmp_path: Path) -> None:
    """Its entry point is seen; without it the same words are refused."""
    source = shutil.copytree(OUTSIDE, tmp_path / "source")
    site = tmp_path / "site"
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
        "--target", str(site), str(source),
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=300)
    words = ("cost", "espnetv2-0.5", "--set", "unit=ghost", "--json")
    installed = json.loads(done(archspace(*words, path=[site])))
    assert installed == json.loads(done(archspace(*words, "--plugin", "ghostkit", path=[OUTSIDE])))
    assert installed["flops_torch"] == 2 * installed["macs"]
    refused(archspace(*words), "unit: 'ghost': unknown unit")
