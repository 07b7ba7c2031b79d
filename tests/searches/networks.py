"""One small network in every form in which a user may name one: a real study, training, export and checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from archspace.export.export import export
from archspace.spec.naming import find_network
from searches.config.study import parse_config
from searches.study.run import run_study
from searches.training.run import train
from tests.searches.studies import tiny

RECIPE = {
    "name": "digits",
    "data": {"layout": "digits", "train": 64, "val": 60},
    "training": {"epochs": 1, "batch": 32, "flip": False},
}
TRAINED = ("RUN:N", "RUN:knee", "training folder", "export folder", "checkpoint folder", "checkpoint")
"""Forms with weights that :func:`write_networks` makes."""
FORMS = ("spec file", *TRAINED)


def write_networks(folder: Path) -> dict[str, str]:
    """Writes the networks to ``folder`` and returns their texts by form; all read 8 x 8 grey digits."""
    run = folder / "run"
    trials = run_study(parse_config(tiny(trials=3, objectives=["accuracy", "params"])), run).records()
    label = next(t.label for t in trials if t.state == "complete" and t.duplicate_of is None)
    spec = find_network(f"{run}:{label}").spec
    assert spec is not None
    (folder / "net.yaml").write_text(spec.to_yaml())
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE))
    train(str(folder / "net.yaml"), str(recipe), out=folder / "training")
    shutil.copy(folder / "training" / "weights.safetensors", folder / "net.safetensors")
    (folder / "held").mkdir()
    shutil.copy(folder / "net.safetensors", folder / "held" / "weights.safetensors")
    export(find_network(str(folder / "net.safetensors")).load(), folder / "export")
    return {
        "spec file": str(folder / "net.yaml"),
        "RUN:N": f"{run}:{label}",
        "RUN:knee": f"{run}:knee",
        "training folder": str(folder / "training"),
        "export folder": str(folder / "export"),
        "checkpoint folder": str(folder / "held"),
        "checkpoint": str(folder / "net.safetensors"),
        "onnx": str(folder / "export" / "model.onnx"),
        "run": str(run),
        "recipe": str(recipe),
    }
