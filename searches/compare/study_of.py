"""From a comparison and a budget to a study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.quantities import main_metric
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import parse_size
from archspace.support.errors import FieldError
from archspace.support.yaml_text import parse_yaml
from searches.compare.comparisons import Compared
from searches.config.recipe import Recipe
from searches.config.study import StudyConfig, parse_config, recipes
from searches.config.training import read_train
from searches.data.identify import TEXT, identify

BUILT_IN = {"classification": "digits"}
"""Layout of the data that are there without a folder, by task; the drawn scenes are there for every other."""
USUAL = {
    "classification": "cifar10", "multilabel": "multilabel", "segmentation": "espnetv2-cityscapes", "detection": "ssd",
}  # fmt: skip
"""By task, a recipe to name where data of a folder come without one."""


@dataclass(frozen=True, slots=True)
class Budget:
    """On which data, how long and where: the options that every comparison has."""

    data: Path | None = None
    layout: str | None = None
    size: str | None = None
    images: int | None = None
    recipe: str | None = None
    epochs: int | None = None
    batch: int | None = None
    seed: int = 0
    seeds: int = 1
    workers: int = 1
    device: str = "cpu"
    measure_on: str = "cpu"
    energy: bool = False


def comparison_study(make: Callable[[Recipe], Compared], task: str, budget: Budget) -> StudyConfig:
    """Returns the study of a comparison.

    Raises:
        InputError: anything the user gave cannot be used.
    """
    if task not in USUAL:
        raise FieldError(
            "--task", task, "networks of this task are not compared by training", next(iter(USUAL))
        )
    layout = budget.layout or (BUILT_IN.get(task, "scenes") if budget.data is None else identify(budget.data))
    if layout == TEXT:
        raise FieldError(
            "--data", str(budget.data), "are text; comparisons are of images", "a folder of images"
        )
    training = _recipe(task, layout, budget)
    compared = make(training)
    data = {
        **_own_data(layout, compared),
        "layout": layout,
        "root": None if budget.data is None else str(budget.data.expanduser().resolve()),
    }
    if budget.size is not None:
        data["input_size"] = list(parse_size(budget.size))
    if budget.images is not None:
        data["train"] = budget.images
    comparison = compared.comparison
    given = compared.repeated(budget.seed, budget.seeds)
    name = "-".join(word for word in ("compare", comparison.kind, comparison.paper, layout) if word)
    return parse_config(
        {
            "name": name, "task": task, "data": data, "trials": 0, "seed": budget.seed,
            "given": [one.model_dump(mode="json") for one in given],
            "objectives": [main_metric(task).name, "params", "latency_ms"],
            "training": training.model_dump(mode="json"),
            "device": budget.device, "workers": budget.workers,
            "measure": {"device": budget.measure_on, "power": budget.energy, "again": False},
            "comparison": comparison.model_dump(mode="json"),
        }
    )  # fmt: skip


def _own_data(layout: str, compared: Compared) -> dict[str, Any]:
    """Size, channels and numbers of images where the user does not say: the built-in data's, else the networks'."""
    known = recipes()
    if layout in known:
        built_in: dict[str, Any] = parse_yaml(known[layout], layout)["data"]
        return dict(built_in)
    spec: Any = compared.given[0].spec
    return {"input_size": list(ArchSpec.from_dict(spec).input_size)}


def _recipe(task: str, layout: str, budget: Budget) -> Recipe:
    """How every network is trained."""
    known = recipes()
    if budget.recipe is not None:
        fields = read_train(budget.recipe).training.model_dump(mode="json")
    elif layout in known:
        fields = Recipe.model_validate(parse_yaml(known[layout], layout)["training"]).model_dump(mode="json")
    else:
        raise FieldError("--recipe", None, "says how the networks are trained", USUAL[task])
    changes = {"epochs": budget.epochs, "batch": budget.batch}
    for name, value in changes.items():
        if value is not None:
            fields[name] = value
            fields["stages"] = [{k: v for k, v in stage.items() if k != name} for stage in fields["stages"]]
    if budget.size is not None:
        fields |= {"input_size": None, "sizes": []}
    return Recipe.model_validate(fields)
