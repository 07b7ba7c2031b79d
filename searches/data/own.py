"""What a study or a training says of a folder of pictures: the names of its classes, void, and how train is divided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from archspace.support.errors import FieldError
from searches.config.data import DataConfig
from searches.config.training import TrainData

NO_SPLITS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """Classes, void and splits as the user gave them.

    Attributes:
        classes: names in the order of the class indices; empty where the folder says them.
        values: the value of each class in the masks; empty where these are the indices.
        void: values that are void; ``None`` where the folder or its layout says.
        splits: split -> share of train that is taken for it.
        seed: by which pictures are drawn for these shares.
    """

    classes: tuple[str, ...] = ()
    values: tuple[int, ...] = ()
    void: tuple[int, ...] | None = None
    splits: Mapping[str, float] = field(default_factory=lambda: NO_SPLITS)
    seed: int = 0

    def __bool__(self) -> bool:
        return bool(self.classes or self.void is not None or self.splits)

    def meaning(self) -> dict[int, int]:
        """Returns mask value -> class index.

        Raises:
            FieldError: a void value is that of a class too.
        """
        values = self.values or range(len(self.classes))
        meaning = {value: index for index, value in enumerate(values)}
        for value in self.void or ():
            if value in meaning:
                rule = f"is the value of class {self.classes[meaning[value]]!r}"
                raise FieldError("data.void", value, rule, max(meaning) + 1)
        return meaning


def own_of(data: DataConfig | TrainData) -> Own:
    """Returns what the data of a study or of a training say of their folder."""
    named = data.classes or ()
    mapped = isinstance(named, dict)
    values = tuple(sorted(named)) if isinstance(named, dict) else ()
    names = tuple(named[value] for value in values) if isinstance(named, dict) else tuple(named)
    void = None if data.void is None else (data.void,) if isinstance(data.void, int) else tuple(data.void)
    own = Own(
        classes=names,
        values=values if mapped else (),
        void=void,
        splits=MappingProxyType(data.shares),
        seed=data.seed,
    )
    own.meaning()
    return own
