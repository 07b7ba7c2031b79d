"""The learning-rate range test: its rule, that it is repeated exactly, and its files."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from archspace.support.errors import FieldError
from searches.config.recipe import Recipe
from searches.training.range_test import SETTLED, RangeQuestion, range_test, suggestion
from tests.commands import archspace, refused
from tests.searches.studies import write_recipe
from tests.searches.training.small_runs import CLASSIFIER, CPU, SEGMENTER, fresh, task_of


def test_rates_rise_by_one_factor_from_low_to_high() -> None:
    question = RangeQuestion(1e-4, 1.0, 21)
    rates = [question.rate(step) for step in range(21)]
    assert rates[0] == pytest.approx(1e-4) and rates[-1] == pytest.approx(1.0)
    assert np.diff(np.log(rates)) == pytest.approx(math.log(1e4) / 20)


def test_the_rule_on_a_curve_of_known_slope() -> None:
    rates = np.geomspace(1e-5, 1, 101)
    x = np.log10(rates)
    falling = 2 - 1 / (1 + np.exp(-4 * (x + 3)))  # steepest at 1e-3
    late = falling + np.where(x > -0.5, (x + 0.5) * 4, 0)  # its minimum at 10^-0.5
    assert suggestion(rates, late) == pytest.approx(1e-3, rel=0.1)
    early = falling + np.where(x > -2.5, (x + 2.5) * 4, 0)  # a minimum soon after the steepest descent
    assert suggestion(rates, early) == pytest.approx(10**-2.5 / 10, rel=0.1)


def test_a_loss_that_does_not_fall_suggests_nothing() -> None:
    rates = np.geomspace(1e-5, 1, 50)
    assert suggestion(rates, np.ones(50)) is None
    assert suggestion(rates, np.linspace(1, 5, 50)) is None
    assert suggestion(rates[:SETTLED], np.linspace(5, 1, SETTLED)) is None


@pytest.mark.slow
@pytest.mark.parametrize("fields", [CLASSIFIER, SEGMENTER])
def test_the_same_seed_finds_the_same(fields: dict[str, object]) -> None:
    recipe = Recipe(batch=4, optimizer="sgd", shift=1)
    question = RangeQuestion(1e-4, 10.0, 40)
    runs = [
        range_test(fresh(fields), task_of(fields), recipe, question, seed=s, device=CPU) for s in (1, 1, 2)
    ]
    assert runs[0] == runs[1] and runs[0].losses != runs[2].losses
    assert len(runs[0].rates) == len(runs[0].smoothed) <= 40


def test_it_stops_where_the_loss_diverges() -> None:
    recipe = Recipe(batch=4, optimizer="sgd", momentum=0.0)
    question = RangeQuestion(1e-3, 1e12, 60)
    curve = range_test(fresh(SEGMENTER), task_of(SEGMENTER), recipe, question, seed=1, device=CPU)
    assert curve.ended == "diverged" and len(curve.rates) < 60
    assert all(math.isfinite(loss) for loss in curve.losses)


def test_a_stage_without_its_decoder_is_tested_without_it() -> None:
    recipe = Recipe(batch=4, stages=({"encoder_only": True, "coarse_labels": True}, {}))
    network = fresh(SEGMENTER)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    range_test(network, task_of(SEGMENTER), recipe, RangeQuestion(1e-4, 1.0, 20), seed=1, device=CPU)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_what_is_no_range_is_refused() -> None:
    for low, high, steps, field in ((0.0, 1.0, 50, "low"), (1.0, 0.5, 50, "high"), (0.1, 1.0, 5, "steps")):
        with pytest.raises(FieldError, match=f"--range-{field}: "):
            RangeQuestion(low, high, steps)


@pytest.mark.slow
def test_the_command_writes_a_table_and_a_plot_and_no_weights(cache_folder: Path, tmp_path: Path) -> None:
    words = ("train", write_recipe(tmp_path, {"batch": 8, "lr": 0.01}))
    more = ("--range-test", "--range-steps", "25", "--out", tmp_path / "run")
    completed = archspace(*words, *more, "--json")
    assert completed.returncode == 0, completed.stderr
    result = json.loads(completed.stdout)
    with (tmp_path / "run" / "range.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == result["steps"] and float(rows[0]["lr"]) == pytest.approx(1e-6)
    assert result["recipe_lr"] == 0.01 and "steepest" in result["rule"]
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"range.csv", "range.html"} <= written <= {"range.csv", "range.html", "range.png"}
    trained = archspace(*words, "--out", tmp_path / "run", "--json")
    assert trained.returncode == 0, "a range test does not stand in the way of the run"
    refused(archspace(*words, "--range-test", "--range-low", "2", "--out", tmp_path / "x"), "--range-high")
