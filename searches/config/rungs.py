"""At which epochs the trainings of a study are compared, so that not every network is trained in full. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from archspace.support.errors import FieldError
from archspace.support.numbers import counted
from searches.config.parts import Part
from searches.config.recipe import Recipe, Stage

FIELD = "judging.rungs"
REDUCTION = 3


class Rungs(Part):
    """Which networks are trained in full, where not all are.

    Attributes:
        rungs: epochs, over all stages, after which a training pauses and is compared with all that came as far; the
            training's end need not be said. `auto`: the epochs of a training divided by `reduction`, again and again.
            None if left out: every network is trained in full.
        reduction: of so many networks that reached a rung, one goes on.
    """

    rungs: tuple[int, ...] | Literal["auto"] = ()
    reduction: int = Field(REDUCTION, ge=2)

    @field_validator("rungs", mode="before")
    @classmethod
    def _listed(cls, rungs: object) -> object:
        if rungs is None:
            return ()
        listed = isinstance(rungs, list | tuple) and all(isinstance(epochs, int) for epochs in rungs)
        if not (listed or rungs == "auto"):
            nearest = [rungs] if isinstance(rungs, int) and rungs > 0 and rungs is not True else "auto"
            raise FieldError(FIELD, rungs, "must be a list of epochs, or auto", nearest)
        return rungs

    @model_validator(mode="after")
    def _of_rungs(self) -> Self:
        if not self.rungs and self.reduction != REDUCTION:
            rule = "is of judging.rungs, which is left out: every network is trained in full"
            raise FieldError("judging.reduction", self.reduction, rule, "rungs: auto")
        return self

    def levels(self, recipe: Recipe) -> tuple[int, ...]:
        """Returns the epochs at which trainings by ``recipe`` are compared and, last, at which they end.

        >>> Rungs(rungs="auto").levels(Recipe(epochs=9)), Rungs().levels(Recipe(epochs=9))
        ((1, 3, 9), (9,))

        Raises:
            FieldError: the rungs do not fit the training.
        """
        stages = recipe.plan()
        first, end = _whole_from(stages), sum(stage.epochs for stage in stages)
        if self.rungs == "auto":
            rungs = [epochs for epochs in halving(end, self.reduction) if epochs >= first]
            if len(rungs) < 2:
                rule = f"a training of {counted(end, 'epoch')} has no epoch before its end to compare networks at"
                raise FieldError(FIELD, "auto", rule, "training.epochs of 2 or more")
            return tuple(rungs)
        given = list(self.rungs)
        _check(given, first, end)
        return (*(epochs for epochs in given if epochs < end), end)

    def check(self, recipe: Recipe, trials: int) -> None:
        """Refuses rungs that do not fit the training, would be of no use, or through which no network would come.

        Args:
            trials: of the study.
        """
        levels = self.levels(recipe)
        if len(levels) > 1 and not trials:
            rule = "given networks are all trained in full, and no other is asked for"
            raise FieldError(FIELD, list(levels[:-1]), rule, [])
        least = least_trainings(levels, self.reduction)
        if trials and trials < least:
            rungs, share = list(levels[:-1]), f"one of {self.reduction}"
            rule = f"too few for any to come to the end, where {share} goes on at each rung of {rungs}"
            raise FieldError("trials", trials, rule, least)


def halving(epochs: int, reduction: int) -> list[int]:
    """Returns the rungs of successive halving up to ``epochs``, in epochs.

    >>> halving(20, 3)
    [1, 2, 6, 20]
    """
    rungs = [epochs]
    while rungs[0] > 1:
        rungs.insert(0, max(1, rungs[0] // reduction))
    return rungs


def cost_of_one(levels: Sequence[int], reduction: int) -> float:
    """Returns epochs for each network that is begun, where every rung sends on its share of them.

    >>> round(cost_of_one((1, 3, 9), 3), 2)
    2.33
    """
    steps = zip(levels, (0, *levels), strict=False)
    return float(sum((here - before) / reduction**level for level, (here, before) in enumerate(steps)))


def least_trainings(levels: Sequence[int], reduction: int) -> int:
    """Returns the full trainings that a study must pay for, so that about one network comes through all rungs.

    >>> least_trainings((1, 3, 9), 3), least_trainings((9,), 3)
    (3, 1)
    """
    begun = float(reduction ** (len(levels) - 1))
    return math.ceil(begun * cost_of_one(levels, reduction) / levels[-1])


def _whole_from(stages: Sequence[Stage]) -> int:
    """The first epoch after which the whole network has been trained, its decoder too."""
    before = [0, *accumulate(stage.epochs for stage in stages)]
    return 1 + max(
        (end for end, stage in zip(before[1:], stages, strict=True) if stage.encoder_only), default=0
    )


def _check(rungs: list[int], first: int, end: int) -> None:
    """Refuses rungs that no training of ``end`` epochs has, its whole network being trained from ``first`` on."""
    ordered = sorted({epochs for epochs in rungs if first <= epochs <= end})
    nearest = ordered or [max(first, end // 2)]
    if any(epochs > end for epochs in rungs):
        raise FieldError(
            FIELD, rungs, f"longer than the training, which has {counted(end, 'epoch')}", nearest
        )
    if any(epochs < 1 for epochs in rungs):
        raise FieldError(FIELD, rungs, "a rung is an epoch, from 1 on", nearest)
    if any(epochs < first for epochs in rungs):
        rule = f"the decoder is not trained before epoch {first}, and without it there is nothing to compare"
        raise FieldError(FIELD, rungs, rule, nearest)
    if rungs != ordered:
        raise FieldError(FIELD, rungs, "must rise, each rung once", nearest)
