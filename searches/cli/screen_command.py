"""Command: screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archspace.support.options import JsonOption, seed_option
from searches.cli.completion import complete_study

if TYPE_CHECKING:
    from collections.abc import Callable

    from searches.cli.screen_tables import Found
    from searches.config.study import StudyConfig


def screen(
    study: Annotated[
        str,
        typer.Argument(
            help="A study's YAML file, a built-in study, or a run folder.", autocompletion=complete_study
        ),
    ],
    run: Annotated[
        Path | None,
        typer.Option(
            help="Run whose trials the accuracy is predicted from; a run folder given as STUDY is one."
        ),
    ] = None,
    candidates: Annotated[int, typer.Option(help="Networks to look at.", min=1)] = 100_000,
    latency: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.json|cpu",
            help="Latency predictor ('archspace calibrate'); the study's if left out.",
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write the predicted front.")] = None,
    specs: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the networks that are printed, a spec file each."),
    ] = None,
    top: Annotated[int, typer.Option(help="Networks of the front to print.", min=1)] = 12,
    seed: Annotated[int | None, seed_option("Of the draws; the study's if left out.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Count and predict very many networks of a space, and print the predicted front; nothing is trained."""
    from archspace.support.errors import FieldError
    from archspace.support.terminal import working

    if out is not None and out.suffix != ".csv":
        raise FieldError("out", str(out), "is written as CSV", f"{out}.csv")
    changes: dict[str, Any] = {
        "data.root": None if data is None else str(data.expanduser().resolve()),
        "seed": seed,
    }
    with working(f"reading the study {study}") as now:
        from searches.cli.early import check_study
        from searches.config.source import read_study

        config, folder = read_study(study, {k: v for k, v in changes.items() if v is not None}, None)
        named_by = "STUDY" if run is None else "--run"
        if run is None and Path(study).is_dir():
            run = folder
        check_study(config, folder)
        found = _found(config, run, named_by, latency, candidates, now)
    from searches.cli.screen_tables import show, write

    write(found, out, specs, top)
    show(found, out, specs, top, as_json)


def _found(
    config: StudyConfig, run: Path | None, named_by: str, latency: str | None, candidates: int,
    now: Callable[[str], None],
) -> Found:  # fmt: skip
    """What screening the study's space came to."""
    from searches.cli.screen_tables import Found
    from searches.judging.latency import latency_predictor
    from searches.study.data import fingerprinted, fixed_fields, open_data, task_on
    from searches.study.judgement import screening_of
    from searches.study.pool import Screened
    from searches.study.screened_space import screen_space
    from searches.study.screening import Screen
    from searches.study.space import SearchSpace
    from searches.study.warm import ended_of_run, known_from

    sources = open_data(config)
    screen = Screen(
        SearchSpace(config.space, fixed_fields(config, task_on(config, sources))), config.constraints
    )
    name = latency or config.judging.latency
    predictor = None if name is None else latency_predictor(name)
    known = None if run is None else known_from(run, config, fingerprinted(config, sources), named_by)
    ended = () if known is None else ended_of_run(known, screen, config.constraints)
    shared = Screened(screening_of(config, screen, predictor), config.directions)
    space = screen_space(
        shared, ended, candidates, config.seed, on_stage=lambda doing, share: now(f"{doing}: {share:.0%}")
    )
    errors = shared.chooser.left_out(shared.networks(ended)) if ended else {}
    trained = {}
    if known is not None and config.judging.supernet is None:
        trained = {str(one.arch_id): known.label(one) for one in known.records}
    return Found(config, space, run, len(ended), errors, trained, predictor)
