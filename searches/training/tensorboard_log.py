"""A training run for TensorBoard: scalars by images or tokens seen, and pictures of a few validation images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from analysis.drawing.overlays import text_size
from archspace.class_names import ClassNames, class_names
from archspace.support.errors import InputError
from archspace.support.palette import BLACK, PAPER
from searches.data.augment import NONE
from searches.data.boxes import Boxes
from searches.data.splits import VOID
from searches.demo.detecting import Objects
from searches.demo.drawing import Row, panel, rows_of, with_boxes, with_classes
from searches.demo.predicting import PREDICTIONS, Mask, Outcome, Prediction, Ranking
from searches.tasks.base import Evaluation, ImageTask, Raw, Size, Task, gathered
from searches.training.loop import Callback, Epoch, Step

FOLDER = "tensorboard"
PICTURES = 3
THRESHOLD = 0.5


def require_tensorboard() -> None:
    """Refuses a run that could not be written for TensorBoard.

    Raises:
        InputError: the package is missing.
    """
    if find_spec("tensorboard") is None:
        raise InputError(
            "--tensorboard: needs the package of that name: pip install 'archspace[tensorboard]'"
        )


class Board(Callback):
    """Event files in ``FOLDER/tensorboard``; the axis of all is the number of images (tokens of a text) seen.

    A run that goes on hides what a killed one wrote beyond its last state.

    Args:
        folder: the run folder.
        task: what is trained for.
        device: where pictures are computed.
        name: of the run in TensorBoard, where the run folder has several.
    """

    def __init__(self, folder: Path, task: Task, device: torch.device, name: str = "") -> None:
        self.folder, self.task, self.device = folder / FOLDER / name, task, device
        self.writer: Any = None
        self.images_seen = 0

    def _writer(self, images_seen: int) -> Any:
        if self.writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(self.folder), purge_step=images_seen)
        return self.writer

    def begun(self, done: Sequence[Epoch]) -> None:
        """Knows how far an interrupted run had come."""
        self.images_seen = sum(epoch.images for epoch in done)

    def step(self, step: Step) -> None:
        """Loss, learning rate and speed."""
        self.images_seen = step.images_seen
        writer = self._writer(step.images_seen)
        writer.add_scalar("train/loss", step.loss, step.images_seen)
        writer.add_scalar("train/lr", step.rate, step.images_seen)
        writer.add_scalar(f"train/{self.task.counts}_per_second", step.images_per_second, step.images_seen)

    def evaluated(
        self, network: nn.Module, evaluation: Evaluation, images_seen: int, size: Size | None
    ) -> None:
        """All metrics, and what the network makes of a few validation images."""
        writer = self._writer(images_seen)
        for name, value in evaluation.values.items():
            writer.add_scalar(f"val/{name}", value, images_seen)
        for name, picture in pictures(self.task, network, self.device, size):
            writer.add_image(f"val/{name}", np.asarray(picture), images_seen, dataformats="HWC")
        writer.flush()

    def epoch(self, epoch: Epoch) -> None:
        """The epoch's loss and the share of it that waited for data."""
        writer = self._writer(self.images_seen)
        writer.add_scalar("epoch/loss", epoch.loss, self.images_seen)
        writer.add_scalar("epoch/waiting_share", epoch.waiting, self.images_seen)
        writer.add_scalar("epoch/stage", epoch.stage, self.images_seen)
        writer.flush()

    def close(self) -> None:
        """Ends the event file."""
        if self.writer is not None:
            self.writer.close()


def pictures(
    task: Task, network: nn.Module, device: torch.device, size: Size | None
) -> Iterator[tuple[str, Image.Image]]:
    """Yields name and picture (input, target, prediction side by side) of the first few validation images.

    A task that the demo cannot show has none. The network is put into eval mode.
    """
    bare_network: Any = getattr(network, "module", network)
    spec = bare_network.spec
    if spec.task not in PREDICTIONS or not isinstance(task, ImageTask):
        return
    raw = gathered(task.val, np.arange(min(PICTURES, len(task.val))))
    side = (raw.inputs.shape[1], raw.inputs.shape[2])
    named, _ = class_names(spec.classes, spec.task, noted=task.class_names)
    network.eval()
    with torch.inference_mode():
        bare = Raw(raw.inputs, np.zeros(len(raw), np.int64), raw.names)
        outputs = network(task.prepare(bare, size or side, NONE, np.random.default_rng(0), device).inputs)
        for i, name in enumerate(raw.names):
            plain = Image.fromarray(np.broadcast_to(raw.inputs[i], (*side, 3)).copy())
            target = target_of(raw.targets, i, len(named.names))
            said = Outcome(
                network=bare_network, outputs=outputs, index=i, image_size=side, input_size=size or side,
                threshold=THRESHOLD,
            )  # fmt: skip
            prediction = PREDICTIONS[spec.task](said)
            yield name, _strip(plain, target, prediction, named)


def target_of(targets: NDArray[Any] | Boxes, i: int, classes: int) -> Prediction:
    """Returns the truth of image ``i`` as if it had been seen: surely. Void pixels get the class after the last."""
    if isinstance(targets, Boxes):
        corners, labels, _ = targets.of(i)
        return Objects(corners=corners, scores=np.ones(len(labels), np.float32), labels=labels)
    truth = targets[i]
    if truth.ndim == 2:
        mask = np.where(truth == VOID, classes, truth).astype(np.uint8)
        return Mask(mask, np.bincount(mask.ravel(), minlength=classes + 1) / mask.size)
    index = np.flatnonzero(truth == 1) if truth.ndim == 1 else np.array([truth])
    return Ranking(index.astype(np.int64), np.ones(len(index)))


def _strip(
    plain: Image.Image, target: Prediction, prediction: Prediction, classes: ClassNames
) -> Image.Image:
    """Input, target and prediction from left to right; classes are written, not drawn."""
    names = classes.names
    named, colours = (*names, "void"), (*classes.shown, BLACK)
    parts = [plain]
    for shown in (target, prediction):
        if isinstance(shown, Mask):
            parts.append(with_classes(plain, shown.classes, colours, named))
        elif isinstance(shown, Objects):
            parts.append(with_boxes(plain, shown, colours, named))
        else:
            rows: list[Row] = rows_of(shown, names, colours)
            height = max(plain.height, 100)
            parts.append(panel(rows, names, text_size(height, height), height))
    sheet = Image.new("RGB", (sum(part.width for part in parts), max(part.height for part in parts)), PAPER)
    left = 0
    for part in parts:
        sheet.paste(part, (left, 0))
        left += part.width
    return sheet
