"""Preprocessing: how an image of bytes becomes a network's input, as frozen data. No torch at import."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archspace.support.errors import FieldError, closest

if TYPE_CHECKING:
    from torch import Tensor

CHANNELS: Mapping[str, int] = {"rgb": 3, "bgr": 3, "gray": 1}
"""Channels of an image by the order in which the network reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """``(image / divisor - mean) / std``, channel by channel, in the order in which the network reads them.

    Attributes:
        channel_order: ``rgb``, ``bgr`` (OpenCV's) or ``gray``.
        mean: one number a channel, in the order of ``channel_order``, on the scale after the division.
        std: the same; every number is above 0.
        divisor: what the bytes are divided by first.

    Raises:
        FieldError: a field breaks its rule.
    """

    channel_order: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    divisor: float = 255.0

    def __post_init__(self) -> None:
        if self.channel_order not in CHANNELS:
            near = closest(str(self.channel_order), list(CHANNELS))
            raise FieldError("preprocessing.channel_order", self.channel_order, "unknown order", near)
        for name in ("mean", "std"):
            numbers = _numbers(f"preprocessing.{name}", getattr(self, name), CHANNELS[self.channel_order])
            object.__setattr__(self, name, numbers)
        if any(value <= 0 for value in self.std):
            raise FieldError("preprocessing.std", self.std, "every number must be above 0", 1.0)
        divisor = _numbers("preprocessing.divisor", (self.divisor,), 1)[0]
        if divisor <= 0:
            raise FieldError("preprocessing.divisor", self.divisor, "must be above 0", 255.0)
        object.__setattr__(self, "divisor", divisor)

    @property
    def channels(self) -> int:
        """Channels of the network's input."""
        return CHANNELS[self.channel_order]

    def apply(self, images: NDArray[np.uint8]) -> Tensor:
        """Returns images as the network reads them.

        Shapes: (N, H, W, C) of bytes -> (N, C, H, W) of float32. Colour images are given as RGB and their
        channels are reversed here where the network reads BGR; grey images may be given as (N, H, W).

        Raises:
            FieldError: the images are no bytes, or their shape does not fit the channels.
        """
        import torch

        if images.dtype != np.uint8:
            raise FieldError("images", str(images.dtype), "must be bytes from 0 to 255", "uint8")
        if images.ndim == 3 and self.channels == 1:
            images = images[..., None]
        if images.ndim != 4 or images.shape[3] != self.channels:
            rule = f"must be (N, H, W, {self.channels}) for a network that reads {self.channel_order}"
            raise FieldError("images", images.shape, rule)
        return self.normalise(
            torch.from_numpy(np.array(images.transpose(0, 3, 1, 2), order="C", dtype=np.float32))
        )

    def normalise(self, planes: Tensor) -> Tensor:
        """Returns what :meth:`apply` does, in place and on the device of ``planes``.

        Float32 RGB or grey values 0 to 255.

        Shapes: (N, C, H, W) -> (N, C, H, W) of float32.
        """
        if self.channel_order == "bgr":
            planes = planes.flip(1)
        mean, std = (planes.new_tensor(values).view(1, -1, 1, 1) for values in (self.mean, self.std))
        return planes.div_(self.divisor).sub_(mean).div_(std)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON and YAML."""
        return {
            "channel_order": self.channel_order, "mean": list(self.mean), "std": list(self.std),
            "divisor": self.divisor,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Preprocessing:
        """Returns inverse of :meth:`to_dict`.

        Raises:
            FieldError: a field is missing, unknown or breaks its rule.
        """
        fields = ("channel_order", "mean", "std", "divisor")
        if not isinstance(data, Mapping):
            raise FieldError("preprocessing", data, "must be a mapping of fields", ", ".join(fields))
        for name in data:
            if name not in fields:
                raise FieldError(
                    f"preprocessing.{name}", data[name], "unknown field", closest(str(name), list(fields))
                )
        for name in fields[:3]:
            if name not in data:
                raise FieldError(f"preprocessing.{name}", None, "is missing")
        return cls(**data)


def _numbers(field: str, values: object, count: int) -> tuple[float, ...]:
    """``count`` finite numbers."""
    rule = f"must be {count} finite number{'s' if count > 1 else ''}, one a channel"
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != count:
        raise FieldError(field, values, rule)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise FieldError(field, values, rule)
    return tuple(float(value) for value in values)
