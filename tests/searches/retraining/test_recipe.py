"""How a network is trained in full: the study's own section stretched, or a recipe at the study's size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from archspace.support.errors import FieldError
from searches.config.recipe import Recipe
from searches.config.study import StudyConfig, parse_config, read_config
from searches.retraining.recipe import MORE_EPOCHS, full_recipe, stretched
from tests.searches.retraining.small_study import small_study


def study(**changes: Any) -> StudyConfig:
    return parse_config(small_study(Path("data"), **changes))


def test_left_out_it_is_the_studys_own_with_ten_times_the_epochs() -> None:
    scenes = read_config("scenes")
    own = full_recipe(scenes, scenes.training, None, None)
    epochs = scenes.training.epochs
    assert own.epochs == MORE_EPOCHS * epochs and f"{epochs} -> {MORE_EPOCHS * epochs} epochs" in own.words
    assert own.recipe.model_dump(exclude={"epochs"}) == scenes.training.model_dump(exclude={"epochs"})


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"schedule": "step", "step_every": 3}, {"step_every": 12}),
        ({"schedule": "cyclic", "halve_at": (2, 5)}, {"halve_at": (8, 20)}),
        ({"schedule": "hybrid", "restarts_until": 4}, {"restarts_until": 16}),
        ({"schedule": "cosine"}, {"step_every": 100, "cycle": 5}),
    ],
)
def test_what_a_schedule_counts_in_epochs_grows_with_them(
    schedule: dict[str, Any], expected: dict[str, Any]
) -> None:
    longer = stretched(Recipe(epochs=5, **schedule), 20)
    assert longer.epochs == 20
    assert {name: getattr(longer, name) for name in expected} == expected


def test_every_stage_grows() -> None:
    recipe = Recipe(
        epochs=2, schedule="step", stages=({"step_every": 1}, {"epochs": 3, "freeze_norms": True})
    )
    plan = stretched(recipe, None).plan()
    assert [(stage.epochs, stage.step_every) for stage in plan] == [(20, 10), (30, 1000)]
    assert [stage.freeze_norms for stage in plan] == [False, True]


def test_a_recipe_keeps_the_studys_input_size_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    stages = [{"epochs": 2, "input_size": [32, 32]}, {"epochs": 1, "sizes": [[64, 64], [16, 16]]}]
    path.write_text(yaml.safe_dump({"training": {"batch": 4, "stages": stages}}))
    full = full_recipe(study(), Recipe(), str(path), None)
    assert [stage.last_size for stage in full.recipe.plan()] == [None, None]
    assert full.epochs == 3 and "16x16, 32x32, 64x64" in full.words and "8x8" in full.words
    longer = full_recipe(study(), Recipe(), str(path), 7)
    assert [stage.epochs for stage in longer.recipe.plan()] == [7, 7]


def test_a_recipe_for_another_task_is_refused_with_those_that_fit() -> None:
    with pytest.raises(FieldError, match="is for detection") as error:
        full_recipe(study(), Recipe(), "ssd", None)
    assert "cifar10" in str(error.value) and "espnet," not in str(error.value)
