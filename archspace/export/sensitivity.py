"""Which layers INT8 costs the most: each alone rounded as INT8 rounds it, in torch, and what the answers lose by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from archspace.export.deploy import deployed
from archspace.export.flat import flattened
from archspace.export.quantisation import Calibration
from archspace.network import Network
from archspace.support.errors import FieldError

Layer: TypeAlias = nn.Conv2d | nn.Linear
OnLayer: TypeAlias = Callable[[int, int], object]
"""Called with how many layers are done, and how many there are."""

PIXELS = 16 * 224 * 224
"""Pixels of a batch at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What INT8 in one layer alone costs.

    Attributes:
        layer: its path, as ``--keep`` takes it.
        kind: ``convolution``, ``depth-wise convolution`` or ``linear``.
        noise: mean square of what changes in the scores, as a share of their variance.
        same_class: share of the pixels (images, boxes) whose best class stays, 0 to 1.
    """

    layer: str
    kind: str
    noise: float
    same_class: float

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class _Range:
    """Smallest and largest input of a layer."""

    low: float = 0.0
    high: float = 0.0

    def add(self, x: Tensor) -> None:
        self.low, self.high = min(self.low, float(x.min())), max(self.high, float(x.max()))


@torch.no_grad()
def sensitivities(
    network: Network, calibration: Calibration, on_layer: OnLayer = lambda done, of: None
) -> tuple[Sensitivity, list[Sensitivity]]:
    """Returns what INT8 costs in all layers together, and in each alone, the costliest first.

    A layer that no answer depends on is left out.

    A layer's weights are rounded to signed bytes with a scale a channel, its input to unsigned bytes between the
    smallest and largest value over the images.

    Args:
        network: any weights; it is not changed.
        calibration: images that say the ranges, and on which the answers are compared.
        on_layer: told how far it is.

    Raises:
        FieldError: the network is no network of images.
    """
    if network.spec.task == "language":
        raise FieldError("NET", network.spec.label, "INT8 is for networks of images", "another network")
    form = flattened(deployed(network.cpu())).eval()
    axis = next(port.classes for port in form.signature.outputs if port.classes is not None)
    assert axis is not None
    layers = {
        name.removeprefix("network."): one
        for name, one in form.named_modules()
        if isinstance(one, nn.Conv2d | nn.Linear)
    }
    spec = network.spec
    step = max(1, PIXELS // (spec.input_size[0] * spec.input_size[1]))
    batches = list(torch.split(calibration.images, step))
    ranges = {name: _Range() for name in layers}
    with _hooked(layers, lambda name, x: ranges[name].add(x)):
        right = [_scores(form(batch)) for batch in batches]
    right_all = torch.cat(right)
    total = len(layers) + 1

    def cost(names: dict[str, Layer], label: str, kind: str) -> Sensitivity:
        with _rounded(names, ranges):
            noisy = torch.cat([_scores(form(batch)) for batch in batches])
        noise = (noisy - right_all).double().square().mean() / right_all.double().var(correction=0).clamp(
            min=1e-30
        )
        same = (noisy.argmax(axis) == right_all.argmax(axis)).double().mean()
        return Sensitivity(layer=label, kind=kind, noise=float(noise), same_class=float(same))

    everything = cost(layers, "all layers", "")
    on_layer(1, total)
    rows = []
    for name, layer in layers.items():
        rows.append(cost({name: layer}, name, _kind(layer)))
        on_layer(1 + len(rows), total)
    return everything, sorted((row for row in rows if row.noise), key=lambda row: -row.noise)


def _scores(answers: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The scores of the classes; of a detector they come after the boxes."""
    return answers if isinstance(answers, Tensor) else answers[-1]


def _kind(layer: Layer) -> str:
    if isinstance(layer, nn.Linear):
        return "linear"
    depthwise = layer.groups > 1 and layer.groups == layer.in_channels
    return "depth-wise convolution" if depthwise else "convolution"


@contextmanager
def _hooked(layers: dict[str, Layer], seen: Callable[[str, Tensor], object]) -> Iterator[None]:
    def hook(name: str) -> Any:
        return lambda module, args: seen(name, args[0]) and None

    handles = [layer.register_forward_pre_hook(hook(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _rounded(layers: dict[str, Layer], ranges: dict[str, _Range]) -> Iterator[None]:
    """The layers with rounded weights, and inputs rounded on their way in."""

    def hook(within: _Range) -> Any:
        scale = max((within.high - within.low) / 255, 1e-12)
        zero = min(255, max(0, round(-within.low / scale)))
        return lambda module, args: (torch.fake_quantize_per_tensor_affine(args[0], scale, zero, 0, 255),)

    before = {name: layer.weight for name, layer in layers.items()}
    handles = [layer.register_forward_pre_hook(hook(ranges[name])) for name, layer in layers.items()]
    try:
        for layer in layers.values():
            scales = (layer.weight.flatten(1).abs().amax(1) / 127).clamp(min=1e-12)
            zeros = torch.zeros(len(scales), dtype=torch.int32)
            rounded = torch.fake_quantize_per_channel_affine(layer.weight, scales, zeros, 0, -127, 127)
            layer.weight = nn.Parameter(rounded, requires_grad=False)
        yield
    finally:
        for handle in handles:
            handle.remove()
        for name, layer in layers.items():
            layer.weight = before[name]
