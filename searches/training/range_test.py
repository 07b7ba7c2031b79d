"""A learning-rate range test (Smith 2017): the rate rises from step to step until the loss diverges."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from analysis.drawing.curves import range_figure
from analysis.drawing.figure_files import write_html, write_png
from archspace.network import Network
from archspace.support.csv_cells import csv_text
from archspace.support.errors import FieldError
from archspace.support.files import write_text
from searches.config.recipe import Recipe
from searches.config.training import TrainConfig
from searches.tasks.base import Size, Task
from searches.training.loop import encoder_alone, teacher_of
from searches.training.prefetch import prefetch
from searches.training.steps import Stepper, TrainingError

SMOOTHING = 0.9
DIVERGED = 4.0
"""The test ends when the smoothed loss is so many times its least."""
SETTLED = 10
"""Steps after which the smoothed loss is trusted."""
LEAST_FALL = 0.02
"""Share by which the smoothed loss must fall for a rate to be suggested."""
RULE = "the rate of the smoothed loss's steepest descent, at most a tenth of the rate at its minimum"
FILES = "range"
"""Stem of the files of a range test."""


@dataclass(frozen=True, slots=True)
class RangeQuestion:
    """From which learning rate to which, in how many steps.

    Raises:
        FieldError: the rates do not rise, or the steps are too few.
    """

    low: float = 1e-6
    high: float = 1.0
    steps: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.low < math.inf:
            raise FieldError("--range-low", self.low, "must be above 0", 1e-6)
        if not self.low < self.high < math.inf:
            raise FieldError("--range-high", self.high, "must be above --range-low", 10 * self.low)
        if self.steps < 2 * SETTLED:
            raise FieldError("--range-steps", self.steps, "too few to see a slope", 2 * SETTLED)

    def rate(self, step: int) -> float:
        """Returns the rate of a step from 0: rising by the same factor from each to the next."""
        return float(self.low * (self.high / self.low) ** (step / (self.steps - 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeTest:
    """What a range test found.

    Attributes:
        rates, losses, smoothed: of each step that was done.
        suggested: by :data:`RULE`; ``None`` where the loss did not fall.
        ended: ``diverged`` or ``high`` (the highest rate was reached).
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggested: float | None
    ended: str


def suggestion(rates: NDArray[np.float64], smoothed: NDArray[np.float64]) -> float | None:
    """Returns the learning rate by :data:`RULE`.

    ``None`` where the smoothed loss falls by less than :data:`LEAST_FALL`.

    The first :data:`SETTLED` steps, in which the average has seen little, do not count.
    """
    if len(smoothed) <= SETTLED + 2:
        return None
    least = SETTLED + int(smoothed[SETTLED:].argmin())
    if least < SETTLED + 2 or smoothed[least] > (1 - LEAST_FALL) * smoothed[SETTLED]:
        return None
    part = slice(SETTLED, least + 1)
    slopes = np.gradient(smoothed[part], np.log(rates[part]))
    steepest = rates[SETTLED + int(slopes.argmin())]
    return float(max(rates[0], min(steepest, rates[least] / 10)))


def range_test(
    network: Network, task: Task, recipe: Recipe, question: RangeQuestion, *, seed: int, device: torch.device,
    on_step: Callable[[], object] = lambda: None,
) -> RangeTest:  # fmt: skip
    """Trains ``network`` in place by the recipe's first stage, but for the rate, and says what came of it.

    The result follows from the network's weights and ``seed`` alone.

    Raises:
        InputError: two images do not fit into memory.
    """
    stage = recipe.plan()[0]
    trained = encoder_alone(network) if stage.encoder_only else network
    stepper = Stepper(trained, task, stage, device, teacher_of(stage, device))
    stepper.train()
    size = stage.sizes[0] if stage.sizes else task.size(stage)
    first: list[int] = []

    def jobs() -> Iterator[tuple[NDArray[np.int64], Size]]:
        for epoch in itertools.count():
            order = task.order(stage, np.random.default_rng([seed, 0, epoch, 0]))
            first.append(len(order) + (first[-1] if first else 0))
            yield from ((index, size) for index in order)

    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    average, ended = 0.0, "high"
    for step, batch in enumerate(prefetch(task, itertools.islice(jobs(), question.steps))):
        if step in first:
            stepper.carry = None
        rate = question.rate(step)
        try:
            loss = stepper.step(batch.raw, batch.size, rate, (seed, 0, 0, step), f"range test, step {step}")
        except TrainingError:
            ended = "diverged"
            break
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        rates.append(rate)
        losses.append(loss)
        smoothed.append(average / (1 - SMOOTHING ** (step + 1)))
        on_step()
        if step >= SETTLED and smoothed[-1] > DIVERGED * min(smoothed[SETTLED:]):
            ended = "diverged"
            break
    return RangeTest(
        rates=tuple(rates), losses=tuple(losses), smoothed=tuple(smoothed), ended=ended,
        suggested=suggestion(np.array(rates), np.array(smoothed)),
    )  # fmt: skip


def answer(
    question: RangeQuestion, network: Network, task: Task, config: TrainConfig, folder: Path, console: Console,
    as_json: bool,
) -> None:  # fmt: skip
    """Makes a range test, writes ``range.csv`` and its plot to ``folder`` and prints what to do; keeps no weights."""
    bar = iter(
        track(range(question.steps), description="range test", console=console, transient=True,
              disable=not console.is_terminal)
    )  # fmt: skip
    curve = range_test(
        network, task, config.training, question, seed=config.seed, device=torch.device(config.device),
        on_step=lambda: next(bar, None),
    )  # fmt: skip
    steps = enumerate(zip(curve.rates, curve.losses, curve.smoothed, strict=True))
    rows = [("step", "lr", "loss", "smoothed"), *((step, *map(repr, row)) for step, row in steps)]
    write_text(folder / f"{FILES}.csv", csv_text(rows))
    title = f"Learning-rate range test of {network.spec.label}, {config.name}"
    figure = range_figure(curve.rates, curve.losses, curve.smoothed, curve.suggested, title=title)
    write_html(figure, folder / f"{FILES}.html")
    write_png(figure, folder / f"{FILES}.png")
    own = config.training.plan()[0].lr
    result = {
        "folder": str(folder), "network": network.spec.label, "recipe": config.name, "steps": len(curve.rates),
        "ended": curve.ended, "suggested_lr": curve.suggested, "rule": RULE, "recipe_lr": own, "origin": "measured",
    }  # fmt: skip
    if as_json:
        print(json.dumps(result))  # noqa: T201
        return
    said = Console(highlight=False)
    last = f"{len(curve.rates)} steps up to {curve.rates[-1]:.2g}" if curve.rates else "no step"
    end = "where the loss diverged" if curve.ended == "diverged" else "the highest rate asked for"
    said.print(f"{last}, {end}", soft_wrap=True)
    if curve.suggested is None:
        said.print(
            "no rate suggested: the loss did not fall; try other --range-low, --range-high or more steps"
        )
    else:
        said.print(
            f"suggested learning rate: {curve.suggested:.2g} ({RULE}); the recipe has {own:g}", soft_wrap=True
        )
    said.print(f"curve: {folder / FILES}.html", soft_wrap=True)
