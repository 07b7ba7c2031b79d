"""What training and evaluation know of a task: its splits, its batches, its loss and its metrics."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archspace.class_names import ClassNames
from archspace.floats import flushed
from archspace.preprocessing import Preprocessing
from archspace.support.errors import FieldError
from searches.config.recipe import Stage
from searches.data.augment import NONE, Augmentation, colours, recoloured, resized, show, windows
from searches.data.boxes import Boxes
from searches.data.dataset import Split, Targets
from searches.data.text import TextSplit

Size: TypeAlias = tuple[int, int]
OnBatch: TypeAlias = Callable[[int], None]

MOST_IMAGES, MOST_PIXELS, MOST_PIXELS_CPU = 256, 32 * 224 * 224, 384 * 1024
"""Of an evaluated batch at most: large images do not need more memory, and on a CPU its maps stay in the cache."""
LEAST_WEIGHT, WHOLE = 1e-12, slice(None)


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """A batch as the data set has it, on the CPU: bytes (N, H, W, C) or tokens (N, T), targets and names.

    ``sizes`` (N, 2) are (H, W) of the pictures that the images were made from; None: those of the images.
    """

    inputs: NDArray[Any]
    targets: Targets
    names: tuple[str, ...]
    sizes: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def items(self) -> int:
        """What the batch's mean loss is a mean over: images, or tokens."""
        return self.inputs.size if self.inputs.ndim == 2 else len(self)

    def parts(self, count: int) -> list[slice]:
        """Returns the places of the batch in ``count`` parts of nearly equal length."""
        edges = np.linspace(0, len(self), count + 1).round().astype(int).tolist()
        return [slice(*pair) for pair in pairwise(edges)]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A batch as the network takes it, on its device: inputs (N, C, H, W) or (N, T), and targets."""

    inputs: Tensor
    target: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a split came to.

    Attributes:
        metric: name of the headline among ``values``.
        values: metrics by name, in percent where the name does not say otherwise.
        details: metrics by class (``class_iou``).
    """

    metric: str
    values: Mapping[str, float]
    details: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The headline."""
        return self.values[self.metric]

    def to_dict(self) -> dict[str, Any]:
        """Returns all metrics by name, as plain data for JSON; one that is not a number becomes ``None``."""
        return {**_plain(self.values), **{name: _plain(rows) for name, rows in self.details.items()}}


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


class Task(ABC):
    """A data set with a loss and metrics.

    Attributes:
        train, val: the splits.
        preprocessing: from bytes to the network's input; ``None`` where the data are no images.
        metric: name of the objective that :meth:`evaluate` yields.
        distils: whether a network can learn from a teacher's outputs.
        counts: what the length of a split and the speed of training are counted in.
        carries: whether the network carries a state from batch to batch.
        pixelwise: whether every pixel has a target.
    """

    metric: str
    distils: ClassVar[bool] = True
    counts: ClassVar[str] = "images"
    carries: ClassVar[bool] = False
    pixelwise: ClassVar[bool] = False
    train: Split | TextSplit
    val: Split | TextSplit
    preprocessing: Preprocessing | None

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    def class_names(self) -> ClassNames:
        """Names of the classes, with their colours where the data set says them."""
        return ClassNames(self.classes)

    @staticmethod
    def outputs(classes: int) -> tuple[int, ...]:
        """Returns numbers of classes of a network that fit data of ``classes`` classes, the usual one first.

        A network may have one more: a trained void.
        """
        return (classes, classes + 1)

    @abstractmethod
    def describe(self) -> str:
        """Returns the training data in a few words; of other data they differ."""

    def check(self, stage: Stage) -> None:
        """Refuses a stage that asks for what the task does not have.

        Raises:
            FieldError: it does.
        """
        if stage.teacher is not None and not self.distils:
            rule = "distillation compares scores of one class; this task has none"
            raise FieldError("training.teacher", stage.teacher, rule, "leave it out")
        if not self.pixelwise:
            stage.refuse_pixels()

    @abstractmethod
    def total(self, outputs: Any, target: Any, stage: Stage) -> Tensor:
        """Summed loss of a batch, a scalar."""

    @abstractmethod
    def weight(self, outputs: Any, target: Any, stage: Stage) -> Tensor:
        """Returns what the summed loss of a batch is divided by to be its mean loss, a scalar.

        Of ``outputs`` only the shape counts. The weight of a batch is the sum of its parts' weights.
        """

    def loss(self, outputs: Any, target: Any, stage: Stage) -> Tensor:
        """Returns mean loss of a batch, a scalar; 0 where nothing in it counts."""
        return self.total(outputs, target, stage) / self.weight(outputs, target, stage).clamp(
            min=LEAST_WEIGHT
        )

    @abstractmethod
    def evaluate(
        self, network: nn.Module, split: Any, device: torch.device, *,
        size: Size | None = None, on_batch: OnBatch = lambda items: None,
    ) -> Evaluation:  # fmt: skip
        """Returns the metrics over all of ``split`` with the network in eval mode, on inputs of ``size``.

        ``on_batch`` is told how much of the split a batch was.
        """

    @abstractmethod
    def order(self, stage: Stage, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Returns one epoch's batches as indices, for :meth:`gather`; what is random in them comes from ``rng``."""

    def forward(self, network: nn.Module, inputs: Tensor, carry: Any) -> tuple[Any, Any]:
        """Returns the network's outputs, and what it carries to the next batch; ``None`` at the start of an epoch."""
        return network(inputs), None

    @abstractmethod
    def size(self, stage: Stage) -> Size:
        """(H, W) of what the network of a stage reads."""

    @abstractmethod
    def gather(self, index: NDArray[np.int64]) -> Raw:
        """Returns a training batch from memory or the cache; called ahead of time by another thread."""

    @abstractmethod
    def prepare(
        self, raw: Raw, size: Size, augmentation: Augmentation, rng: np.random.Generator, device: torch.device,
        part: slice = WHOLE,
    ) -> Batch:  # fmt: skip
        """Returns the batch, or a ``part`` of it, on the device as the network reads it, at ``size``.

        What is random is drawn for the whole batch: parts that are prepared with generators of one seed make it up.
        """


