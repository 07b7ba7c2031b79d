"""Options that several commands have: one name, one meaning, one line of help."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from archspace.presets.completion import complete_network
from archspace.support.seeds import check_seed, check_seeds

NETWORK = "a spec file, RUN:N or RUN:knee, a training or export folder, a checkpoint, or a published .pth"
"""What names a network, but for presets."""
WEIGHTS = "RUN:N or RUN:knee, a training or export folder, a checkpoint, or a published .pth"
"""What names a network with weights."""

SpecArgument = Annotated[
    str, typer.Argument(metavar="SPEC", help=f"A preset, {NETWORK}.", autocompletion=complete_network)
]
TaskOption = Annotated[str | None, typer.Option("--task", help="Replaces the spec's.")]
ClassesOption = Annotated[int | None, typer.Option("--classes", metavar="N", help="Number of classes.")]
InputOption = Annotated[
    str | None, typer.Option("--input", metavar="HxW", help="Height and width in pixels.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a field; may be repeated; VALUE is YAML."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def seed_option(words: str) -> Any:
    """Returns the option ``--seed``, said in these words; a number that is no seed is refused."""
    return typer.Option("--seed", metavar="N", help=words, callback=_seed)


def seeds_option(words: str) -> Any:
    """Returns the option ``--seeds``, a number of trainings with a seed each, said in these words."""
    return typer.Option("--seeds", metavar="N", help=words, callback=_seeds)


def _seed(value: int | None) -> int | None:
    if value is not None:
        check_seed(value)
    return value


def _seeds(value: int) -> int:
    check_seeds(value)
    return value


DESIGN: Final = "Design"
SEARCH: Final = "Search"
MEASURE: Final = "Measure"
REPORT: Final = "Report"
DATA: Final = "Data"
PANELS: Final = (DESIGN, SEARCH, MEASURE, REPORT, DATA)
"""Panels of commands in ``archspace --help``, in this order."""
