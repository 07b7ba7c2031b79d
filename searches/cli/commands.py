"""Commands: search, compare, export, evaluate, demo, train, recipes, init, spaces, data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from searches.cli import compare_command, data_commands
from searches.cli.demo_command import demo
from searches.cli.train_command import recipes, train

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def register(app: typer.Typer) -> None:
    """Adds this package's commands."""
    app.command(epilog="Example: archspace search scenes --out runs/scenes")(search)
    app.command(epilog="Example: archspace export runs/scenes --pick knee")(export)
    app.command(epilog="Example: archspace evaluate espnet_p2_q8_camvid.pth --data camvid --split test")(
        evaluate
    )
    app.command(epilog="Example: archspace train espnetv2-0.5 --recipe cifar10 --data cifar10")(train)
    app.command(epilog="Example: archspace demo espnet_p2_q8_cityscapes.pth street.png --beside")(demo)
    app.command(epilog="Example: archspace recipes")(recipes)
    app.command(epilog="Example: archspace init study.yaml")(init)
    app.command(epilog="Example: archspace spaces")(spaces)
    compare_command.register(app)
    data_commands.register(app)


def search(
    study: Annotated[
        str, typer.Argument(help="A study's YAML file, a built-in recipe, or a run folder.")
    ] = "scenes",
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/NAME if left out.")] = None,
    trials: Annotated[int | None, typer.Option(help="Sampled trials to finish.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the study.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that share the study.", min=1)] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None,
    storage: Annotated[str | None, typer.Option(help="Optuna storage URL.")] = None,
    as_json: Json = False,
) -> None:
    """Launch a search study, or resume the one in the run folder."""
    from searches.study.run import run_study

    changes: dict[str, Any] = {
        "data.root": None if data is None else str(data.expanduser().resolve()),
        "trials": trials, "seed": seed, "device": device, "workers": workers,
        "storage": storage,
    }  # fmt: skip
    run_study(study, {k: v for k, v in changes.items() if v is not None}, out, as_json)


def export(
    run: Annotated[Path, typer.Argument(help="A run folder, or a checkpoint file.")],
    pick: Annotated[str, typer.Option(help="knee, best, or a trial's number.")] = "knee",
    max_macs: Annotated[float | None, typer.Option(help="Only networks with at most so many MACs.")] = None,
    max_params: Annotated[
        float | None, typer.Option(help="Only networks with at most so many parameters.")
    ] = None,
    max_latency_ms: Annotated[
        float | None, typer.Option(help="Only networks at most so slow, in ms.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; RUN/export/PICK if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Write a chosen network as spec, weights, ONNX and card, and prove that ONNX Runtime agrees with torch."""
    from searches.study.run import export_trial

    most = {"macs": max_macs, "params": max_params, "latency_ms": max_latency_ms}
    export_trial(run, pick, {k: v for k, v in most.items() if v is not None}, out, as_json)


def evaluate(
    checkpoint: Annotated[
        Path, typer.Argument(help="A checkpoint, an exported folder, or a published .pth file.")
    ],
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "val",
    layout: Annotated[
        str | None, typer.Option(help="Layout of the data; seen from the folder if left out.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    as_json: Json = False,
) -> None:
    """Measure a checkpoint on a split: the metrics of its task, by class too."""
    from searches.training.evaluate import evaluate as run

    run(checkpoint, data, layout, split, device, as_json)


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("study.yaml"),
    recipe: Annotated[str, typer.Option(help="Built-in recipe to start from.")] = "scenes",
) -> None:
    """Write a commented study.yaml to start from."""
    from archspace.support.errors import FieldError, InputError, closest
    from archspace.support.files import write_text
    from searches.config.study import recipes

    known = recipes()
    if recipe not in known:
        raise FieldError("--recipe", recipe, "unknown recipe", closest(recipe, list(known)))
    if path.exists():
        raise InputError(f"{path}: is there already; give another name")
    write_text(path, known[recipe])
    typer.echo(f"wrote {path}; run it with: archspace search {path}")


def spaces(as_json: Json = False) -> None:
    """List the built-in recipes: what each searches, on which data."""
    import json

    import yaml
    from rich.console import Console
    from rich.table import Table

    from searches.config.study import parse_config, recipes

    rows: dict[str, dict[str, Any]] = {}
    for name, text in recipes().items():
        config = parse_config(yaml.safe_load(text))
        rows[name] = {
            "task": config.task, "data": config.data.layout, "input_size": list(config.data.input_size),
            "objectives": list(config.objectives), "trials": config.trials,
            "free": [field for field, value in config.space.items() if isinstance(value, dict)],
        }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("recipe", "task", "data", "H x W", "objectives", "trials", "free fields")
    for name, row in rows.items():
        size = " x ".join(map(str, row["input_size"]))
        table.add_row(
            name,
            row["task"],
            row["data"],
            size,
            ", ".join(row["objectives"]),
            str(row["trials"]),
            ", ".join(row["free"]),
        )
    Console().print(table)