class ImageTask(Task):
    """A task on images."""

    train: Split
    val: Split
    preprocessing: Preprocessing

    def __init__(self, train: Split, val: Split, preprocessing: Preprocessing) -> None:
        self.train, self.val, self.preprocessing = train, val, preprocessing

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.train.classes

    @property
    def class_names(self) -> ClassNames:
        """Names of the classes, with their colours where the data set says them."""
        return ClassNames(self.train.classes, self.train.colours)

    def describe(self) -> str:
        """Returns how many images of which classes."""
        return f"{len(self.train)} images of {', '.join(self.classes)}"

    def order(self, stage: Stage, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Indices of one epoch's shuffled batches; a last batch of one image is left out, as norms need two."""
        shuffled = rng.permutation(len(self.train))
        starts = range(0, len(shuffled), stage.batch)
        batches = [np.sort(shuffled[start : start + stage.batch]) for start in starts]
        return batches[:-1] if len(batches) > 1 and len(batches[-1]) < 2 else batches

    def size(self, stage: Stage) -> Size:
        """(H, W) at which the network of a stage reads images."""
        height, width = self.train.images.shape[1:3]
        return stage.input_size or (height, width)

    def gather(self, index: NDArray[np.int64]) -> Raw:
        """Returns a training batch from memory or the cache; called ahead of time by another thread."""
        return gathered(self.train, index)

    def prepare(
        self, raw: Raw, size: Size, augmentation: Augmentation, rng: np.random.Generator, device: torch.device,
        part: slice = WHOLE,
    ) -> Batch:  # fmt: skip
        """Returns the batch, or a part of it, on the device: normalised, augmented, at ``size``."""
        images = torch.from_numpy(raw.inputs[part]).to(device, non_blocking=True).permute(0, 3, 1, 2).float()
        places = np.arange(len(raw))[part]
        target = on_device(raw.targets[places], device)
        if augmentation.colour:
            images = recoloured(images, colours(len(raw), augmentation.colour, rng)[:, places])
        images = self.preprocessing.normalise(images)
        sources = raw.sizes if raw.sizes is not None else np.tile(images.shape[2:], (len(raw), 1))
        if augmentation.area is None:
            images, target = resized(images, target, size)
        if augmentation != NONE:
            window = windows(len(raw), sources, size, augmentation, rng).of(places)
            images, target = show(images, target, window, augmentation.crop or size, augmentation.resamples)
        return Batch(images.contiguous(memory_format=torch.channels_last), target)

    def evaluated(
        self, network: nn.Module, split: Split, device: torch.device, size: Size | None, on_batch: OnBatch,
        add: Callable[[Any, Any], None],
    ) -> None:  # fmt: skip
        """Calls ``add(outputs, targets)`` for every batch of ``split``; targets keep their own size."""
        network.eval()
        side = (split.images.shape[1], split.images.shape[2])
        pixels = MOST_PIXELS_CPU if device.type == "cpu" else MOST_PIXELS
        step = max(1, min(MOST_IMAGES, pixels // (side[0] * side[1])))
        rng = np.random.default_rng(0)
        with torch.inference_mode(), flushed():
            for start in range(0, len(split), step):
                raw = gathered(split, np.arange(start, min(start + step, len(split))))
                unlabelled = Raw(raw.inputs, np.zeros(len(raw), np.int64), raw.names)
                images = self.prepare(unlabelled, size or side, NONE, rng, device).inputs
                add(network(images), on_device(raw.targets, device))
                on_batch(len(raw))


def gathered(split: Split, index: NDArray[np.int64]) -> Raw:
    """Returns the images and targets at ``index``, copied into memory."""
    targets = split.targets[index]
    return Raw(
        np.ascontiguousarray(split.images[index]),
        targets if isinstance(targets, Boxes) else np.asarray(targets),
        tuple(split.names[i] for i in index),
        None if split.sizes is None else split.sizes[index],
    )


def on_device(targets: Targets, device: torch.device) -> Any:
    """Returns class indices as int64 on the device; boxes as they are."""
    if isinstance(targets, Boxes):
        return targets
    return torch.from_numpy(np.asarray(targets, dtype=np.int64)).to(device, non_blocking=True)
