"""Command: train."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.options import NETWORK, WEIGHTS, JsonOption, seed_option
from searches.cli.completion import complete_recipe, complete_trained

if TYPE_CHECKING:
    from searches.training.run import TrainResult


def train(
    what: Annotated[
        str,
        typer.Argument(
            metavar="SPEC",
            help=f"A preset, {NETWORK}; a training folder to go on with; a run's YAML, or a recipe with a network.",
            autocompletion=complete_trained,
        ),
    ],
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Built-in training recipe or YAML file; see 'archspace recipes'.",
            autocompletion=complete_recipe,
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    layout: Annotated[
        str | None, typer.Option(help="Layout of the data; seen from the folder if left out.")
    ] = None,
    input: Annotated[
        str | None, typer.Option(metavar="HxW", help="Size of the network's input and of the decoded images.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Of every stage.", min=1)] = None,
    batch: Annotated[
        int | None, typer.Option(help="Images a step, or streams of a text; in every stage.", min=1)
    ] = None,
    init: Annotated[
        str | None, typer.Option(metavar="NET", help=f"Start from its weights: {WEIGHTS}.")
    ] = None,
    seed: Annotated[int | None, seed_option("Everything random follows from it.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads.", min=1)] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/RECIPE if left out.")] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Scalars and pictures for TensorBoard, in the run folder.")
    ] = False,
    range_test: Annotated[
        bool, typer.Option("--range-test", help="Do not train: raise the learning rate and suggest one.")
    ] = False,
    range_low: Annotated[float, typer.Option(help="Learning rate at which the range test starts.")] = 1e-6,
    range_high: Annotated[float, typer.Option(help="Learning rate at which it ends at the latest.")] = 1.0,
    range_steps: Annotated[int, typer.Option(help="Steps of the range test.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Train one network by a recipe; killed at any time, the same command goes on and comes to the same weights."""
    from archspace.spec.naming import parse_size
    from archspace.support.errors import InputError
    from archspace.support.terminal import working
    from searches.cli.early import check_training
    from searches.training.resolve import resolved

    changes: dict[str, Any] = {
        "data.root": None if data is None else str(data.expanduser().resolve()), "data.layout": layout,
        "training.epochs": epochs, "training.batch": batch, "seed": seed, "threads": threads, "device": device,
        "init": init,
    }  # fmt: skip
    given = {name: value for name, value in changes.items() if value is not None}
    size = None if input is None else parse_size(input)
    meant = resolved(what, recipe, given, size)
    check_training(meant)
    with working(f"opening {meant.name}: {what}"):
        from searches.training.range_test import RangeQuestion
        from searches.training.run import find_rate
        from searches.training.run import train as run
        from searches.training.steps import TrainingError, out_of_memory
    try:
        if range_test:
            question = RangeQuestion(range_low, range_high, range_steps)
            find_rate(what, recipe, given, size, out, as_json, question)
            return
        result = run(
            what, recipe, out=out, changes=given, input_size=size, progress=True, tensorboard=tensorboard
        )
    except TrainingError as error:
        typer.echo(f"archspace: {error}", err=True)
        raise typer.Exit(1) from None
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        rule = "out of memory outside the training steps; give a smaller --input, or fewer images"
        raise InputError(f"{what}: {rule} ({str(error).splitlines()[0]})") from None
    show_training(result, as_json)


def show_training(result: TrainResult, as_json: bool) -> None:
    """Prints what a training run came to."""
    import json

    from archspace.checkpoint import WEIGHTS_FILE
    from archspace.support.terminal import output

    if as_json:
        typer.echo(json.dumps(dict(result.metrics)))
        return
    console = output()
    console.print(f"{result.metrics['network']}: {result.headline}")
    console.print(f"weights: {result.folder / WEIGHTS_FILE}")


def recipes(
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of a recipe instead, for editors.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the built-in training recipes: what each is for and where its numbers stand."""
    import json

    if schema:
        from searches.config.schema import training_schema

        typer.echo(json.dumps(training_schema(), indent=1))
        return
    from archspace.support.terminal import Column, TerminalTable
    from searches.config.training import read_train, train_recipes

    rows = []
    for name in train_recipes():
        config = read_train(name)
        stages = config.training.plan()
        rows.append({
            "recipe": name, "about": config.about, "source": config.source, "stages": len(stages),
            "epochs": sum(stage.epochs for stage in stages), "batch": [stage.batch for stage in stages],
            "optimizer": stages[0].optimizer, "schedule": stages[0].schedule, "lr": [stage.lr for stage in stages],
        })  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = TerminalTable(
        "recipe", Column("about", "text"), Column("epochs", "number"), Column("batch", "number", 2),
        Column("schedule", "text", 1), Column("lr", "text", 3), Column("source", "text", 4),
    )  # fmt: skip
    for row in rows:
        listed = (", ".join(map(str, row[key])) for key in ("batch", "lr"))  # type: ignore[call-overload]
        batch, rate = listed
        table.add(
            str(row["recipe"]), str(row["about"]), str(row["epochs"]), batch,
            f"{row['optimizer']}, {row['schedule']}", rate, str(row["source"]) or "ours",
        )  # fmt: skip
    table.print()
