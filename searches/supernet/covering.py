"""Whether a supernet has all networks of a study's space; read from its file alone. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archspace.plan.design import NETWORKS
from archspace.spec.archspec import ArchSpec
from archspace.spec.record import FIELDS
from archspace.support.errors import FieldError, SpecError
from searches.config.parts import FIXED_BY_DATA
from searches.config.study import StudyConfig
from searches.supernet.config import read_supernet

TOLERANCE = 1e-9


def check_covered(study: StudyConfig, folder: Path) -> None:
    """Refuses a supernet without some of the networks of a study.

    Raises:
        InputError: there is no supernet in the folder, or it does not cover the space; the message has the field.
    """
    held = read_supernet(folder).study
    shared = {
        "task": (study.task, held.task),
        "data.input_size": (list(study.input_size), list(held.input_size)),
    }
    for name in ("layout", "channels", "train", "crop", "classes", "void", "splits"):
        shared[f"data.{name}"] = getattr(study.data, name), getattr(held.data, name)
    if study.from_ is not None:
        raise FieldError(
            "from", study.from_, "trained networks and those that inherit are not one comparison", "null"
        )
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
    others = [field for field in FIELDS if field not in space and field not in FIXED_BY_DATA]
    for name in [*(field for field in FIELDS if field in space), *others]:
        value = _plain(getattr(spec, name))
        kept = _Values(space.get(name, _default(space.get("network"), spec.task, name)))
        for one in value if isinstance(value, list) else [value]:
            if one is not None and kept.listed and not kept.has(one):
                rule = f"the supernet {folder} does not cover it: it has {kept.said}"
                return FieldError(name, value, rule, kept.nearest(one))
    return None


def _check_field(
    name: str, wanted: Mapping[str, Any], held: Mapping[str, Any], task: str, folder: Path
) -> None:
    if name not in wanted and name not in held:
        return
    default = _default(held.get("network", wanted.get("network")), task, name)
    asked, kept = _Values(wanted.get(name, default)), _Values(held.get(name, default))
    rule = f"the supernet {folder} does not cover it: it has {kept.said}"
    for value in asked.listed:
        if not kept.has(value):
            raise FieldError(f"space.{name}", value, rule, kept.nearest(value))
    if asked.endless and not kept.endless:
        raise FieldError(f"space.{name}", "a continuous field", rule, kept.listed)
    if asked.per_level and not kept.per_level and len(kept.listed) > 1:
        rule = f"the supernet {folder} does not cover it: its networks have one value for all levels"
        raise FieldError(f"space.{name}.per_level", True, rule, False)


def _default(network: object, task: str, name: str) -> Any:
    """What a network has where the space does not name the field."""
    if not isinstance(network, str) or network not in NETWORKS:
        return None
    try:
        return _plain(getattr(ArchSpec(network, task=task), name))
    except SpecError:
        return None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


class _Values:
    """The values that a field of a space can have.

    Attributes:
        listed: all of them; the ends of a continuous field.
        endless: it is continuous.
        per_level: each level has its own.
    """

    def __init__(self, field: Any) -> None:
        self.field = field
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
