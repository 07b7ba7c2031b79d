"""A space narrowed by a finished run: what did not matter is fixed, what did stays free."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.quantities import QUANTITIES
from analysis.store.records import Measurement, TrialRecord
from archspace.support.errors import InputError
from archspace.support.yaml_text import parse_yaml
from searches.cli.narrow_command import heading, in_words
from searches.config.beginning import check_beginning
from searches.config.study import StudyConfig, parse_config
from searches.study.narrowing import Decision, Narrowed, narrow
from tests.commands import archspace, printed, refused

SPACE: dict[str, Any] = {
    "network": "espnetv2",
    "unit": {"choices": ["eesp", "mobilenet"]},
    "width": {"low": 0.25, "high": 1.0, "step": 0.25},
    "alphas": {"low": 0, "high": 3, "per_level": True},
    "fusion": {"choices": ["hff", "none"]},
}


def study(folder: Path, **changes: Any) -> StudyConfig:
    """A run folder of a study; its trials are made up."""
    config = parse_config({
        "name": "made", "task": "classification", "data": {"layout": "digits", "input_size": [16, 16]},
        "space": SPACE, "objectives": ["accuracy", "macs"], "trials": 60, **changes,
    })  # fmt: skip
    folder.mkdir()
    (folder / "study.yaml").write_text(config.to_yaml())
    return config


def test_a_field_whose_condition_cannot_hold_any_more_is_left_to_the_network(tmp_path: Path) -> None:
    branches = {"choices": [2, 4], "where": {"unit": "eesp"}}
    study(tmp_path / "run", space={**SPACE, "branches": branches})
    made = trials(120, lambda p, rng: 40 * p["width"] + rng.normal(0, 0.5), lambda p, rng: 1e6 * p["width"])
    front = [one for one in made if one.params["width"] == 1.0]
    others = [one for one in made if one not in front]
    units = ["mobilenet"] * len(front) + ["eesp", "mobilenet"] * len(others)
    made = [
        replace(one, params={**one.params, "unit": unit, "branches": 2})
        for one, unit in zip([*front, *others], units, strict=False)
    ]
    found = narrow(tmp_path / "run", made)
    assert found.config.space["unit"] == "mobilenet" and found.config.space["branches"] is None
    check_beginning(found.config)


def trials(count: int, accuracy: Any, macs: Any) -> list[TrialRecord]:
    """Random networks whose numbers follow from their parameters."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        params = {
            "unit": str(rng.choice(["eesp", "mobilenet"])), "width": 0.25 * int(rng.integers(1, 5)),
            **{f"alphas.{level}": int(rng.integers(4)) for level in (2, 3, 4, 5)},
            "fusion": str(rng.choice(["hff", "none"])),
        }  # fmt: skip
        spec = {
            "network": "espnetv2", "task": "classification", "classes": 10, "input_size": [16, 16], "channels": 1,
            "unit": [params["unit"]] * 4, "width": params["width"],
            "alphas": [params[f"alphas.{level}"] for level in (2, 3, 4, 5)],
            "fusion": params["fusion"] if params["unit"] == "eesp" else None,
        }  # fmt: skip
        values = {"accuracy": float(accuracy(params, rng)), "macs": float(macs(params, rng))}
        known = {name: Measurement(name, value, "", "measured", {}) for name, value in values.items()}
        made.append(TrialRecord(
            label=str(number), number=number, seed=0, state="complete", params=params, spec=spec,
            arch_id=str(number), values=values, measurements=known,
        ))  # fmt: skip
    return made


def test_what_mattered_for_any_objective_stays_free(tmp_path: Path) -> None:
    study(tmp_path / "run")
    made = trials(
        120,
        lambda p, rng: 40 * p["width"] + 10 * (p["unit"] == "eesp") + rng.normal(0, 0.5),
        lambda p, rng: 1e6 * p["width"] * (1 + p["alphas.3"]),
    )
    found = narrow(tmp_path / "run", made)
    assert {one.field: one.fixed for one in found.decisions} == {
        "unit": False, "width": False, "alphas": False, "fusion": True,
    }  # fmt: skip
    assert found.config.name == "made-narrow" and found.networks == 120
    assert found.config.space == {**SPACE, "fusion": found.decisions[3].value}
    assert found.decisions[3].value in ("hff", "none")


def test_a_field_of_every_level_is_fixed_at_all_of_them(tmp_path: Path) -> None:
    study(tmp_path / "run")
    made = trials(120, lambda p, rng: 40 * p["width"] + rng.normal(0, 0.5), lambda p, rng: 1e6 * p["width"])
    found = narrow(tmp_path / "run", made)
    kept = {name: value for name, value in found.config.space.items() if name != "alphas"}
    assert kept["width"] == SPACE["width"] and kept["unit"] in ("eesp", "mobilenet")
    level = found.config.space["alphas"]
    assert level["per_level"] and len(level["choices"]) == 1 and level["choices"][0] in range(4)


@pytest.mark.parametrize(
    ("count", "accuracy", "words"),
    [
        (19, lambda p, rng: p["width"], "too few: 19 networks, 20 are needed"),
        (60, lambda p, rng: rng.normal(), "the fields do not predict it"),
    ],
)
def test_what_says_nothing_is_one_line(tmp_path: Path, count: int, accuracy: Any, words: str) -> None:
    study(tmp_path / "run")
    with pytest.raises(InputError, match=f"nothing can be said of what mattered for accuracy: {words}"):
        narrow(tmp_path / "run", trials(count, accuracy, lambda p, rng: p["width"]))


