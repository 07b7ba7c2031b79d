"""The rungs of a study as its file says them."""

from __future__ import annotations

from typing import Any

import pytest

from archspace.support.errors import InputError
from searches.config.recipe import Recipe
from searches.config.rungs import Rungs, cost_of_one, least_trainings
from searches.config.study import StudyConfig, parse_config
from tests.searches.studies import tiny


def study(judging: object, **changes: Any) -> StudyConfig:
    return parse_config(tiny(**{"training": {"epochs": 9}, "judging": judging, **changes}))


@pytest.mark.parametrize(
    ("judging", "levels"),
    [
        (None, (9,)),
        ({}, (9,)),
        ({"rungs": []}, (9,)),
        ({"rungs": None}, (9,)),
        ({"rungs": [1, 3]}, (1, 3, 9)),
        ({"rungs": [1, 3, 9]}, (1, 3, 9)),
        ({"rungs": "auto"}, (1, 3, 9)),
        ({"rungs": "auto", "reduction": 2}, (1, 2, 4, 9)),
    ],
    ids=str,
)
def test_the_end_of_the_training_is_the_last_rung(judging: object, levels: tuple[int, ...]) -> None:
    config = study(judging) if judging is not None else parse_config(tiny(training={"epochs": 9}))
    assert config.levels == levels
    assert parse_config(config.model_dump(mode="json")) == config


ENCODER_FIRST = {"epochs": 3, "stages": [{"encoder_only": True}, {"epochs": 6}]}


@pytest.mark.parametrize(
    ("judging", "changes", "parts"),
    [
        ({"rungs": [1, 2, 40]}, {}, ["[1, 2, 40]", "which has 9 epochs", "nearest valid: [1, 2]"]),
        ({"rungs": [40]}, {}, ["longer than the training", "nearest valid: [4]"]),
        ({"rungs": [2, 1]}, {}, ["must rise", "nearest valid: [1, 2]"]),
        ({"rungs": [1, 1, 2]}, {}, ["each rung once", "nearest valid: [1, 2]"]),
        ({"rungs": [0, 2]}, {}, ["from 1 on", "nearest valid: [2]"]),
        ({"rungs": 2}, {}, ["judging.rungs: 2", "a list of epochs, or auto", "nearest valid: [2]"]),
        ({"rungs": True}, {}, ["a list of epochs, or auto", "nearest valid: auto"]),
        ({"rungs": "three"}, {}, ["'three'", "a list of epochs, or auto"]),
        ({"rungs": [1.5]}, {}, ["judging.rungs: [1.5]", "a list of epochs, or auto"]),
        ({"rung": [1]}, {}, ["judging.rung", "unknown field", "rungs"]),
        ({"reduction": 4}, {}, ["judging.reduction: 4", "left out", "nearest valid: rungs: auto"]),
        ({"rungs": [1], "reduction": 1}, {}, ["judging.reduction: 1", "nearest valid: 2"]),
        ({"rungs": [1, 3], "reduction": 9}, {}, ["trials: 6", "too few", "nearest valid: 12"]),
        ({"rungs": "auto"}, {"training": {"epochs": 1}}, ["1 epoch has no epoch before its end"]),
        ({"rungs": [2, 4]}, {"training": ENCODER_FIRST}, ["not trained before epoch 4", "valid: [4]"]),
        ({"rungs": [1]}, {"trials": 0, "given": ["espnetv2-0.5"]}, ["given networks are all trained in full"]),
    ],
    ids=str,
)  # fmt: skip
def test_rungs_that_do_not_fit_the_training(
    judging: object, changes: dict[str, Any], parts: list[str]
) -> None:
    with pytest.raises(InputError) as raised:
        study(judging, **changes)
    for part in parts:
        assert part in str(raised.value)


def test_auto_compares_whole_networks_only() -> None:
    recipe = Recipe.model_validate(ENCODER_FIRST)
    assert Rungs(rungs="auto", reduction=2).levels(recipe) == (4, 9)


def test_what_is_asked_of_the_budget() -> None:
    assert cost_of_one((9,), 3) == 9
    assert cost_of_one((1, 3, 9), 3) == pytest.approx(1 + 2 / 3 + 6 / 9)
    assert [least_trainings(levels, 3) for levels in ((9,), (3, 9), (1, 3, 9))] == [1, 2, 3]
