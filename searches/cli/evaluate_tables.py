"""The metrics of an evaluation as lines and a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis.quantities import QUANTITIES, metrics_of
from archspace.support.numbers import fixed


def print_evaluation(result: Mapping[str, Any], as_json: bool) -> None:
    """Prints what ``searches.evaluate`` returned: as JSON, or its metrics with their titles."""
    if as_json:
        print(json.dumps(result))  # noqa: T201
        return
    counted = next(name for name in ("images", "tokens") if name in result)
    console = Console(highlight=False)
    console.print(
        f"{result['network']} on {result[counted]} {counted} of {result['data']['name']} {result['split']}, measured"
    )
    for one in metrics_of(result["task"]):
        if one.name in result:
            unit = f" {one.unit}" if one.unit else ""
            shown = fixed(result[one.name], one.digits)
            console.print(f"{shown:>{8 - len(unit)}}{unit}  {one.by_task.get(result['task'], one.title)}")
    by_class = {
        name: f"{one.short} ({one.unit})"
        for name, one in QUANTITIES.items()
        if name.startswith("class_") and isinstance(result.get(name), dict)
    }
    if by_class:
        table = Table("class", *by_class.values())
        for row in result[next(iter(by_class))]:
            table.add_row(row, *(fixed(result[name].get(row)) for name in by_class))
        console.print(table)
