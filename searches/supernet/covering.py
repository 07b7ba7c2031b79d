"""Whether a supernet has all networks of a study's space; read from its file alone. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from archspace.spec.archspec import ArchSpec
from archspace.spec.record import FIELDS
from archspace.support.errors import FieldError, SpecError, about
from searches.config.parts import FIXED_BY_DATA
from searches.config.space import condition, holds
from searches.config.study import StudyConfig
from searches.supernet.config import read_supernet

TOLERANCE = 1e-9


def check_covered(study: StudyConfig, folder: Path) -> None:
    """Refuses a supernet without some of the networks of a study.

    Raises:
        InputError: there is no supernet in the folder, or it does not cover the space; the message has the field.
    """
    with about("judging.supernet"):
        held = read_supernet(folder).study
    shared = {
        "task": (study.task, held.task),
        "data.input_size": (list(study.input_size), list(held.input_size)),
    }
    for name in ("layout", "channels", "train", "crop", "classes", "void", "splits"):
        shared[f"data.{name}"] = getattr(study.data, name), getattr(held.data, name)
    if study.from_ is not None:
        rule = "trained networks and those that inherit are not one comparison"
        raise FieldError("from", study.from_, rule, "leave it out")
    for given in study.reference:
        for name in ("weights", "training"):
            if getattr(given, name):
                rule = "networks that inherit their weights and others are not one comparison"
                raise FieldError(
                    f"given.{given.name}.{name}", str(getattr(given, name)), rule, "leave it out"
                )
    for name, (wanted, kept) in shared.items():
        if wanted != kept:
            raise FieldError(name, wanted, f"the supernet {folder} is for another value", kept)
    for name in (field for field in FIELDS if field not in FIXED_BY_DATA):
        _check_field(name, study.space, held.space, study.task, folder)


def lacking(spec: ArchSpec, folder: Path) -> FieldError | None:
    """Returns what names the first field by which a network lies outside a supernet's space; ``None`` for none."""
    space = read_supernet(folder).study.space
    fields = {name: _plain(getattr(spec, name)) for name in FIELDS}
    others = [field for field in FIELDS if field not in space and field not in FIXED_BY_DATA]
    for name in [*(field for field in FIELDS if field in space), *others]:
        value, kept = fields[name], _Values(space.get(name))
        if not kept.searched(fields):
            own = _own(name, fields)
            outside, said, nearest = value != own, _Values(own).said, own
        else:
            missing = [one for one in _levels(value) if not kept.has(one)]
            outside, said, nearest = bool(missing), kept.said, kept.nearest(missing[0]) if missing else None
        if outside:
            return FieldError(name, value, f"the supernet {folder} does not cover it: it has {said}", nearest)
    return None


def _check_field(
    name: str, wanted: Mapping[str, Any], held: Mapping[str, Any], task: str, folder: Path
) -> None:
    asked, kept = _Values(wanted.get(name)), _Values(held.get(name))
    if asked.named and kept.named:
        _check_values(name, asked, kept, folder)
    if asked.named == kept.named and asked.where == kept.where:
        return
    nearest = held[name] if kept.named and kept.where.keys() <= wanted.keys() else "leave it out"
    for given, words in _kinds(name, wanted, ("unit", *asked.where, *kept.where), task):
        resolved = _resolved(given)
        if resolved is None:
            continue
        here, there = (one.searched({**resolved, **given}) for one in (asked, kept))
        own, rule = resolved[name], f"the supernet {folder} does not cover it{words}: it has"
        if here and not there:
            for value in asked.drawn:
                if not _comes_to(own, name, value, given):
                    raise FieldError(f"space.{name}", value, f"{rule} {_Values(own).said}", nearest)
        elif there and not here and not _has_own(kept, own, name, given):
            rule = f"the networks' own; {rule} {kept.said}"
            raise FieldError(f"space.{name}", _shared(own), rule, nearest)


def _check_values(name: str, asked: _Values, kept: _Values, folder: Path) -> None:
    """Refuses values of a field that both spaces name."""
    rule = f"the supernet {folder} does not cover it: it has {kept.said}"
    for value in asked.listed:
        if not kept.has(value):
            raise FieldError(f"space.{name}", value, rule, kept.nearest(value))
    if asked.endless and not kept.endless:
        raise FieldError(f"space.{name}", "a continuous field", rule, kept.listed)
    if asked.per_level and not kept.per_level and len(kept.listed) > 1:
        rule = f"the supernet {folder} does not cover it: its networks have one value for all levels"
        raise FieldError(f"space.{name}.per_level", True, rule, False)


