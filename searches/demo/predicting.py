"""A network with all that it takes to show what it sees: names, colours, input size, device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from archspace.class_names import ClassNames, class_names, read_names
from archspace.detection.boxes import THRESHOLD, detections
from archspace.export.onnx_network import OnnxNetwork
from archspace.export.thresholds import SCORE
from archspace.floats import flushed
from archspace.network import Network
from archspace.plan.detection import OVERLAP
from archspace.preprocessing import Preprocessing
from archspace.spec.named import NamedNetwork
from archspace.support.errors import FieldError, InputError
from archspace.support.palette import Colour
from searches.data.images import image_array
from searches.demo.detecting import Objects, objects_of
from searches.tasks.base import Size
from searches.tasks.matching import priors_on
from searches.training.steps import out_of_memory

STRIP_BYTES = 64 << 20
"""Of scores at the image's size that are held at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The class of every pixel of an image: uint8 (H, W), and the share of each class, (classes,)."""

    classes: NDArray[np.uint8]
    shares: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Classes of an image, the surest first, with their probabilities."""

    classes: NDArray[np.int64]
    probabilities: NDArray[np.float64]


Prediction: TypeAlias = Mask | Ranking | Objects


def labels_at(scores: Tensor, size: Size) -> NDArray[np.uint8]:
    """Returns the highest of scores (classes, h, w) at every pixel of an image of ``size`` (H, W), as uint8 (H, W).

    Scores are interpolated bilinearly with corners aligned, as evaluation does, in strips of rows: memory stays
    within :data:`STRIP_BYTES` however large the image is.
    """
    height, width = size
    classes, h, _ = scores.shape
    rows = max(1, STRIP_BYTES // (4 * classes * width))
    place = torch.arange(height, dtype=torch.float64) * ((h - 1) / max(1, height - 1))
    above = place.long().clamp(0, h - 1)
    below = (above + 1).clamp(max=h - 1)
    share = (place - above).to(scores.device, scores.dtype)
    labels = np.empty(size, np.uint8)
    for start in range(0, height, rows):
        part = slice(start, min(start + rows, height))
        lines = torch.lerp(scores[:, above[part]], scores[:, below[part]], share[part, None])
        wide = F.interpolate(lines[None], (lines.shape[1], width), mode="bilinear", align_corners=True)
        labels[part] = wide[0].argmax(0).to(torch.uint8).cpu().numpy()
    return labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a network said of a batch, for one image of it.

    Attributes:
        outputs: of the whole batch, as the network returns them (a detector has two).
        index: of the image in the batch.
        image_size, input_size: (H, W) of the image as it is, and of what the network read.
        threshold: least score of what is named.
        overlap: of two objects of a class above which they are one.
    """

    network: Network
    outputs: Any
    index: int
    image_size: Size
    input_size: Size
    threshold: float
    overlap: float = OVERLAP


def _mask(said: Outcome) -> Mask:
    scores = said.outputs[said.index]
    classes = labels_at(scores, said.image_size)
    counts = np.bincount(classes.ravel(), minlength=scores.shape[0])
    return Mask(classes, counts / classes.size)


def _ranking(said: Outcome) -> Ranking:
    chances = said.outputs[said.index].double().softmax(0).cpu().numpy()
    order = np.argsort(-chances, kind="stable")[:TOP]
    return Ranking(order, chances[order])


def _present(said: Outcome) -> Ranking:
    chances = said.outputs[said.index].double().sigmoid().cpu().numpy()
    order = np.argsort(-chances, kind="stable")
    order = order[chances[order] >= said.threshold]
    return Ranking(order, chances[order])


def _objects(said: Outcome) -> Objects:
    confidences, locations = said.outputs
    one = confidences[said.index, None], locations[said.index, None]
    priors = priors_on(said.input_size, confidences.device)
    least = min(said.threshold, THRESHOLD)
    detected = detections(one, priors, threshold=least, overlap=said.overlap)[0]
    return objects_of(detected.corners.cpu(), detected.scores.cpu(), detected.labels.cpu(), said.threshold)


TOP = 5
PREDICTIONS: dict[str, Callable[[Outcome], Prediction]] = {
    "segmentation": _mask, "classification": _ranking, "multilabel": _present,
    "detection": _objects,
}  # fmt: skip
"""From a network's outputs to what is shown, by task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """A network that is ready to look at images.

    Attributes:
        names, colours: of its classes.
        named_by: where the names are from.
        size: (H, W) of its input.
        threshold: least score of what is named (multi-label, detection).
        overlap: of two objects of a class above which they are one (detection).
    """

    network: Network
    preprocessing: Preprocessing
    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    named_by: str
    size: Size
    device: torch.device
    threshold: float
    overlap: float = OVERLAP

    def see(self, image: Image.Image, name: str) -> Prediction:
        """Returns what is in an image of any size.

        Raises:
            InputError: the pixels cannot be converted, or memory runs out at this input size.
        """
        pixels = image_array(image, self.size, self.network.spec.channels, name)
        prediction = PREDICTIONS[self.network.spec.task]
        try:
            with torch.inference_mode(), flushed():
                inputs = self.preprocessing.apply(pixels[None]).to(self.device)
                outputs = self.network(inputs.contiguous(memory_format=torch.channels_last))
                return prediction(
                    Outcome(
                        network=self.network, outputs=outputs, index=0, image_size=(image.height, image.width),
                        input_size=self.size, threshold=self.threshold, overlap=self.overlap,
                    )
                )  # fmt: skip
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        rule = f"out of memory on {self.device}; give a smaller one"
        raise FieldError("--input", "x".join(map(str, self.size)), rule)


def open_predictor(
    named: NamedNetwork,
    *,
    size: Size | None,
    labels: str | None,
    device: torch.device,
    threshold: float | None,
) -> Predictor:
    """Returns the trained network with names and colours of its classes.

    Args:
        size: (H, W) of the input; the spec's if left out.
        labels: a data set's name or a file with a class name a line; see :func:`archspace.class_names.class_names`.
        threshold: least score of what is named; left out, the export's own, else 0.5.

    Raises:
        InputError: the weights cannot be used, the size does not fit, or the names do not.
    """
    network = named.load()
    spec = network.spec
    if spec.task not in PREDICTIONS:
        raise FieldError("task", spec.task, f"{named.text}: cannot be shown", " or ".join(PREDICTIONS))
    if network.preprocessing is None:
        raise InputError(
            f"{named.text}: does not say how images become its input; save it with its preprocessing"
        )
    if size is not None:
        size = spec.replace(input_size=size).input_size
    if labels is not None:
        classes, named_by = ClassNames(read_names(labels, spec.classes, spec.task)), labels
    else:
        classes, named_by = class_names(
            spec.classes, spec.task, noted=network.class_names, published=named.published
        )
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    limits = _limits(named, network)
    return Predictor(
        network=network, preprocessing=network.preprocessing, names=classes.names, colours=classes.shown,
        named_by=named_by, size=size or spec.input_size, device=device,
        threshold=limits.get("score", SCORE) if threshold is None else threshold,
        overlap=limits.get("overlap", OVERLAP),
    )  # fmt: skip


def _limits(named: NamedNetwork, network: Network) -> Mapping[str, float]:
    """The thresholds that an export carries; empty for other weights."""
    if isinstance(network, OnnxNetwork):
        return network.thresholds
    return named.notes().get("thresholds") or {}
