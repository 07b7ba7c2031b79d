"""What ``archspace search --dry-run`` prints: the space and the limits, before anything is written or trained."""

from __future__ import annotations

import json
import math
from typing import Any

from archspace.support.numbers import amount
from archspace.support.terminal import Column, TerminalTable, output
from searches.config.study import StudyConfig
from searches.study.data import fixed_fields, open_data, task_on
from searches.study.screening import Screen
from searches.study.space import SearchSpace
from searches.study.survey import Spread, Survey, survey

DRAWN = 1000
"""Random combinations that are looked at."""


def show_dry_run(config: StudyConfig, as_json: bool) -> None:
    """Prints the space's size, what its networks cost, and the share that each limit leaves.

    Raises:
        InputError: the data cannot be used, or no network keeps the limits.
    """
    task = task_on(config, open_data(config))
    space = SearchSpace(config.space, fixed_fields(config, task))
    space.example(config.seed)
    screen = Screen(space, config.constraints)
    screen.check(config.seed)
    found = survey(screen, DRAWN, config.seed)
    if as_json:
        print(json.dumps(_plain(config, found)))  # noqa: T201
        return
    console = output()
    size = "endless" if math.isinf(found.size) else f"{found.size:,.0f}"
    lines = [
        f"space of {config.name}: {size} combinations of {found.fields} free fields",
        f"of {found.drawn:,} drawn at random {found.built / found.drawn:.1%} can be built; "
        f"{found.networks:,} different networks",
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    table = TerminalTable(
        "counted", Column("least", "number"), Column("median", "number"), Column("largest", "number"),
        Column("limit", "number"), Column("share that keeps it", "number"),
    )  # fmt: skip
    for spread in found.spreads:
        unit = spread.quantity.unit
        table.add(
            spread.quantity.short, amount(spread.least, unit), amount(spread.median, unit),
            amount(spread.largest, unit), _limit(spread), "" if spread.share is None else f"{spread.share:.1%}",
        )  # fmt: skip
    table.print(console)
    rest = [name for name in config.constraints if name not in screen.limits]
    ends = (
        [f"all of these limits together leave {found.kept:.1%} of what can be built"] if screen.limits else []
    )
    if rest:
        ends.append(f"seen only when a network is trained or measured: {', '.join(rest)}")
    if found.unused:
        ends.append(f"in none of the networks drawn: {', '.join(found.unused)}")
    ends.append("nothing was trained or written")
    console.print("; ".join(ends), markup=False, highlight=False, soft_wrap=True)


def _limit(spread: Spread) -> str:
    if spread.limit is None:
        return ""
    sides = [("≥", spread.limit.min), ("≤", spread.limit.max)]
    return " ".join(
        f"{sign} {amount(limit, spread.quantity.unit)}" for sign, limit in sides if limit is not None
    )


def _plain(config: StudyConfig, found: Survey) -> dict[str, Any]:
    return {
        "study": config.name, "fields": found.fields, "size": None if math.isinf(found.size) else found.size,
        "drawn": found.drawn, "built": found.built, "networks": found.networks, "kept": found.kept,
        "unused": list(found.unused),
        "counted": {
            one.quantity.name: {
                "least": one.least, "median": one.median, "largest": one.largest, "share": one.share,
                "max": None if one.limit is None else one.limit.max,
                "min": None if one.limit is None else one.limit.min,
            }
            for one in found.spreads
        },
    }  # fmt: skip
