"""Command: search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.errors import FieldError, closest
from archspace.support.options import JsonOption, seed_option
from searches.cli.completion import complete_study

if TYPE_CHECKING:
    from searches.config.study import StudyConfig


def workers_of(text: str) -> int | str:
    """Returns what ``--workers`` says."""
    if text == "auto":
        return text
    if not text.isdigit() or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is neither a whole number from 1 on nor auto")
    return int(text)


def search(
    study: Annotated[
        str,
        typer.Argument(
            help="A study's YAML file, a built-in study, or a run folder.", autocompletion=complete_study
        ),
    ] = "scenes",
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; runs/NAME if left out.")] = None,
    trials: Annotated[int | None, typer.Option(help="Sampled trials to finish.")] = None,
    seed: Annotated[int | None, seed_option("Seed of the study.")] = None,
    workers: Annotated[
        Any,
        typer.Option(
            parser=workers_of,
            metavar="N|auto",
            show_default="the study's",
            help="Processes that share the study; auto: one for every core that its threads leave.",
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None,
    storage: Annotated[str | None, typer.Option(help="Optuna storage URL.")] = None,
    engine: Annotated[
        str, typer.Option(metavar="local|ray", help="What trains: processes here, or tasks of a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="Of the Ray cluster; auto: that of this machine. Left out, one is started here."),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Measure even what the cache has; of a study that is done, the front."),
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="A run a trial for TensorBoard, in the run folder.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what the space and its limits hold; train and write nothing."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Launch a search study, or resume the one in the run folder."""
    from archspace.support.terminal import working

    every = engine == "ray" and workers == "auto"
    if engine not in ("local", "ray"):
        raise FieldError("--engine", engine, "there is no such engine", closest(engine, ["local", "ray"]))
    if address is not None and engine != "ray":
        raise FieldError("--address", address, "only a Ray cluster has one", "--engine ray")
    changes: dict[str, Any] = {
        "data.root": None if data is None else str(data.expanduser().resolve()),
        "trials": trials, "seed": seed, "device": device, "workers": None if every else workers,
        "storage": storage,
    }  # fmt: skip
    with working(f"reading the study {study}") as now:
        from searches.cli.early import check_study
        from searches.config.source import read_study

        config, folder = read_study(study, {k: v for k, v in changes.items() if v is not None}, out)
        check_study(config, folder)
        if dry_run:
            now("drawing networks of the space and counting them")
            from searches.cli.dry_run import show_dry_run

            show_dry_run(config, as_json)
            return
        now(f"{folder}: {wanted(config)}: starting")
        from searches.cli.summary import show_study
        from searches.study.run import Engine, run_study
    trained_by = Engine("ray", address, every) if engine == "ray" else Engine()
    study_run = run_study(config, folder, fresh=fresh, tensorboard=tensorboard, engine=trained_by)
    show_study(config, folder, study_run.records(), as_json)


def wanted(config: StudyConfig) -> str:
    """Returns what a study is to do, in a few words: ``24 trials and 1 given network on scenes, 2 workers``."""
    parts = [(config.trials, "trial"), (len(config.given), "given network")]
    said = " and ".join(f"{count} {word}{'s' * (count > 1)}" for count, word in parts if count)
    workers = f"{config.workers} worker{'s' * (config.workers > 1)}"
    return f"{said} on {config.data.root or config.data.layout}, {workers}"
