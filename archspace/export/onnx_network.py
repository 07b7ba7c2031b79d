"""An exported ONNX file as a network that can be asked: ONNX Runtime answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archspace.class_names import ClassNames
from archspace.detection.boxes import encode
from archspace.detection.priors import prior_boxes
from archspace.export.agreement import Runner
from archspace.export.onnx_model import INPUT_NAME, OUTPUT_NAME, open_session
from archspace.network import Network
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, InputError
from archspace.support.text_files import parse_json


class RunnerNetwork(Network):
    """What answers an exported network's images, as a network that can be asked; it has no parameters. On the CPU.

    Shapes: (N, channels, H, W) -> as of the network that was exported.

    Args:
        spec: of the network, which is no language model.
        run: answers its images.
        batch: that it takes.
    """

    def __init__(self, spec: ArchSpec, run: Runner | None, batch: int = 1) -> None:
        nn.Module.__init__(self)
        self.spec, self.multiple, self.feature_info = spec, 1, ()
        self.runner, self.batch = run, batch

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Returns scores of the classes; of a detector confidences and locations, made of its boxes."""
        self._check(x)
        images = x.detach().cpu().float().contiguous()
        parts = [self._filled(part) for part in torch.split(images, self.batch)]
        joined = [torch.cat(values) for values in zip(*parts, strict=True)]
        return joined[0] if len(joined) == 1 else raw_boxes(joined[0], joined[1], self.spec.input_size)

    def _filled(self, images: Tensor) -> list[Tensor]:
        """Answers to at most one batch."""
        count = len(images)
        if count < self.batch:
            images = torch.cat((images, images[-1:].expand(self.batch - count, -1, -1, -1)))
        return [value[:count] for value in self.answer(images)]

    def answer(self, images: Tensor) -> list[Tensor]:
        """Returns the scores of one batch; of a detector the boxes of all priors before them."""
        assert self.runner is not None, "a subclass has another answer"
        return [torch.from_numpy(np.asarray(value)) for value in self.runner((images.numpy(),))]


class OnnxNetwork(RunnerNetwork):
    """A file that :func:`archspace.export` wrote, with its spec, preprocessing and class names; it has no parameters.

    Shapes: (N, channels, H, W) of the file's size, where that is fixed -> as of the network that was exported. On the
    CPU.

    Raises:
        InputError: ONNX Runtime cannot open the file, or it is of a language model.
    """

    def __init__(self, path: Path, spec: ArchSpec) -> None:
        if spec.task == "language":
            raise InputError(
                f"{path}: is of a language model, whose ONNX file is run by its card's program only"
            )
        super().__init__(spec, None)
        self.session = open_session(path)
        metadata = self.session.get_modelmeta().custom_metadata_map

        def noted(name: str) -> Any:
            key = f"archspace.{name}"
            return parse_json(metadata.get(key, "null"), f"{path}: {key}")

        how = noted("preprocessing")
        self.preprocessing = None if how is None else Preprocessing.from_dict(how)
        notes = {name: noted(name) for name in ("classes", "colours")}
        self.class_names = ClassNames.of_notes(notes)
        self.thresholds: Mapping[str, float] = noted("thresholds") or {}
        batch, _, *self.size = self.session.get_inputs()[0].shape
        self.batch = batch if isinstance(batch, int) else 1
        self.outputs = [output.name for output in self.session.get_outputs()]

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Returns scores of the classes; of a detector confidences and locations, made of its boxes.

        Raises:
            FieldError: the images are not of the file's size.
        """
        self._check(x)
        if any(
            isinstance(fixed, int) and fixed != side
            for fixed, side in zip(self.size, x.shape[2:], strict=True)
        ):
            fixed = tuple(self.size)
            raise FieldError("input", tuple(x.shape[2:]), "the ONNX file has a fixed input size", fixed)
        answers = super().forward(x)
        return answers.to(x.device) if isinstance(answers, Tensor) else tuple(y.to(x.device) for y in answers)  # type: ignore[return-value]

    def answer(self, images: Tensor) -> list[Tensor]:
        """Returns the scores of one batch of the file; of a detector the boxes of all priors before them."""
        answers = self.session.run(self.outputs, {INPUT_NAME: images.numpy()})
        given = dict(zip(self.outputs, map(torch.from_numpy, map(np.asarray, answers)), strict=True))
        if "labels" in given:
            return list(self._spread(given["boxes"], given[OUTPUT_NAME], given["labels"]))
        return [given["boxes"], given[OUTPUT_NAME]] if "boxes" in given else list(given.values())

    def _spread(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Objects after suppression as boxes and scores of so many priors; the others show nothing."""
        count = len(prior_boxes(self.spec.input_size))
        places = torch.from_numpy(prior_boxes(self.spec.input_size).copy())
        all_boxes = torch.cat((places[:, :2] - places[:, 2:] / 2, places[:, :2] + places[:, 2:] / 2), 1)
        all_scores = torch.zeros(count, self.spec.classes - 1)
        index = torch.arange(len(labels))
        all_boxes[index] = boxes
        all_scores[index, labels] = scores
        return all_boxes[None], all_scores[None]


def raw_boxes(boxes: Tensor, scores: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Returns confidences whose softmax is ``scores``, and locations that decode to ``boxes``."""
    background = 1 - scores.sum(-1, keepdim=True)
    tiny = torch.finfo(scores.dtype).tiny
    confidences = torch.cat((background, scores), -1).clamp(min=tiny).log()
    priors = torch.from_numpy(prior_boxes(size).copy())
    return confidences, encode(boxes, priors)
