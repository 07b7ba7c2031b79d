"""Options ``--max-NAME`` and ``--min-NAME`` of a command, one for each quantity that a study may bound."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from analysis.quantities import Quantity, goals

PANEL = "Bounds"
KEYWORD = "bounds"


def option_of(one: Quantity) -> str:
    """Returns the option that bounds a quantity: from above where less is better, else from below."""
    return f"--{'max' if one.direction == 'minimize' else 'min'}-{one.name.replace('_', '-')}"


def with_bounds(command: Callable[..., None]) -> Callable[..., None]:
    """Returns the command with an option for each quantity in the registry; it gets them as ``bounds``.

    Args:
        command: has a parameter ``bounds``, a mapping from names of quantities to what may just be.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != KEYWORD]
    bounded = {option_of(one).lstrip("-").replace("-", "_"): one for one in goals().values()}
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(one))
        for name, one in bounded.items()
    ]

    @wraps(command)
    def run(**given: Any) -> None:
        values = {name: given.pop(name, None) for name in bounded}
        kept = {bounded[name].name: value for name, value in values.items() if value is not None}
        command(**given, **{KEYWORD: kept})

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + options
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del run.__wrapped__
    return run


def _annotation(one: Quantity) -> Any:
    most = "most" if one.direction == "minimize" else "least"
    unit = f" in {one.unit}" if one.unit else ""
    option = typer.Option(
        option_of(one), metavar="X", show_default=False, rich_help_panel=PANEL,
        help=f"At {most} so much{unit}: {one.title}.",
    )  # fmt: skip
    return Annotated[float | None, option]
