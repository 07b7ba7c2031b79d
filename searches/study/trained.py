"""A training that is done and kept: its metric beside its weights, with what was trained how on which data."""

from __future__ import annotations

import json
from pathlib import Path

from analysis.store.records import Measurement
from archspace.checkpoint import WEIGHTS_FILE, load
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from archspace.support.files import write_text
from archspace.support.text_files import parse_json
from searches.config.recipe import Recipe
from searches.tasks.base import Task

TRAINED_FILE = "trained.json"
"""The metric of a trial that was trained, beside its weights."""


def keep_trained(folder: Path, spec: ArchSpec, recipe: Recipe, task: Task, metric: Measurement) -> None:
    """Writes the metric beside the weights."""
    how = {"recipe": recipe.model_dump(mode="json"), "data": task.describe()}
    data = {"arch_id": spec.arch_id, **how, "metric": metric.to_dict()}
    write_text(folder / TRAINED_FILE, json.dumps(data) + "\n")


def read_trained(
    folder: Path, spec: ArchSpec, recipe: Recipe, task: Task
) -> tuple[Network, Measurement] | None:
    """Returns the network and its metric as an earlier process left them; ``None`` where it trained something else.

    An earlier archspace kept no recipe and no data.
    """
    if not (folder / TRAINED_FILE).is_file():
        return None
    try:
        data = parse_json((folder / TRAINED_FILE).read_text(encoding="utf-8"), "JSON")
        network = load(folder / WEIGHTS_FILE)
    except (InputError, ValueError):
        return None
    ours = {"arch_id": spec.arch_id, "recipe": recipe.model_dump(mode="json"), "data": task.describe()}
    same = all(data.get(name, value) == value for name, value in ours.items())
    return (network, Measurement.from_dict(data["metric"])) if same else None