def test_a_conditional_field_is_fixed_where_it_is_searched(tmp_path: Path) -> None:
    fusion = {"choices": ["hff", "none"], "where": {"unit": "eesp"}}
    study(tmp_path / "run", space={**SPACE, "fusion": fusion})
    made = trials(
        120,
        lambda p, rng: 40 * p["width"] + 20 * (p["unit"] == "eesp") + rng.normal(0, 0.5),
        lambda p, rng: 1e6 * p["width"] * (1 + p["alphas.3"]),
    )
    found = narrow(tmp_path / "run", made)
    decided = {one.field: one for one in found.decisions}
    assert not decided["unit"].fixed and decided["fusion"].value in ("hff", "none")
    assert found.config.space["fusion"] == {"choices": [decided["fusion"].value], "where": {"unit": "eesp"}}


def scattered(width: float, alphas: Any) -> float:
    """A number that follows from two fields, and that no forest foretells."""
    return math.exp(random.Random(f"{width} {tuple(alphas)}").gauss(14, 1))


def test_what_is_counted_and_not_predicted_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    macs = replace(QUANTITIES["macs"], count=lambda spec: scattered(spec.width, spec.alphas))
    monkeypatch.setitem(QUANTITIES._entries, "macs", macs)
    study(tmp_path / "run")
    made = trials(
        60,
        lambda p, rng: 40 * p["width"] + rng.normal(0, 0.5),
        lambda p, rng: scattered(p["width"], [p[f"alphas.{level}"] for level in (2, 3, 4, 5)]),
    )
    found = narrow(tmp_path / "run", made)
    assert found.counted == ("macs",) and "do not predict" in (found.importances[1].reason or "")
    assert {one.field: one.fixed for one in found.decisions} == {
        "unit": True, "width": False, "alphas": False, "fusion": True,
    }  # fmt: skip
    weights = {one.field: one.weights["macs"] for one in found.decisions}
    assert weights["unit"] is not None and weights["unit"].high == 0
    assert weights["alphas"] is not None and weights["alphas"].mean > 0.5


def test_the_page_weighs_the_same_fields_with_the_same_result(tmp_path: Path) -> None:
    from analysis.store.runs import read_run, write_record
    from reports.frames.merge import merge_runs
    from reports.page.content import content_of

    study(tmp_path / "run")
    made = trials(60, lambda p, rng: 40 * p["width"] + rng.normal(0, 0.5), lambda p, rng: 1e6 * p["width"])
    for one in made:
        spec = {**(one.spec or {}), "gate": one.params["width"] > 0.5}  # a field that nobody freed
        write_record(tmp_path / "run", replace(one, spec=spec))
    page = content_of(merge_runs([tmp_path / "run"]))
    assert page.weights == narrow(tmp_path / "run", read_run(tmp_path / "run").trials).importances
    assert [{weight.field for weight in one.fields} for one in page.weights] == [set(SPACE) - {"network"}] * 2
    assert [one.logarithm for one in page.weights] == [False, True]
    assert not {"gate", "K"} & {axis.name for axis in page.coordinates}


def test_copies_and_given_networks_do_not_count(tmp_path: Path) -> None:
    study(tmp_path / "run")
    made = trials(30, lambda p, rng: p["width"], lambda p, rng: p["width"])
    copies = [replace(one, label=f"c{one.label}", duplicate_of=one.label) for one in made]
    given = [replace(one, label=f"given-{one.label}", arch_id=f"g{one.label}", params={}) for one in made]
    assert narrow(tmp_path / "run", [*made, *copies, *given]).networks == 30


@pytest.mark.slow
def test_the_command_writes_a_study_that_is_one(tmp_path: Path) -> None:
    from analysis.store.runs import write_record

    study(tmp_path / "run")
    made = trials(60, lambda p, rng: 40 * p["width"] + rng.normal(0, 0.5), lambda p, rng: 1e6 * p["width"])
    for one in made:
        write_record(tmp_path / "run", one)
    said = printed(archspace("narrow", "run", "--json", cwd=tmp_path).stdout)
    assert said["explained"]["macs"]["logarithm"] and said["explained"]["macs"]["r2"] > 0.5
    text = (tmp_path / "made-narrow.yaml").read_text()
    assert (
        said["networks"] == 60
        and said["fields"]["width"]["fixed"] is None
        and text.startswith("# The space of run")
    )
    assert parse_config(parse_yaml(text, "study")).space["width"] == SPACE["width"]
    kept = {"name", "task", "data", "space", "objectives", "trials"}
    assert set(parse_yaml(text, "study")) == kept, "what is as by default is left out"
    refused(archspace("narrow", "run", cwd=tmp_path), "made-narrow.yaml: is there already")
    shown = archspace("narrow", "run", "--out", "again.yaml", cwd=tmp_path).stdout
    assert "log macs" in shown and "R² on unseen networks: accuracy " in shown
    assert "free" in shown and "fixed: " in shown and "wrote again.yaml" in shown
    assert archspace("search", "again.yaml", "--dry-run", cwd=tmp_path).returncode == 0


def test_what_is_fixed_is_said_as_yaml_has_it(tmp_path: Path) -> None:
    config = study(tmp_path / "run")
    fixed = {"residual": False, "fusion": "hff", "width": 0.25, "branches": None}
    decisions = tuple(Decision(name, {}, fixed=True, value=value) for name, value in fixed.items())
    found = Narrowed(config, (*decisions, Decision("unit", {})), (), (), 40)
    assert in_words(found) == "residual false, fusion hff, width 0.25, branches null"
    assert in_words(found) in heading(tmp_path / "run", found)
