"""What one resolution has been given and has filled in so far. No torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from archspace.plan.design import NETWORKS, NetworkDesign
from archspace.support.errors import SpecError


@dataclass(slots=True)
class Resolution:
    """Fields given by the user, those among them that may be dropped, the result so far, and the units it places."""

    given: dict[str, Any]
    lenient: Collection[str]
    out: dict[str, Any] = field(default_factory=dict)
    places: list[Any] | None = None

    @property
    def design(self) -> NetworkDesign:
        """The network's design; ``network`` is filled first."""
        return NETWORKS[self.out["network"]]

    def unfit(self, name: str, rule: str, nearest: object = "leave it out") -> None:
        """A field that cannot be honoured: refused where it was given, or dropped where that is allowed."""
        if name in self.given and name not in self.lenient:
            raise SpecError(name, self.given[name], rule, nearest)
        self.out[name] = None

    def switch(
        self, name: str, honoured: bool, default: object, read: Callable[[str, object], object], rule: str
    ) -> None:
        """Fills a field with one value, or with ``None`` where it is not ``honoured``, for the ``rule``."""
        if not honoured:
            self.unfit(name, rule)
            return
        self.out[name] = read(name, self.given.get(name, default))

    def levels(self, name: str, count: int, default: Sequence[object] = ()) -> object:
        """Returns the given per-level value.

        A lenient one is cut to the levels that there are, or gets more by default.
        """
        value = self.given.get(name)
        if name in self.lenient and isinstance(value, Sequence) and not isinstance(value, str):
            return [*value[:count], *(default or (None,) * count)[len(value) :]]
        return value
