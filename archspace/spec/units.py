"""Per-level fields of the units: how many, which, how many branches. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from archspace.plan.request import UNITS
from archspace.spec import fields
from archspace.spec.state import Resolution
from archspace.support.errors import SpecError


def depth(r: Resolution) -> None:
    """Repeats of the unit at each level."""
    default = r.design.alphas[r.out["task"]]
    value = r.levels("alphas", len(default))
    entries, _ = fields.per_level(
        "alphas", default if value is None else value, len(default),
        lambda f, v: fields.repeats(f, v, r.design.least_repeats), r.design.first,
    )  # fmt: skip
    r.out["alphas"] = tuple(d if e is None else e for e, d in zip(entries, default, strict=True))


def units(r: Resolution) -> None:
    """The unit of each level that places one."""
    default = r.design.units(r.out["task"])
    if "unit" not in r.design.honours:
        given = r.given.get("unit")
        asked = tuple(given) if isinstance(given, list | tuple) else (given,) * len(default)
        if given is not None and asked != default:
            r.unfit("unit", f"{r.out['network']} has no unit to choose")
        r.out["unit"] = default
        return
    known = list(UNITS)
    value = r.levels("unit", len(default))
    entries, spread = fields.per_level(
        "unit", default if value is None else value, len(default),
        lambda f, v: fields.choice(f, v, known), r.design.first,
    )  # fmt: skip
    placed: list[str | None] = []
    for i, name in enumerate(entries):
        if r.design.strided_at(i + r.design.first, r.out["downsampling"]) or r.out["alphas"][i] > 0:
            placed.append(name or default[i])
            continue
        if name is not None and not spread and value is not None and "unit" not in r.lenient:
            rule = f"level {i + r.design.first} places no unit (its downsampling is fixed, and 0 repeats)"
            raise SpecError(f"unit[{i}]", name, rule, "null")
        placed.append(None)
    if spread and not any(placed):
        r.unfit("unit", "no level places a unit (their downsampling is fixed, and 0 repeats)")
    r.out["unit"] = tuple(placed)


def branches(r: Resolution) -> None:
    """K of each level whose unit has branches to choose."""
    placed = r.out["unit"]
    value = r.levels("branches", len(placed))
    entries: tuple[int | None, ...] = (None,) * len(placed)
    spread = True
    if value is not None:
        entries, spread = fields.per_level(
            "branches",
            value,
            len(placed),
            lambda f, v: fields.whole(f, v, 1, fields.MOST_CHANNELS),
            r.design.first,
        )
    counts: list[int | None] = []
    for i, (unit, k) in enumerate(zip(placed, entries, strict=True)):
        default = UNITS[unit].branches if unit else None
        if default is not None:
            default = r.design.branches or default
        if default is None and k is not None and not spread and "branches" not in r.lenient:
            rule = f"unit {unit!r} at level {i + r.design.first} has no branches"
            raise SpecError(f"branches[{i}]", k, rule, "null")
        counts.append(None if default is None else k or default)
    if any(entries) and not any(counts):
        r.unfit("branches", f"no unit of this network has branches ({names(placed)})")
    r.out["branches"] = tuple(counts)


def inner_widths(r: Resolution) -> None:
    """The inner width of each level whose unit has one to choose; ``None`` where every unit keeps its own."""
    placed = r.out["unit"]
    can = [unit is not None and UNITS[unit].inner for unit in placed]
    value = r.levels("inner", len(placed))
    if value is None or not any(can):
        r.unfit("inner", f"no unit of this network has an inner width to choose ({names(placed)})")
        return
    entries, spread = fields.per_level("inner", value, len(placed), fields.share, r.design.first)
    for i, (unit, share) in enumerate(zip(placed, entries, strict=True)):
        if share is not None and not can[i] and not spread and "inner" not in r.lenient:
            rule = f"unit {unit!r} at level {i + r.design.first} has no inner width to choose"
            raise SpecError(f"inner[{i}]", share, rule, "null")
    shares = []
    for i, (unit, share, able) in enumerate(zip(placed, entries, can, strict=True)):
        widest = UNITS[unit].widest if unit else None
        if able and share and widest is not None and share > widest:
            if "inner" not in r.lenient:
                where = "inner" if spread else f"inner[{i}]"
                raise SpecError(where, share, f"unit {unit!r} takes at most {widest:g}", widest)
            able = False
        shares.append(share if able else None)
    r.out["inner"] = tuple(shares) if any(shares) else None


def names(placed: Sequence[str | None]) -> str:
    """Returns the units that are placed, for a message."""
    return ", ".join(sorted({u for u in placed if u})) or "no unit placed"