def _kinds(
    name: str, space: Mapping[str, Any], varied: Iterable[str], task: str
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yields the kinds of networks of a space: their fields beside ``name``, and what tells them apart in words.

    They have every value of the ``varied`` fields, one for all levels, and what all networks have.
    """
    fields = {field: _Values(value) for field, value in space.items() if field != name}
    fixed = {
        field: one.drawn[0] for field, one in fields.items() if one.named and not (one.drawn[1:] or one.where)
    }
    free = [field for field in dict.fromkeys(varied) if field in fields and field not in fixed]
    for values in product(
        *([*fields[field].drawn, *([None] if fields[field].where else [])] for field in free)
    ):
        given = {field: value for field, value in zip(free, values, strict=True) if value is not None}
        words = ", ".join(f"{field} {value}" for field, value in given.items())
        yield {"task": task, **fixed, **given}, f" with {words}" if words else ""


def _resolved(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """All fields of the network with some of them; ``None`` where it cannot be built."""
    try:
        spec = ArchSpec.sampled(given)
    except SpecError:
        return None
    return {name: _plain(getattr(spec, name)) for name in FIELDS}


def _own(name: str, fields: Mapping[str, Any]) -> Any:
    """What a network with other ``fields`` has where nothing names the field."""
    resolved = _resolved({field: value for field, value in fields.items() if field != name})
    return None if resolved is None else resolved[name]


def _comes_to(own: Any, name: str, value: Any, given: Mapping[str, Any]) -> bool:
    """Whether a value changes nothing in networks of a kind: it is their own, or they cannot honour it."""
    resolved = _resolved({**given, name: value})
    return resolved is not None and resolved[name] == own


def _has_own(kept: _Values, own: Any, name: str, given: Mapping[str, Any]) -> bool:
    """Whether a supernet that searches a field has networks of a kind with what is their own."""
    if len(kept.drawn) > 1 and (kept.endless or kept.per_level):
        return all(map(kept.has, _levels(own)))
    return any(_comes_to(own, name, value, given) for value in kept.drawn)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _levels(value: Any) -> list[Any]:
    """The different values of a network's field at its levels; none where it cannot honour the field."""
    values = value if isinstance(value, list) else [value]
    return [one for one in dict.fromkeys(values) if one is not None]


def _shared(value: Any) -> Any:
    """The one value that all levels share, or the field as it is."""
    levels = _levels(value)
    return levels[0] if len(levels) == 1 else value


class _Values:
    """The values that a field of a space can have.

    Attributes:
        named: the space has the field.
        where: the condition on other fields under which it is searched.
        listed: all of them; the ends of a continuous field.
        endless: it is continuous.
        per_level: each level has its own.
    """

    def __init__(self, field: Any) -> None:
        self.field, self.named = field, field is not None
        free = field if isinstance(field, Mapping) else {}
        self.per_level = bool(free.get("per_level", False)) or (
            isinstance(field, list) and len({value for value in field if value is not None}) > 1
        )
        self.low, self.high, self.step = free.get("low"), free.get("high"), free.get("step")
        whole = isinstance(self.low, int) and isinstance(self.high, int) and self.step is None
        if whole:
            self.step = 1
        self.endless = self.low is not None and self.step is None
        self.listed = self._all(free)
        self.where = condition(free)

    def _all(self, free: Mapping[str, Any]) -> list[Any]:
        if "choices" in free:
            return list(free["choices"])
        if self.low is not None and self.high is not None:
            if self.step is None:
                return [self.low, self.high]
            count = round((self.high - self.low) / self.step)
            return [round(self.low + i * self.step, 9) for i in range(count + 1)]
        if isinstance(self.field, list):
            return [value for value in dict.fromkeys(self.field) if value is not None]
        return [] if self.field is None else [self.field]

    @property
    def drawn(self) -> list[Any]:
        """What networks are given: each value for all levels, or the field as it is where it is not free."""
        return self.listed if isinstance(self.field, Mapping) else [self.field]

    def searched(self, fields: Mapping[str, Any]) -> bool:
        """Whether a network with these fields has a value of this one, and not its own."""
        return self.named and holds(self.where, fields)

    def has(self, value: Any) -> bool:
        """Whether the field can have a value."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.endless and self.low is not None and self.high is not None:
                return bool(self.low <= value <= self.high)
            return any(
                not isinstance(one, bool | str) and abs(one - value) < TOLERANCE for one in self.listed
            )
        return value in self.listed

    def nearest(self, value: Any) -> Any:
        """Returns the value that is nearest to one that the field cannot have."""
        numbers = [one for one in self.listed if isinstance(one, int | float)]
        if numbers and isinstance(value, int | float):
            return min(numbers, key=lambda one: abs(one - value))
        return self.listed[0] if self.listed else None

    @property
    def said(self) -> str:
        """The values in words."""
        if self.endless:
            return f"{self.low} to {self.high}"
        return ", ".join(map(str, self.listed)) or "the network's own"
