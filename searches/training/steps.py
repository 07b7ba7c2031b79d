"""One optimisation step: forward, loss, backward, update; in parts where memory is short."""

from __future__ import annotations

import logging
import math
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from archspace.support.errors import InputError
from searches.config.recipe import Stage
from searches.data.augment import Augmentation
from searches.tasks.base import LEAST_WEIGHT, Batch, Raw, Size, Task
from searches.tasks.scores import distilled
from searches.training.backward import FastBackward

log = logging.getLogger(__name__)

LEAST_PART = 2
"""Images of a part at least: batch norms need two."""
MOST_NAMES = 8
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


MEMORY_WORDS = (
    "can't allocate memory",
    "bad_alloc",
    "could not create a primitive",
    "could not create a memory",
)
"""How torch's allocator and oneDNN say on the CPU that memory has run out."""


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why."""


def seed_step(seed: int) -> None:
    """Seeds torch's generators of the CPU and of GPUs in use, to what ``torch.manual_seed`` makes of them.

    That function also keeps a stack trace for each kind of GPU that was never used: an eighth of a small step,
    and memory that is never given back.
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)


def make_optimizer(network: nn.Module, stage: Stage, device: torch.device) -> torch.optim.Optimizer:
    """Returns the stage's optimiser over the parameters that learn, in groups by decay and by head.

    On a CPU all parameters of a group are updated by one kernel; a GPU's optimiser is torch's default.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            decays = stage.decay_norms or parameter.ndim > 1
            groups.setdefault((decays, name.startswith("head.")), []).append(parameter)
    listed: list[dict[str, Any]] = [
        {
            "params": parameters,
            "weight_decay": stage.weight_decay if decays else 0.0,
            "factor": stage.head_lr if head else 1.0,
        }
        for (decays, head), parameters in groups.items()
    ]
    fused = True if device.type == "cpu" else None
    if stage.optimizer == "sgd":
        nesterov = stage.nesterov and stage.momentum > 0
        return torch.optim.SGD(listed, lr=stage.lr, momentum=stage.momentum, nesterov=nesterov, fused=fused)
    kind = torch.optim.Adam if stage.optimizer == "adam" else torch.optim.AdamW
    return kind(listed, lr=stage.lr, fused=fused)


def freeze_norms(network: nn.Module) -> None:
    """Batch norms keep their statistics, scales and shifts from now on."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.eval()
            module.requires_grad_(False)


