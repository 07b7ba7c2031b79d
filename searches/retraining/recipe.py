"""How the chosen networks of a study are trained in full: its own section with more epochs, or a recipe. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import read_spec
from archspace.support.errors import FieldError, closest
from searches.config.recipe import Recipe, Stage
from searches.config.study import StudyConfig
from searches.config.training import TrainConfig, read_train, train_recipes

MORE_EPOCHS = 10
"""How many times the study's own epochs a full training has, where nothing else is asked for."""
SIZES: Mapping[str, Any] = {"input_size": None, "sizes": ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class FullRecipe:
    """A recipe for full training.

    Attributes:
        name: for people and records; two trainings of one name and other epochs are told apart by these.
        recipe: how each network is trained.
        words: what it is, in a line.
    """

    name: str
    recipe: Recipe
    words: str

    @property
    def epochs(self) -> int:
        """Of all stages."""
        return epochs_of(self.recipe)


def epochs_of(recipe: Recipe) -> int:
    """Returns the epochs of all stages."""
    return sum(stage.epochs for stage in recipe.plan())


def full_recipe(study: StudyConfig, own: Recipe, name: str | None, epochs: int | None) -> FullRecipe:
    """Returns how a network is trained in full.

    Args:
        study: whose network it is.
        own: how the study trained it.
        name: a built-in recipe or a YAML file; the study's own section, stretched, if left out.
        epochs: of every stage; :data:`MORE_EPOCHS` times the study's, or the recipe's own, if left out.

    Raises:
        InputError: no such recipe, or it is for networks of another task.
    """
    if name is None:
        recipe = stretched(own, epochs)
        before, after = epochs_of(own), epochs_of(recipe)
        how = f"{after} epochs" if before == after else f"{before} -> {after} epochs, its schedule stretched"
        return FullRecipe(
            name="the study's own", recipe=recipe, words=f"the study's own training section, {how}"
        )
    config = read_train(name)
    task = _task_of(config)
    if task not in (None, study.task):
        rule = f"is for {task}, the networks of {study.name} are for {study.task}"
        raise FieldError("--recipe", name, rule, closest("", _recipes_for(study.task)))
    recipe, note = _at_study_size(config.training, study)
    if epochs is not None:
        stages = tuple({**stage, "epochs": epochs} for stage in recipe.stages)
        recipe = Recipe.model_validate({**recipe.model_dump(), "epochs": epochs, "stages": stages})
    short = Path(name).stem
    return FullRecipe(name=short, recipe=recipe, words=f"{short}, {epochs_of(recipe)} epochs{note}")


def stretched(recipe: Recipe, epochs: int | None) -> Recipe:
    """Returns a recipe with more epochs in every stage; what its schedule counts in epochs grows alike.

    Args:
        recipe: how the study trains.
        epochs: of every stage; :data:`MORE_EPOCHS` times its own if left out.
    """
    stages = recipe.plan()
    if not recipe.stages:
        return Recipe.model_validate({**recipe.model_dump(), **_longer(stages[0], epochs)})
    longer = ({**held, **_longer(stage, epochs)} for held, stage in zip(recipe.stages, stages, strict=True))
    return Recipe.model_validate({**recipe.model_dump(), "stages": tuple(longer)})


def _longer(stage: Stage, epochs: int | None) -> dict[str, Any]:
    new = MORE_EPOCHS * stage.epochs if epochs is None else epochs
    times = new / stage.epochs
    by_schedule: dict[str, dict[str, Any]] = {
        "step": {"step_every": max(1, round(times * stage.step_every))},
        "cyclic": {"halve_at": tuple(max(1, round(times * epoch)) for epoch in stage.halve_at)},
        "hybrid": {"restarts_until": round(times * stage.restarts_until)},
    }
    return {"epochs": new, **by_schedule.get(stage.schedule, {})}


def _at_study_size(recipe: Recipe, study: StudyConfig) -> tuple[Recipe, str]:
    """The recipe at the study's input size alone, on which a network's costs stand, and what was left out."""
    ours = study.input_size
    sizes = {size for stage in recipe.plan() for size in (*stage.sizes, stage.input_size) if size is not None}
    if not sizes - {ours}:
        return recipe, ""
    stages = tuple({k: v for k, v in stage.items() if k not in SIZES} for stage in recipe.stages)
    others = ", ".join("x".join(map(str, size)) for size in sorted(sizes - {ours}))
    kept = Recipe.model_validate({**recipe.model_dump(), **SIZES, "stages": stages})
    return kept, f"; its input sizes ({others}) are not the study's {'x'.join(map(str, ours))}, which stays"


def _task_of(config: TrainConfig) -> str | None:
    """The task that a recipe is for, where it names a network."""
    if config.spec is None:
        return None
    return (read_spec(config.spec) if isinstance(config.spec, str) else ArchSpec.from_dict(config.spec)).task


def _recipes_for(task: str) -> list[str]:
    return [name for name in train_recipes() if _task_of(read_train(name)) == task]
