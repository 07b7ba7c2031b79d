"""Comparisons as studies: what is compared, the command as a person runs it, killed and resumed, bad input."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from analysis.store.runs import read_run
from archspace.plan import count_block
from archspace.presets import preset
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from searches.compare import comparisons
from searches.compare.comparisons import Compared
from searches.compare.study_of import Budget, comparison_study
from searches.config.recipe import Recipe
from searches.config.study import parse_config
from tests.commands import ROOT, archspace, refused
from tests.forked import archspace_begun
from tests.waiting import until

TINY = ["--input", "16x16", "--epochs", "1", "--images", "64"]
RECIPE = Recipe(epochs=9, lr=0.01)


def specs(compared: Compared) -> dict[str, ArchSpec]:
    by_name = {}
    for one in compared.given:
        assert isinstance(one.spec, dict)
        by_name[one.name] = ArchSpec.from_dict(one.spec)
    return by_name


def test_the_modules_are_eight_different_networks_of_one_host() -> None:
    networks = specs(comparisons.modules())
    assert len({spec.arch_id for spec in networks.values()}) == 8
    assert {(s.network, s.alphas, s.classes, s.input_size) for s in networks.values()} == {
        ("espnet-c", (2, 3), 20, (512, 1024))
    }
    assert list(specs(comparisons.modules(["eesp", "ESP"]))) == ["ESP", "EESP"]


def test_the_ablation_of_espnet_walks_table_2() -> None:
    compared = comparisons.espnet_ablation()
    networks = specs(compared)
    assert len({spec.arch_id for spec in networks.values()}) == len(networks) == 15
    steps = compared.comparison.steps
    assert [step.part[-2] for step in steps] == [*"abcdd", *"eeeeee", *"ffg"]
    for step in steps:  # one field differs in each step, or the network does
        one, other = networks[step.base], networks[step.variant]
        base, variant = one.to_dict(), other.to_dict()
        names = {n for n, value in base.items() if variant[n] not in (value, None)}
        assert len(names) == 1 or "network" in names, (step, names)
    assert networks["ESPNet-C"].arch_id == preset("espnet-c-2-3").spec.arch_id
    assert networks["ESPNet"].arch_id == preset("espnet-2-3").spec.arch_id
    published = {
        n: count_block(networks[n].plan, networks[n].input_size).params
        for n in ("ESPNet-B", "ESPNet-C", "ESPNet")
    }
    assert {n: round(p / 1e6, 2) for n, p in published.items()} == {
        "ESPNet-B": 0.19,
        "ESPNet-C": 0.19,
        "ESPNet": 0.2,
    }


def test_every_published_row_that_a_step_names_is_there() -> None:
    with (ROOT / "reports" / "published" / "ablations.csv").open(newline="") as file:
        rows = {row["variant"]: row for row in csv.DictReader(file)}
    espnet, espnetv2 = comparisons.espnet_ablation(), comparisons.espnetv2_ablation(RECIPE)
    named = [s.published for s in (*espnet.comparison.steps, *espnetv2.comparison.steps) if s.published]
    assert len(named) == 10 and set(named) <= set(rows)
    assert {rows[name]["delta_points"] for name in named if rows[name]["delta_points"]} >= {
        "2",
        "-2",
        "1",
        "6",
    }


def test_parts_choose_steps_and_only_their_networks() -> None:
    compared = comparisons.espnet_ablation(["f", "a"])
    assert list(specs(compared)) == ["ESPNet-A", "A, ReLU", "ESPNet-B", "ESPNet-C"]
    assert [step.part for step in compared.comparison.steps] == ["table 2(a)", "table 2(f)", "table 2(f)"]
    with pytest.raises(FieldError, match=r"--parts: 'z': .*nearest valid"):
        comparisons.espnet_ablation(["z"])


def test_the_ablation_of_espnetv2_adds_one_choice_after_the_other() -> None:
    compared = comparisons.espnetv2_ablation(RECIPE)
    networks, training = specs(compared), {one.name: one.training for one in compared.given}
    assert [step.part for step in compared.comparison.steps] == list(comparisons.ESPNETV2_PARTS)
    assert (networks["ESP units"].unit[0], networks["EESP units"].fusion, networks["EESP units"].reinforcement) == (
        "esp", "none", False,
    )  # fmt: skip
    assert networks["+ HFF"].fusion == "hff" and networks["+ HFF"].reinforcement is False
    assert networks["+ cyclic schedule"].arch_id == preset("espnetv2-1.0").spec.arch_id
    fixed, cyclic = training["+ reinforcement"], training["+ cyclic schedule"]
    assert (fixed["schedule"], fixed["step_every"]) == ("step", 3)
    assert cyclic["schedule"] == "cyclic" and cyclic["lr"] * cyclic["cycle"] == pytest.approx(RECIPE.lr)


def test_seeds_repeat_every_network_with_the_same_seeds() -> None:
    given = comparisons.modules(["ESP", "EESP"]).repeated(7, 3)
    assert [(one.name, one.seed, one.repeat_of) for one in given] == [
        ("ESP", 7, None), ("EESP", 7, None), ("ESP #2", 8, "ESP"), ("EESP #2", 8, "EESP"),
        ("ESP #3", 9, "ESP"), ("EESP #3", 9, "EESP"),
    ]  # fmt: skip
    with pytest.raises(
        FieldError, match=r"--seeds: 3: .* where the first seed is 4294967294; nearest valid: 2"
    ):
        comparisons.modules(["ESP"]).repeated(2**32 - 2, 3)


def test_a_comparison_is_a_study_that_survives_yaml() -> None:
    import yaml

    budget = Budget(epochs=2, size="32x64", seeds=2, workers=2, energy=True)
    study = comparison_study(lambda r: comparisons.espnet_ablation(["g"]), "segmentation", budget)
    assert (study.trials, len(study.given), study.training.epochs, study.data.input_size) == (
        0,
        4,
        2,
        (32, 64),
    )
    assert study.data.layout == "scenes" and study.measure.power and not study.measure.again
    assert parse_config(yaml.safe_load(study.to_yaml())) == study


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (Budget(layout="cityscapes"), "--recipe: says how the networks are trained"),
        (Budget(recipe="nothing"), "--recipe: 'nothing': no such file or recipe"),
        (Budget(size="big"), "input: 'big': must be HEIGHTxWIDTH"),
        (Budget(data=Path("/nowhere")), "--data: '/nowhere': no such folder"),
    ],
)
def test_a_budget_that_cannot_be_used_is_refused(budget: Budget, message: str) -> None:
    with pytest.raises(InputError) as caught:
        comparison_study(lambda r: comparisons.modules(), "segmentation", budget)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["modules", "--only", "ESQ"], ["--only: 'ESQ'", "nearest valid: ESP"]),
        (["ablation", "espnet", "--task", "classification"], ["--task", "segmentation"]),
        (["networks", "espnetv2-0.5"], ["two networks or more"]),
        (["networks", "espnetv2-0.5", "espnetv9"], ["'espnetv9'", "nearest valid"]),
        (["networks", "espnetv2-0.5", "espnetv2-0.5"], ["two networks of one name"]),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path: Path, words: list[str], parts: list[str]) -> None:
    refused(archspace("compare", *words, "--out", tmp_path / "out"), *parts)
    assert not (tmp_path / "out").exists()


def spec_file(folder: Path, name: str, **fields: Any) -> Path:
    """A small classification network as a file."""
    path = folder / f"{name}.yaml"
    alphas = {"network": "espnetv2", "task": "classification", "width": 0.25, "alphas": [0, 0, 0, 0]}
    path.write_text(json.dumps({**alphas, **fields}))
    return path


@pytest.mark.slow
def test_killed_and_resumed_and_a_checkpoint_is_evaluated(tmp_path: Path, cache_folder: Path) -> None:
    run = tmp_path / "run"
    names = [str(spec_file(tmp_path, "one")), str(spec_file(tmp_path, "two", unit="mobilenet"))]
    words = ["compare", "networks", *names, "--task", "classification", *TINY, "--out", run]
    first = run / "trials" / "given-0" / "record.json"
    with archspace_begun(*words) as process:
        until(lambda: first.is_file() or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = first.read_text()
    result = archspace(*words, "--json")
    assert result.returncode == 0, result.stderr
    assert first.read_text() == before, "a trial that had finished was run again"
    summary = json.loads(result.stdout)
    assert summary["comparison"] == "networks" and summary["metric"] == "accuracy"
    assert [(row["network"], row["seeds"]) for row in summary["networks"]] == [(name, 1) for name in names]
    assert all(row["params"] > 0 and row["latency_ms"] > 0 for row in summary["networks"])

    weights = run / "trials" / "given-0" / "weights.safetensors"
    both = archspace(
        "compare", "networks", weights, f"{run}:given-1", *TINY, "--out", tmp_path / "two", "--json"
    )
    assert both.returncode == 0, both.stderr
    evaluated, trained = read_run(tmp_path / "two").trials
    assert evaluated.measurements["accuracy"].how["weights"] == str(weights.resolve())
    assert evaluated.values["accuracy"] == read_run(run).trials[0].values["accuracy"]
    assert "epochs" in trained.measurements["accuracy"].how
    assert not (tmp_path / "two" / "trials" / "given-0" / "weights.safetensors").exists()

    larger = ["--task", "segmentation", "--input", "32x32", "--epochs", "1", "--images", "8"]
    out = tmp_path / "three"
    other = archspace("compare", "networks", weights, "espnet-c-2-3", *larger, "--out", out)
    refused(other, "checkpoint for another value")
    assert not out.exists()
