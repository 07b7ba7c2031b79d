"""From what the user names to the training run that is meant."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.store.runs import TRAIN_FILE
from archspace.spec.archspec import ArchSpec
from archspace.spec.naming import read_spec
from archspace.support.errors import FieldError
from archspace.support.text_files import read_text
from searches.config.changes import changed
from searches.config.training import TrainConfig, parse_train, read_train, train_recipes

USUAL = {
    "classification": "cifar10", "multilabel": "scenes-multilabel", "segmentation": "scenes", "detection": "bccd",
    "language": "wikitext2-small",
}  # fmt: skip
"""By task, a recipe to name to somebody who names none."""


def resolved(
    network: ArchSpec | str | os.PathLike[str],
    recipe: str | os.PathLike[str] | Mapping[str, Any] | None,
    changes: Mapping[str, Any],
    size: tuple[int, int] | None,
) -> TrainConfig:
    """Returns the run that the user means.

    Raises:
        InputError: a name, file or field is wrong.
    """
    if isinstance(network, ArchSpec):
        return _by_recipe(network, recipe, changes, size)
    what = os.fspath(network)
    path = Path(what)
    if (path / TRAIN_FILE).is_file():
        if recipe is not None:
            raise FieldError(
                "--recipe", str(recipe), f"{what} is a run with a recipe of its own", "leave it out"
            )
        return _changed(read_train(str(path / TRAIN_FILE)), changes)
    if recipe is None:
        if path.suffix in (".yaml", ".yml") and path.is_file() and "training:" in read_text(path):
            return _changed(read_train(what), changes)
        if what in train_recipes() and not path.exists():
            return _changed(read_train(what), changes)
    return _by_recipe(read_spec(what), recipe, changes, size)


def _by_recipe(
    spec: ArchSpec,
    recipe: str | os.PathLike[str] | Mapping[str, Any] | None,
    changes: Mapping[str, Any],
    size: tuple[int, int] | None,
) -> TrainConfig:
    if recipe is None:
        raise FieldError("--recipe", None, "says how the network is trained", USUAL.get(spec.task))
    config = parse_train(recipe, "recipe") if isinstance(recipe, Mapping) else read_train(os.fspath(recipe))
    if size is not None and spec.task == "language":
        rule = "is of images; a text is read in windows of training.window tokens"
        raise FieldError("--input", size, rule, "leave it out")
    spec = spec.replace(input_size=size) if size is not None else spec
    sizes = (
        {} if size is None else {"data.input_size": size, "training.input_size": None, "training.sizes": ()}
    )
    return _changed(config, {"spec": spec.to_dict(), **sizes, **changes})


def _changed(config: TrainConfig, changes: Mapping[str, Any]) -> TrainConfig:
    """``config`` with values replaced by dotted field (``training.epochs``); stages take epochs and batch too."""
    data = config.model_dump(mode="json")
    for name, value in changes.items():
        data = changed(data, {name: value})
        outer, _, last = name.rpartition(".")
        if outer == "training":
            stages = data["training"]["stages"]
            if isinstance(stages, list | tuple) and all(isinstance(stage, Mapping) for stage in stages):
                kept = [{key: stage[key] for key in stage if key != last} for stage in stages]
                data["training"] = {**data["training"], "stages": kept}
    return parse_train(data, "train")
