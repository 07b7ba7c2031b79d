"""Command: retrain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from archspace.support.options import JsonOption, seed_option, seeds_option
from searches.cli.completion import complete_recipe


def retrain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A study's run folder.", show_default=False)],
    pick: Annotated[
        list[str] | None,
        typer.Option(
            help="knee, best, front, given, or trials' labels; several with commas, or by repeating it.",
            show_default="knee",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Built-in training recipe or YAML file, at the study's input size; the study's own training section "
            "with 10 times its epochs if left out.",
            autocompletion=complete_recipe,
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Of every stage.")] = None,
    seeds: Annotated[int, seeds_option("Train each network so often; gives mean and spread.")] = 1,
    seed: Annotated[int | None, seed_option("The first seed; the study's if left out.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the data set, where it moved.")] = None,
    use_val: Annotated[
        bool, typer.Option("--use-val", help="Learn from train and val; needs a test split.")
    ] = False,
    from_trial: Annotated[
        bool, typer.Option("--from-trial", help="Start from the trial's weights, not from scratch.")
    ] = False,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; the study's if left out.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads; the study's if left out.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Train anew what was retrained in another way.")
    ] = False,
    as_json: JsonOption = False,
    bounds: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Train chosen networks of a study in full, judge each once on the test split, measure and export it.

    Killed at any time, the same command goes on. Each network is a training folder, RUN/retrained/TRIAL-seedSEED.
    """
    from archspace.support.terminal import working
    from searches.cli.early import check_device_name
    from searches.retraining.plan import Wanted, plan, words_of

    if device is not None:
        check_device_name(device)
    wanted = Wanted(
        picks=words_of(pick or ["knee"]), recipe=recipe, epochs=epochs, seeds=seeds, seed=seed, data=data,
        use_val=use_val, from_trial=from_trial, device=device, threads=threads, replace=replace, bounds=bounds,
    )  # fmt: skip
    with working(f"reading {run}") as now:
        todo = plan(run, wanted)
        now("checking the data and the device")
        from searches.retraining.run import check_ready, run_plan

        not_test = check_ready(todo)
    from rich.console import Console

    from searches.cli.retrain_tables import announce, show_retrained

    console = Console(stderr=True)
    announce(todo, wanted, not_test, console)
    results = run_plan(todo, console)
    show_retrained(results, as_json)
    if results.failed:
        raise typer.Exit(1)
