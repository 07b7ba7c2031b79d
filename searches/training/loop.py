"""fit(network, task, recipe): the training loop. Knows nothing of Optuna.

Everything random in a step is a function of (seed, stage, epoch, step), and the state is written to disk now and
then: a run that was killed at any step goes on from the last state and comes to the same weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from archspace.build import build
from archspace.network import Network
from archspace.spec.naming import find_network
from archspace.support.errors import InputError
from archspace.support.interrupts import held_back
from searches.config.recipe import Recipe, Stage
from searches.tasks.base import Evaluation, Size, Task
from searches.training.prefetch import prefetch
from searches.training.resume import Epoch, Identity, Place, load_state, save_state
from searches.training.schedules import rate_factor
from searches.training.steps import Stepper, TrainingError

__all__ = ["Callback", "Epoch", "Step", "TrainingError", "fit"]

MakeStepper: TypeAlias = Callable[[Network, Task, Stage, torch.device, nn.Module | None], Stepper]

SAVE_SECONDS = 60.0
"""Seconds between two states of a run on disk."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was done.

    Attributes:
        epoch, step, steps: its epoch from 1 over all stages, its place in it from 1, and how many the epoch has.
        loss, rate: the batch's loss and its learning rate.
        stage: from 1.
        images_seen: images (tokens of a text) that the run has learned from so far, those of earlier epochs among them.
        images_per_second: of the epoch so far; tokens of a text.
    """

    epoch: int
    step: int
    steps: int
    loss: float
    rate: float
    stage: int
    images_seen: int
    images_per_second: float


class Callback:
    """What follows a training run; by default it looks away."""

    def begun(self, done: Sequence[Epoch]) -> None:
        """The run starts, or goes on after the epochs that are done."""

    def step(self, step: Step) -> None:
        """A step was done."""

    def evaluated(
        self, network: nn.Module, evaluation: Evaluation, images_seen: int, size: Size | None
    ) -> None:
        """A network was evaluated on the validation split at ``size``, ``images_seen`` images after the start."""

    def epoch(self, epoch: Epoch) -> None:
        """An epoch was done; where it was evaluated, that was told before."""

    def pause(self) -> float:
        """May hold the run up between two steps, or two batches of an evaluation.

        Returns:
            The seconds that it did; they count as no training time.
        """
        return 0.0


def fit(
    network: Network, task: Task, recipe: Recipe, *, seed: int, device: torch.device, folder: Path | None = None,
    callback: Callback | None = None, save_seconds: float = SAVE_SECONDS, save_epochs: bool = True,
    until: int | None = None, make_stepper: MakeStepper = Stepper,
) -> list[Epoch]:  # fmt: skip
    """Trains ``network`` in place and returns its epochs.

    The order of images, their augmentation and dropout follow from ``seed`` alone. A training that pauses, or is
    killed, and goes on from its state comes to the same weights, bit by bit, as one that does neither.

    Args:
        folder: where the state is kept, and from where an interrupted run goes on; kept in memory alone if left out.
        save_seconds: between two states on disk.
        save_epochs: also write one at the end of every epoch, however short it was.
        until: pause after so many epochs, over all stages, with the state on disk; ``network`` is then what would be
            kept if the training ended here. To the end if left out.
        make_stepper: makes what does the steps of a stage.

    Raises:
        TrainingError: the loss is not finite; the message has the epoch, the step and the batch.
        InputError: ``folder`` holds another run, the recipe asks for what the task does not have, or two images do
            not fit into memory.
    """
    saving = _Saving(folder, save_seconds, save_epochs)
    return _Run(
        network, task, recipe, seed, device, callback or Callback(), saving, until, make_stepper
    ).all()


@dataclass(slots=True)
class _Saving:
    """Where the state of a run is kept, and how often it is written."""

    folder: Path | None
    seconds: float
    epochs: bool
    last: float = field(default_factory=time.monotonic)

    @property
    def due(self) -> bool:
        return time.monotonic() - self.last > self.seconds


class _Run:
    """One call of :func:`fit`."""

    def __init__(
        self, network: Network, task: Task, recipe: Recipe, seed: int, device: torch.device, callback: Callback,
        saving: _Saving, until: int | None, make_stepper: MakeStepper,
    ) -> None:  # fmt: skip
        self.network, self.task, self.stages, self.seed, self.device = (
            network,
            task,
            recipe.plan(),
            seed,
            device,
        )
        self.callback, self.saving, self.until = callback, saving, until
        self.make_stepper = make_stepper
        for stage in self.stages:
            task.check(stage)
        self.identity = Identity(network.spec.arch_id, recipe, seed, task.describe())
        self.place = Place()

    @property
    def paused(self) -> bool:
        """Whether the run is where it is to pause."""
        return self.until is not None and len(self.place.history) >= self.until

    def all(self) -> list[Epoch]:
        folder = self.saving.folder
        state = None if folder is None else load_state(folder, self.identity)
        if state is not None:
            self.place = state[0]
        self.callback.begun(tuple(self.place.history))
        for number in range(self.place.stage, len(self.stages)):
            stage = self.stages[number]
            network = encoder_alone(self.network) if stage.encoder_only else self.network
            stepper = self.make_stepper(
                network, self.task, stage, self.device, teacher_of(stage, self.device)
            )
            if state is not None:
                stepper.restore(state[1])
                state = None
            self._stage(stage, stepper)
            stepper.finish()
            if stage.encoder_only:
                adopt_encoder(self.network, network)
            if self.paused:
                break
            self.place.stage, self.place.epoch = number + 1, 0
        return self.place.history

    def _stage(self, stage: Stage, stepper: Stepper) -> None:
        while self.place.epoch < stage.epochs and not self.paused:
            self._epoch(stage, stepper)
            if self.saving.epochs or self.saving.due or self.paused:
                self._save(stepper)

    def _jobs(self, stage: Stage) -> list[tuple[NDArray[np.int64], Size]]:
        """The batches of the current epoch with their input sizes: one pass at each size."""
        place, jobs = self.place, []
        for number, size in enumerate(stage.sizes or (self.task.size(stage),)):
            rng = np.random.default_rng([self.seed, place.stage, place.epoch, number])
            jobs += [(index, size) for index in self.task.order(stage, rng)]
        return jobs

    def _epoch(self, stage: Stage, stepper: Stepper) -> None:
        place, jobs, rate = self.place, self._jobs(stage), float("nan")
        number, earlier = len(place.history) + 1, sum(e.images for e in place.history)
        stepper.train()
        if place.step == 0:
            stepper.carry = None
        before = time.perf_counter()
        with held_back() as came:
            for batch in prefetch(self.task, jobs[place.step :]):
                rate = stage.lr * rate_factor(stage, place.epoch * len(jobs) + place.step, len(jobs))
                seed = (self.seed, place.stage, place.epoch, place.step)
                where = f"epoch {number}, step {place.step}"
                loss = stepper.step(batch.raw, batch.size, rate, seed, where)
                now = time.perf_counter()
                place.total, place.seen = place.total + loss * batch.raw.items, place.seen + batch.raw.items
                place.seconds, place.waited = place.seconds + now - before, place.waited + batch.waited
                place.step, before = place.step + 1, now
                speed = place.seen / max(place.seconds, 1e-9)
                images_seen = earlier + place.seen
                self.callback.step(
                    Step(number, place.step, len(jobs), loss, rate, place.stage + 1, images_seen, speed)
                )
                before += self.callback.pause()
                if self.saving.due or came():
                    self._save(stepper)
                    before = time.perf_counter()
                if (interrupt := came()) is not None:
                    raise interrupt
        epoch = Epoch(
            number, place.total / max(1, place.seen), rate, self._value(stage, stepper), place.seconds, place.seen,
            place.waited / max(place.seconds, 1e-9), place.stage + 1,
        )  # fmt: skip
        place.ended_epoch(epoch)
        self.callback.epoch(epoch)

    def _value(self, stage: Stage, stepper: Stepper) -> float | None:
        if not stage.evaluate_every or (self.place.epoch + 1) % stage.evaluate_every:
            return None
        size = stage.last_size or self.task.size(stage)
        evaluation = self.task.evaluate(
            stepper.kept, self.task.val, self.device, size=size, on_batch=lambda _: self._pause()
        )
        images_seen = sum(e.images for e in self.place.history) + self.place.seen
        self.callback.evaluated(stepper.kept, evaluation, images_seen, size)
        return evaluation.value

    def _pause(self) -> None:
        self.callback.pause()

    def _save(self, stepper: Stepper) -> None:
        if self.saving.folder is not None:
            save_state(
                self.saving.folder, self.identity, self.network.spec.to_dict(), self.place, stepper.state()
            )
        self.saving.last = time.monotonic()


def encoder_alone(network: Network) -> Network:
    """Returns a new network of the same spec without its decoder, with the encoder of ``network``.

    Raises:
        InputError: the network has no decoder to leave out.
    """
    if network.spec.decoder in (None, "none"):
        raise InputError(f"encoder_only: {network.spec.label} has no decoder to leave out")
    alone = build(network.spec.replace(decoder="none"))
    alone.encoder.load_state_dict(network.encoder.state_dict())
    return alone


def adopt_encoder(network: Network, alone: Network) -> None:
    """Puts the trained encoder into ``network``, and its classifier where the decoder begins with the same one."""
    network.encoder.load_state_dict(alone.encoder.state_dict())
    held, new = network.head.state_dict(), alone.head.state_dict()
    start = {name.replace("project.", "project3."): value for name, value in new.items()}
    fits = {n: v for n, v in start.items() if n in held and held[n].shape == v.shape}
    network.head.load_state_dict({**held, **fits})


def teacher_of(stage: Stage, device: torch.device) -> nn.Module | None:
    """Returns the stage's teacher, in eval mode, or ``None``."""
    if stage.teacher is None:
        return None
    named = find_network(stage.teacher, accept="weights", field="training.teacher")
    return named.load().to(device).eval().requires_grad_(False)
