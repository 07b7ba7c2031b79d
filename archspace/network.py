"""Network: an encoder and a head as one module, with the spec that it was built from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from archspace.class_names import ClassNames
from archspace.plan.decoders import features, multiple_of
from archspace.plan.nodes import Block
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import SpecError
from archspace.units.base import BlockModule, make


@dataclass(frozen=True, slots=True)
class FeatureInfo:
    """A level's features: name, channels, stride to the image, path of the module that makes them."""

    name: str
    channels: int
    stride: int
    path: str


class Network(nn.Module):
    """An encoder and a head built from a spec.

    Shapes: (N, channels, H, W) -> (N, classes) for classification; (N, classes, H, W) for segmentation, or at the
    stride of the encoder when the decoder is ``none``; ((N, priors, classes), (N, priors, 4)) for detection.

    Attributes:
        spec: what it was built from.
        feature_info: the encoder's levels.
        preprocessing: what turns an image into the network's input; a loaded network knows it.
        class_names: of the data that it was trained on; a loaded network knows them where they were saved.
    """

    encoder: BlockModule
    head: BlockModule
    preprocessing: Preprocessing | None = None
    class_names: ClassNames | None = None

    def __init__(self, spec: ArchSpec) -> None:
        super().__init__()
        self.spec = spec
        for name, part in spec.plan.parts:
            assert isinstance(part, Block)
            self.add_module(name, make(part))
        self.multiple = multiple_of(spec.decoder)
        self.feature_info = _feature_info(spec)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Returns scores of the classes; for detection the confidences and the locations of all priors.

        Raises:
            SpecError: the image's channels or size do not fit; the message has the nearest size that does.
        """
        self._check(x)
        size = (x.shape[2], x.shape[3])
        return self.head(self.encoder(x), size)  # type: ignore[no-any-return]

    def example(self, n: int = 1) -> Tensor:
        """``n`` inputs of the spec's size, all zero."""
        return torch.zeros(n, self.spec.channels, *self.spec.input_size)

    def _check(self, x: Tensor) -> None:
        if x.dim() != 4:
            fits = (1, self.spec.channels, *self.spec.input_size)
            raise SpecError("input.shape", tuple(x.shape), "must be (images, channels, height, width)", fits)
        if x.shape[1] != self.spec.channels:
            rule = f"this network takes images of {self.spec.channels} channels"
            raise SpecError("input.channels", x.shape[1], rule, self.spec.channels)
        step = self.multiple
        if x.shape[2] % step or x.shape[3] % step:
            near = tuple(max(step, round(side / step) * step) for side in x.shape[2:])
            raise SpecError(
                "input_size", tuple(x.shape[2:]), f"height and width must be multiples of {step}", near
            )


def _feature_info(spec: ArchSpec) -> tuple[FeatureInfo, ...]:
    encoder = spec.plan.part("encoder")
    assert isinstance(encoder, Block)
    return tuple(
        FeatureInfo(level.name, level.channels, level.stride, f"encoder.{level.name}")
        for level in features(encoder)
    )
