"""Commands: compare modules, compare ablation, compare networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archspace.presets.completion import complete_network
from archspace.support.options import SEARCH, JsonOption, seed_option, seeds_option

if TYPE_CHECKING:
    from searches.compare.comparisons import Compared
    from searches.compare.study_of import Budget
    from searches.config.recipe import Recipe as Training

COMPARED = (
    "Presets, spec files, RUN:N and RUN:knee are trained; checkpoints, training and export folders and published .pth "
    "files are evaluated."
)
Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the data set; built-in data if left out.")
]
Layout = Annotated[
    str | None, typer.Option("--layout", help="Layout of the data; seen from the folder if left out.")
]
Task = Annotated[str | None, typer.Option("--task", help="Task of the networks; their own if left out.")]
Input = Annotated[str | None, typer.Option("--input", metavar="HxW", help="Size of the images.")]
Images = Annotated[int | None, typer.Option("--images", help="Use so many training images.", min=2)]
Recipe = Annotated[str | None, typer.Option("--recipe", help="Training recipe: built-in, or a YAML file.")]
Epochs = Annotated[int | None, typer.Option("--epochs", help="Of every stage.", min=1)]
Batch = Annotated[int | None, typer.Option("--batch", help="Images a step, in every stage.", min=1)]
Seed = Annotated[int, seed_option("Everything random follows from it.")]
Seeds = Annotated[int, seeds_option("Train every network so often, with other seeds.")]
Workers = Annotated[int, typer.Option("--workers", help="Processes that share the study.", min=1)]
Device = Annotated[str, typer.Option("--device", help="Where networks are trained: cpu or cuda.")]
MeasureOn = Annotated[
    str,
    typer.Option("--measure-on", help="Where latency and energy are measured: cpu, cuda, ssh://user@host."),
]
Energy = Annotated[bool, typer.Option(help="Sample power too, some ten seconds a network.")]
Out = Annotated[Path | None, typer.Option("--out", help="Run folder; runs/NAME if left out.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    compare = typer.Typer(
        no_args_is_help=True, help="Reproduce a paper's comparison, or compare any networks."
    )
    compare.command(
        epilog="Example: archspace compare modules --data cityscapes --recipe espnetv2-cityscapes"
    )(modules)
    compare.command(epilog="Example: archspace compare ablation espnet --parts a,c,f --epochs 8 --seeds 3")(
        ablation
    )
    compare.command(
        epilog="Example: archspace compare networks espnetv2-0.5 my.yaml runs/scenes:7 --epochs 8"
    )(networks)
    app.add_typer(compare, name="compare", rich_help_panel=SEARCH)


def modules(
    only: Annotated[str | None, typer.Option(help="Only these modules, separated by commas.")] = None,
    data: Data = None, layout: Layout = None, input: Input = None, images: Images = None, recipe: Recipe = None,
    epochs: Epochs = None, batch: Batch = None, seed: Seed = 0, seeds: Seeds = 1, workers: Workers = 1,
    device: Device = "cpu", measure_on: MeasureOn = "cpu", energy: Energy = True, out: Out = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """ESPNet figure 5: ESP and seven other modules in ESPNet-C, at the published numbers of parameters."""
    from searches.compare import comparisons
    from searches.compare.study_of import Budget

    budget = Budget(
        data, layout, input, images, recipe, epochs, batch, seed, seeds, workers, device, measure_on, energy
    )
    _run(lambda _: comparisons.modules(_words(only)), "segmentation", budget, out, as_json)


def ablation(
    paper: Annotated[Literal["espnet", "espnetv2"], typer.Argument(help="Whose ablation.")] = "espnet",
    parts: Annotated[
        str | None,
        typer.Option(help="espnet: a to g of table 2; espnetv2: convolution, hff, reinforcement, schedule."),
    ] = None,
    task: Task = None,
    data: Data = None, layout: Layout = None, input: Input = None, images: Images = None, recipe: Recipe = None,
    epochs: Epochs = None, batch: Batch = None, seed: Seed = 0, seeds: Seeds = 1, workers: Workers = 1,
    device: Device = "cpu", measure_on: MeasureOn = "cpu", energy: Energy = False, out: Out = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """What each choice of a paper gives: ESPNet table 2 (a) to (g), or ESPNetv2's ablation."""
    from archspace.support.errors import FieldError
    from searches.compare import comparisons
    from searches.compare.study_of import Budget

    budget = Budget(
        data, layout, input, images, recipe, epochs, batch, seed, seeds, workers, device, measure_on, energy
    )
    words = _words(parts)
    if paper == "espnet":
        if task not in (None, "segmentation"):
            raise FieldError("--task", task, "ESPNet's ablation is of segmentation", "segmentation")
        _run(lambda _: comparisons.espnet_ablation(words), "segmentation", budget, out, as_json)
        return
    chosen = task or "classification"
    known = ("classification", "segmentation")
    if chosen not in known:
        raise FieldError("--task", task, "ESPNetv2's ablation is of another", f"one of {', '.join(known)}")
    _run(lambda r: comparisons.espnetv2_ablation(r, words, chosen), chosen, budget, out, as_json)


def networks(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NETWORK...",
            help=COMPARED,
            autocompletion=complete_network,
        ),
    ],
    task: Task = None,
    data: Data = None, layout: Layout = None, input: Input = None, images: Images = None, recipe: Recipe = None,
    epochs: Epochs = None, batch: Batch = None, seed: Seed = 0, seeds: Seeds = 1, workers: Workers = 1,
    device: Device = "cpu", measure_on: MeasureOn = "cpu", energy: Energy = False, out: Out = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Any networks on one data set: all trained alike, or evaluated where a checkpoint is given."""
    from searches.compare import comparisons
    from searches.compare.study_of import Budget

    budget = Budget(
        data, layout, input, images, recipe, epochs, batch, seed, seeds, workers, device, measure_on, energy
    )
    compared = comparisons.networks(names, task)
    spec: Any = compared.given[0].spec
    _run(lambda _: compared, task or spec["task"], budget, out, as_json)


def _run(
    make: Callable[[Training], Compared], task: str, budget: Budget, out: Path | None, as_json: bool
) -> None:
    """Runs or resumes a comparison as a study and prints its table."""
    from archspace.support.terminal import working
    from searches.cli.early import check_study
    from searches.cli.search_command import wanted
    from searches.compare.study_of import comparison_study

    config = comparison_study(make, task, budget)
    folder = out or Path("runs") / config.name
    check_study(config, folder)
    with working(f"{folder}: {wanted(config)}: starting"):
        from searches.cli.summary import show_study
        from searches.study.run import run_study
    show_study(config, folder, run_study(config, folder).records(), as_json)


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]
