"""Fields that are honoured only where a placed unit can: dilation, its limit, fusion, residual, reduction. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from archspace.plan.decoders import DECODERS
from archspace.plan.request import MOST_BRANCHES, UNITS, UnitDesign, limited_rates
from archspace.spec import fields
from archspace.spec.state import Resolution
from archspace.spec.units import names
from archspace.support.errors import SpecError


@dataclass(frozen=True, slots=True)
class _Place:
    """A kind of placed unit: the decoder's has the limit of its level. ``asked``: rates of the network's choice."""

    level: int
    unit: str
    k: int | None
    stride: int
    decoder: bool = False
    asked: tuple[int, ...] = (1,)

    @property
    def design(self) -> UnitDesign:
        return UNITS[self.unit]

    @property
    def rates(self) -> tuple[int, ...]:
        """Dilations before any limit."""
        if self.design.rated:
            return self.asked
        rates = self.design.rates
        return rates(min(self.k or 1, MOST_BRANCHES)) if rates is not None else ()

    @property
    def limited_by(self) -> int:
        """Index of the limit that holds for it: a strided unit keeps that of the level that it leaves."""
        return self.level - self.stride


def _places(r: Resolution) -> list[_Place]:
    """The units that the fields filled so far place; they are the same for all steps here."""
    if r.places is None:
        r.places = _placed(r)
    return r.places


def _placed(r: Resolution) -> list[_Place]:
    out, places = r.out, []
    for i, (unit, k) in enumerate(zip(out["unit"], out["branches"], strict=True)):
        level = i + r.design.first
        if unit and r.design.strided_at(level, out["downsampling"]):
            places.append(_Place(level, unit, k, 2, asked=_rates(r, level, 1)))
        if unit and out["alphas"][i]:
            places.append(_Place(level, unit, k, 1, asked=_rates(r, level, out["alphas"][i])))
    placed = DECODERS[out["decoder"]].units(out) if out["decoder"] else ()
    return [*places, *(_Place(level, unit, k, 1, decoder=True) for level, unit, k in placed)]


def _rates(r: Resolution, level: int, repeats: int) -> tuple[int, ...]:
    """Rates that the network asks units of ``level`` for."""
    return tuple(rate for _, rate in r.design.asked(level, repeats))


def dilations(r: Resolution) -> None:
    """Whether branches are dilated, and the limits of what they see."""
    dilated = [place for place in _places(r) if max(place.rates, default=1) > 1]
    if not dilated:
        rule = f"no unit of this network has dilated branches ({names(r.out['unit'])})"
        r.unfit("dilated", rule)
        r.unfit("receptive_field", rule)
        return
    r.out["dilated"] = fields.flag("dilated", r.given.get("dilated", True))
    if not r.out["dilated"]:
        r.unfit("receptive_field", "nothing to limit: dilated is false")
        return
    limits = _limits(r, {place.limited_by for place in dilated})
    r.out["receptive_field"] = limits
    if all(max(limited_rates(place.rates, limits[place.limited_by])) == 1 for place in dilated):
        r.out["dilated"], r.out["receptive_field"] = False, None


def _limits(r: Resolution, reached: set[int]) -> tuple[int | None, ...]:
    """Limits of level 1, 2, ...; a level's limit holds for its units and the strided unit that leaves it."""
    count = r.design.levels(r.out["task"])
    default = (r.design.limits or (None,) * count)[:count]
    value = r.levels("receptive_field", count, default)
    if value is None:
        return tuple(e if i in reached else None for i, e in enumerate(default))
    entries, spread = fields.per_level("receptive_field", value, count, fields.limit, 1)
    for i, entry in enumerate(entries):
        if entry is not None and i not in reached and not spread and "receptive_field" not in r.lenient:
            rule = f"no dilated unit at level {i + 1} or leaving it"
            raise SpecError(f"receptive_field[{i}]", entry, rule, "null")
    return tuple(e if i in reached else None for i, e in enumerate(entries))


def switches(r: Resolution) -> None:
    """Fusion, shortcuts, and the reducing convolution."""
    places = _places(r)
    fused = any(p.design.fused_from is not None and (p.k or 0) >= p.design.fused_from for p in places)
    deepest = max(r.out["alphas"], default=0)
    wide_enough = deepest >= r.design.identity_from
    lacks = f"no unit of this network has {{}} ({names(r.out['unit'])})"
    residual = any(
        (p.stride == 1 and p.design.residual and wide_enough) or p.design.projects
        for p in places
        if not p.decoder
    )
    _shortcut(r, residual, lacks)
    residual = residual or r.out["shortcut"] == "projected"
    pointwise = any(p.stride in p.design.pointwise for p in places)
    fusions = _fusions(r)
    if "fusion" in r.lenient and r.given.get("fusion") not in fusions:
        r.given.pop("fusion", None)
    choose_fusion = lambda f, v: fields.choice(f, v, fusions)  # noqa: E731
    r.switch("fusion", fused, "hff", choose_fusion, lacks.format("branches to fuse"))
    r.switch("residual", residual, r.design.residual, fields.flag, lacks.format("a place for an identity"))
    r.switch(
        "pointwise_kernel",
        pointwise,
        1,
        fields.pointwise_kernel,
        lacks.format("a reducing convolution to choose"),
    )
    for name, fits in (("long_skip", r.design.skips(deepest)), ("gate", deepest > 0)):
        can = name in r.design.honours
        rule = f"{r.out['network']} has no {'place for one at these repeats' if can else f'{name} to choose'}"
        r.switch(name, can and fits, False, fields.flag, rule)


def _fusions(r: Resolution) -> tuple[str, ...]:
    """The ways in which the placed units can fuse their branches."""
    cascades = any(p.design.cascades and (p.k or 0) > 1 for p in _places(r))
    return fields.FUSIONS if cascades else tuple(name for name in fields.FUSIONS if name != "cascade")


def _shortcut(r: Resolution, residual: bool, lacks: str) -> None:
    """The kind of shortcut, where some unit may choose it; none is projected where residuals are switched off."""
    off = r.given.get("residual") is False
    known = fields.SHORTCUTS[:1] if off else fields.SHORTCUTS
    if "shortcut" in r.lenient and r.given.get("shortcut") not in known:
        r.given.pop("shortcut", None)
    able = any(p.design.shortcuts for p in _places(r)) and not (off and residual)
    choose = lambda f, v: fields.choice(f, v, known)  # noqa: E731
    r.switch("shortcut", able, known[0], choose, lacks.format("a shortcut to choose"))
