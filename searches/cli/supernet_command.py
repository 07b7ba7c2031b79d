"""Commands: supernet train, search, extract, agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archspace.support.options import NETWORK, SEARCH, JsonOption, seed_option
from searches.cli.completion import complete_study

if TYPE_CHECKING:
    from searches.supernet.config import SupernetConfig

Folder = Annotated[
    Path, typer.Argument(metavar="SUPERNET", help="Folder of a trained supernet.", show_default=False)
]
Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the data set; that of the training if left out.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    supernet = typer.Typer(
        no_args_is_help=True, help="Weights that all networks of a space share: train, search, take one out."
    )
    supernet.command(epilog="Example: archspace supernet train cifar10-table --data cifar10 --epochs 60")(
        train
    )
    supernet.command(epilog="Example: archspace supernet search runs/cifar10-table-supernet --networks 1000")(
        search
    )
    supernet.command(
        epilog="Example: archspace supernet extract runs/cifar10-table-supernet my.yaml --out weights.safetensors"
    )(extract)
    supernet.command(
        epilog="Example: archspace supernet agree runs/cifar10-table-supernet cifar10-table.json"
    )(agree)
    app.add_typer(supernet, name="supernet", rich_help_panel=SEARCH)


def train(
    study: Annotated[
        str,
        typer.Argument(
            help="A study's YAML file or a built-in study, whose space, data and training it takes; or the folder of "
            "a supernet to go on with.",
            autocompletion=complete_study,
        ),
    ],
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    out: Annotated[Path | None, typer.Option(help="Its folder; runs/NAME-supernet if left out.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Of every stage.", min=1)] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step.", min=1)] = None,
    random: Annotated[
        int | None,
        typer.Option(
            help="Random networks a step, beside the largest and the smallest; 2 if left out.", min=0
        ),
    ] = None,
    norm_images: Annotated[
        int | None,
        typer.Option(
            help="Training images on which a network's norms are estimated anew; 512 if left out.", min=2
        ),
    ] = None,
    seed: Annotated[int | None, seed_option("Everything random follows from it.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads.", min=1)] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Train one set of weights for all networks of a space; killed at any time, the same command goes on."""
    import json

    from archspace.support.terminal import working
    from searches.cli.early import check_study
    from searches.supernet.config import SUPERNET_FILE

    changes: dict[str, Any] = {
        "data.root": None if data is None else str(data.expanduser().resolve()), "training.epochs": epochs,
        "training.batch": batch, "seed": seed, "threads": threads, "device": device,
    }  # fmt: skip
    own = {"random": random, "norm_images": norm_images}
    config, folder = resolved(study, out, _given(changes), _given(own))
    check_study(config.study, folder / "study", began=(folder / SUPERNET_FILE).is_file())
    with working(f"opening {folder}"):
        from rich.console import Console

        from searches.supernet.training import check_supernet_folder, train_supernet
        from searches.training.steps import TrainingError

        check_supernet_folder(config, folder)
    try:
        result = train_supernet(config, folder, Console(stderr=True))
    except TrainingError as error:
        typer.echo(f"archspace: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(result))
        return
    from searches.cli.supernet_tables import show_trained

    show_trained(result, folder)


def resolved(
    study: str, out: Path | None, changes: dict[str, Any], own: dict[str, Any]
) -> tuple[SupernetConfig, Path]:
    """Returns the supernet that is meant and its folder.

    Raises:
        InputError: there is no such study or supernet, or a field cannot be shared.
    """
    from pydantic import ValidationError

    from searches.config.changes import changed
    from searches.config.errors import first_error
    from searches.config.study import parse_config, read_config
    from searches.supernet.config import SUPERNET_FILE, SupernetConfig, read_supernet

    if Path(study, SUPERNET_FILE).is_file():
        folder = out or Path(study)
        held = read_supernet(Path(study))
        config = parse_config(changed(held.study.model_dump(mode="json"), changes))
        own = {"random": held.random, "norm_images": held.norm_images, **own}
    else:
        config = read_config(study, changes)
        folder = out or Path("runs") / f"{config.name}-supernet"
    try:
        return SupernetConfig(study=config, **own), folder
    except ValidationError as error:
        raise first_error(error, SupernetConfig) from None


def search(
    supernet: Folder,
    data: Data = None,
    networks: Annotated[int, typer.Option(help="Different networks to judge.", min=1)] = 200,
    method: Annotated[
        Literal["evolution", "random"],
        typer.Option(help="evolution: change networks of the front; random: draw them all."),
    ] = "evolution",
    seed: Annotated[int, seed_option("What is drawn follows from it.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for networks.csv and the front's specs; SUPERNET/search if left out."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge networks by inherited weights, none trained; their values are predictions and say so."""
    import json

    from archspace.support.terminal import working

    with working(f"opening {supernet}"):
        read_early(supernet)
        from searches.cli.counting import Counting
        from searches.cli.supernet_tables import judged_in, said, show_front
        from searches.supernet.inherited import Heir
        from searches.supernet.searching import search as run
        from searches.supernet.searching import write_found, write_front

        heir = Heir.open(supernet, data)
    with Counting("judging", networks) as shown:
        found = run(
            heir, networks, method=method, seed=seed,
            on_judged=lambda one, number: shown.done(number, networks, said(one, heir.task.metric)),
        )  # fmt: skip
    folder = out or supernet / "search"
    write_found(found, folder / "networks.csv")
    paths = write_front(found, folder / "front")
    front = [one for one, kept in zip(found.judged, found.on_front, strict=True) if kept]
    front.sort(key=lambda one: one.values["macs"])
    if as_json:
        rows = [
            {
                "network": one.spec.label, "arch_id": one.spec.arch_id, "origin": "predicted", **heir.how(),
                **one.values, "spec": one.spec.to_dict(),
            }
            for one in front
        ]  # fmt: skip
        told = {"judged": len(found.judged), "asked": networks, "table": str(folder / "networks.csv")}
        typer.echo(json.dumps({**told, "front": rows}))
        return
    show_front(front, found.objectives)
    typer.echo(judged_in(folder / "networks.csv", len(found.judged), networks))
    if paths:
        typer.echo(
            f"specs of the front: {folder / 'front'}; train one with: archspace train {paths[0]} --recipe R"
        )


def extract(
    supernet: Folder,
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help=f"A network of its space: {NETWORK}.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The checkpoint to write.", show_default=False)],
    data: Data = None,
    as_json: JsonOption = False,
) -> None:
    """Write a network with inherited weights as an ordinary checkpoint, for evaluate, train --init, export, demo."""
    import json

    from archspace.spec.naming import read_spec
    from archspace.support.errors import InputError
    from archspace.support.terminal import working

    if out.exists():
        raise InputError(f"{out}: is there already; give another --out")
    with working(f"opening {supernet}"):
        read_early(supernet)
        named = read_spec(spec)
        from archspace.checkpoint import save
        from searches.supernet.inherited import PREDICTOR, Heir

        heir = Heir.open(supernet, data)
        meant = named.replace(**heir.fixed)
        judged = heir.asked_for(meant)
        network, evaluation = judged.network, judged.evaluation
        notes = {
            **heir.notes(), "inherited": {"origin": "predicted", "predictor": PREDICTOR, **evaluation.to_dict()},
        }  # fmt: skip
        path = save(network, out, preprocessing=network.preprocessing, notes=notes)
    if as_json:
        row = {
            "checkpoint": str(path), "network": meant.label, "arch_id": meant.arch_id, "origin": "predicted",
            **heir.how(), **evaluation.to_dict(),
        }  # fmt: skip
        typer.echo(json.dumps(row))
        return
    typer.echo(f"{meant.label}: inherited {evaluation.metric} {evaluation.value:.2f}\nweights: {path}")


def agree(
    supernet: Folder,
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE", help="A table of 'archspace tabulate', complete or not.", show_default=False
        ),
    ],
    data: Data = None,
    zero_cost: Annotated[
        bool, typer.Option("--zero-cost/--no-zero-cost", help="Take the zero-cost scores too.")
    ] = True,
    out: Annotated[Path | None, typer.Option(help="Also write the numbers to this JSON file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how well inherited weights order the networks of a table, beside parameters, MACs and zero-cost scores."""
    import json

    from archspace.support.files import write_text
    from archspace.support.terminal import working

    with working(f"opening {supernet}"):
        read_early(supernet)
        from analysis.store.environment import environment
        from searches.bench.inherited import inheritance
        from searches.bench.table import Table
        from searches.bench.tabulate import judged_at_input
        from searches.cli.counting import Counting
        from searches.supernet.inherited import Heir
        from searches.supernet.training import training_record

        held = Table.load(table)
        heir = Heir.open(supernet, data, judged_at_input)
        trained = training_record(supernet)
    with Counting("judging", len(held.rows)) as shown:
        spent = trained.get("cpu_seconds") or trained["seconds"]  # none where no process saw an epoch
        found = inheritance(heir, held, spent, zero_cost=zero_cost, on_done=shown.done)
    result = {
        "table": held.name, "supernet": {
            name: trained[name] for name in ("study", "epochs", "random", "norm_images", "shared_params")
        },
        **found.to_dict(), "environment": environment(("torch", "numpy")),
    }  # fmt: skip
    if out is not None:
        write_text(out, json.dumps(result, indent=1) + "\n")
    if as_json:
        typer.echo(json.dumps(result))
        return
    from searches.cli.supernet_tables import show_agreements

    show_agreements(held.name, found)


def read_early(supernet: Path) -> None:
    """Refuses what is no supernet, before anything heavy is imported."""
    from searches.supernet.config import read_supernet

    read_supernet(supernet)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
