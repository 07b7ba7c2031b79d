"""The metrics of an evaluation as lines and a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from analysis.quantities import QUANTITIES, metrics_of
from archspace.support.numbers import fixed
from archspace.support.terminal import Column, TerminalTable, output


def print_evaluation(result: Mapping[str, Any], as_json: bool) -> None:
    """Prints what ``searches.evaluate`` returned: as JSON, or its metrics with their titles."""
    if as_json:
        print(json.dumps(result))  # noqa: T201
        return
    counted = next(name for name in ("images", "tokens") if name in result)
    console = output()
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
        table = TerminalTable("class", *(Column(title, "number") for title in by_class.values()))
        for row in result[next(iter(by_class))]:
            table.add(row, *(fixed(result[name].get(row)) for name in by_class))
        table.print(console)