class Stepper:
    """A network, its optimiser and what a stage keeps between steps.

    Attributes:
        parts: into how many parts a batch is cut; grows when memory runs out.
        carry: what the network carries from batch to batch.
    """

    def __init__(
        self, network: nn.Module, task: Task, stage: Stage, device: torch.device, teacher: nn.Module | None
    ) -> None:
        self.network, self.task, self.stage, self.device, self.teacher = network, task, stage, device, teacher
        self.augmentation = Augmentation(
            flip=stage.flip, shift=stage.shift, area=stage.area, zoom=stage.zoom, colour=stage.colour,
            crop=stage.crop,
        )  # fmt: skip
        memory = torch.channels_last if stage.channels_last else torch.contiguous_format
        network.to(device, memory_format=memory)  # type: ignore[call-overload]
        network.requires_grad_(True)
        if stage.freeze_norms:
            freeze_norms(network)
        self.optimizer = make_optimizer(network, stage, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=stage.precision == "float16")
        averaged = get_ema_multi_avg_fn(stage.ema)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(network, multi_avg_fn=averaged, use_buffers=True) if stage.ema else None
        self.run: Any = torch.compile(network) if stage.compile else network
        self.backward = self.faster(network)
        self.parts, self.carry = 1, None

    def faster(self, network: nn.Module) -> FastBackward | None:
        """Returns what makes a network's backward pass faster, or ``None`` where torch's own is to be taken."""
        plain = self.device.type != "cpu" or self.stage.compile or self.stage.precision != "float32"
        return None if plain else FastBackward(network)

    def train(self) -> None:
        """Training mode, frozen norms left alone."""
        self.network.train()
        if self.stage.freeze_norms:
            freeze_norms(self.network)

    def step(self, raw: Raw, size: Size, rate: float, seed: tuple[int, ...], where: str) -> float:
        """Returns one update; returns the batch's mean loss.

        Raises:
            TrainingError: the loss is not finite; the message has the step and the batch's names.
            InputError: two images do not fit into memory, or one window of a text.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        while True:
            try:
                return self._update(raw, size, seed, where)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0]
            self._halve(raw, reason)  # after the handler, whose error keeps the failed step's tensors alive

    def _halve(self, raw: Raw, reason: str) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.task.carries or len(raw) // (2 * self.parts) < LEAST_PART:
            parts = f"{len(raw)} in {self.parts} parts"
            smaller = "window" if self.task.carries else "input"
            raise InputError(
                f"batch: {parts}: out of memory on {self.device} ({reason}); give a smaller {smaller} or batch"
            )
        self.parts *= 2
        log.warning(
            "out of memory: batches of %d now run in %d parts, gradients add up", len(raw), self.parts
        )

    def _update(self, raw: Raw, size: Size, seed: tuple[int, ...], where: str) -> float:
        """One update; parts come to the gradient of the whole: each weighs as its targets do in the batch's loss."""
        self.optimizer.zero_grad(set_to_none=True)
        seed_step(int(np.random.default_rng([*seed, 0]).integers(2**62)))
        parts = raw.parts(min(self.parts, max(1, len(raw) // LEAST_PART)))
        value, carry = 0.0, self.carry
        weight: Tensor | None = None
        for part in parts:
            batch = self._prepared(raw, size, seed, part)
            outputs, carry = self._forward(batch)
            if weight is None:
                weight = self.task.weight(outputs, batch.target, self.stage)
                for other in parts[1:]:
                    target = self._prepared(raw, size, seed, other).target
                    weight = weight + self.task.weight(outputs, target, self.stage)
            loss = self._loss(outputs, batch, weight, len(batch.inputs) / len(raw))
            value += loss.item()
            if not math.isfinite(value):
                names = raw.names[part]
                named = ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
                raise TrainingError(f"loss is {value} at {where}; the batch was: {named}")
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.after_backward(batch, outputs, len(batch.inputs) / len(raw))
        if self.stage.clip:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.stage.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.network)
        self.carry = carry
        return value

    def after_backward(self, batch: Batch, outputs: Any, share: float) -> None:
        """What a stepper of more than one network does with a part of the batch, before the update; nothing here.

        Args:
            outputs: of the network on the part.
            share: of the part among the batch's images.
        """

    def _prepared(self, raw: Raw, size: Size, seed: tuple[int, ...], part: slice) -> Batch:
        """A part of the batch; what is random in it is that of the whole."""
        rng = np.random.default_rng([*seed, 0])
        rng.integers(2**62)
        return self.task.prepare(raw, size, self.augmentation, rng, self.device, part)

    def _forward(self, part: Batch) -> tuple[Any, Any]:
        """The network's outputs on a part of the batch, and what it carries on."""
        faster = nullcontext() if self.backward is None else self.backward.active()
        with self._precision(), faster:
            return self.task.forward(self.run, part.inputs, self.carry)

    def _loss(self, outputs: Any, part: Batch, weight: Tensor, share: float) -> Tensor:
        """What a part adds to the batch's mean loss.

        Args:
            weight: of the whole batch in the task's loss.
            share: of the part among the batch's images, which weigh alike in the comparison with a teacher.
        """
        stage = self.stage
        with self._precision():
            loss = self.task.total(outputs, part.target, stage) / weight.clamp(min=LEAST_WEIGHT)
            if self.teacher is not None:
                with torch.no_grad():
                    taught = self.teacher(part.inputs)
                taught_loss = share * distilled(outputs, taught, stage.temperature)
                loss = (1 - stage.distillation) * loss + stage.distillation * taught_loss
        return loss

    def _precision(self) -> torch.autocast:
        """The arithmetic of the forward pass."""
        precision = self.stage.precision
        return torch.autocast(self.device.type, DTYPES[precision], enabled=precision != "float32")

    def finish(self) -> None:
        """The average, where one is kept, becomes the network."""
        if self.average is not None:
            self.network.load_state_dict(self.average.module.state_dict())

    @property
    def kept(self) -> nn.Module:
        """The network that would be kept now."""
        return self.average.module if self.average is not None else self.network

    def state(self) -> dict[str, Any]:
        """Returns all that has to be saved for the next step to be the same."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "parts": self.parts,
            "carry": self.carry,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Inverse of :meth:`state`."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.parts, self.carry = state["parts"], state["carry"]


def out_of_memory(error: BaseException) -> bool:
    """Returns whether an error says that memory has run out, on the CPU or on a device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in MEMORY_WORDS)
