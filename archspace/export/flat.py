"""Networks as files need them: tensors in, tensors out, by name; boxes decoded, a state as inputs and outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from archspace.detection.boxes import decode
from archspace.detection.priors import prior_boxes
from archspace.export.signature import ANY, ExportOptions, Port, Side, Signature
from archspace.network import Network
from archspace.networks.eru import LayerState, State
from archspace.networks.language_model import LanguageModel

INPUT_NAME, OUTPUT_NAME = "image", "scores"

SOFTMAX_SLACK = 10.0
"""Of probabilities: a difference of scores of 40 by their 1e-4 is one of probabilities by up to a quarter of 4e-3."""


class Flat(nn.Module):
    """A network with named tensors as inputs and outputs.

    Attributes:
        network: what answers.
        signature: of one input of the spec's size.
    """

    signature: Signature

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network


class Scores(Flat):
    """(N, C, H, W) -> the network's scores."""

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        spec = network.spec
        image = Port(name=INPUT_NAME, shape=(1, spec.channels, *spec.input_size))
        with torch.no_grad():
            shape = tuple(network(network.example()).shape)
        self.signature = Signature((image,), (Port(name=OUTPUT_NAME, shape=shape, classes=1),))

    def forward(self, image: Tensor) -> Tensor:
        """Returns scores of the classes."""
        return cast(Tensor, self.network(image))


class Boxes(Flat):
    """(N, C, H, W) -> boxes (N, P, 4) and scores (N, P, classes).

    Boxes are left, top, right, bottom as shares of the image's width and height, not cut at its edge; scores are
    probabilities, without the background's.
    """

    priors: Tensor

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        spec = network.spec
        priors = torch.from_numpy(prior_boxes(spec.input_size).copy())
        self.register_buffer("priors", priors, persistent=False)
        image = Port(name=INPUT_NAME, shape=(1, spec.channels, *spec.input_size))
        with torch.no_grad():
            confidences, _ = network(network.example())
        count, classes = confidences.shape[1:]
        outputs = (
            Port(name="boxes", shape=(1, count, 4)),
            Port(name=OUTPUT_NAME, shape=(1, count, classes - 1), classes=2, slack=SOFTMAX_SLACK),
        )
        self.signature = Signature((image,), outputs)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Returns boxes and scores of all priors."""
        confidences, locations = self.network(image)
        return decode(locations.float(), self.priors), confidences.float().softmax(-1)[..., 1:]


class Words(Flat):
    """Tokens (N, T) and the state of every layer -> scores (N, T, words) and the state after the last token."""

    network: LanguageModel

    def __init__(self, network: LanguageModel) -> None:
        super().__init__(network)
        tokens = network.example()
        with torch.no_grad():
            scores, state = network(tokens)
        self.fields = [
            (layer, name, tuple(value.shape))
            for layer, one in enumerate(state)
            for name, value in one._asdict().items()
        ]
        kept = [(layer, name, shape) for layer, name, shape in self.fields if 0 not in shape]
        before = [Port(name=f"{name}{layer}", shape=shape) for layer, name, shape in kept]
        after = [Port(name=f"{name}{layer}_after", shape=shape) for layer, name, shape in kept]
        self.signature = Signature(
            (Port(name="tokens", shape=tuple(tokens.shape), dtype="int64"), *before),
            (Port(name=OUTPUT_NAME, shape=tuple(scores.shape), classes=2), *after),
        )

    def forward(self, tokens: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Returns scores, and the state that the next window begins with; zeros begin a text."""
        scores, after = self.network(tokens, self.gathered(state))
        flat = [value for one in after for value in one]
        kept = [value for value, field in zip(flat, self.fields, strict=True) if 0 not in field[2]]
        return (scores, *kept)

    def gathered(self, state: tuple[Tensor, ...]) -> State:
        """Returns the layers' states of their tensors; those without rows are made."""
        given = iter(state)
        batch = state[0].shape[0]
        values: list[Tensor] = []
        for _, name, shape in self.fields:
            if 0 in shape:
                free = (*shape[:-1], batch) if name in BATCH_LAST else (batch, *shape[1:])
                values.append(state[0].new_zeros(free))
            else:
                values.append(next(given))
        layers = [
            values[i : i + len(LayerState._fields)] for i in range(0, len(values), len(LayerState._fields))
        ]
        return tuple(LayerState(*layer) for layer in layers)


BATCH_LAST = ("inputs", "reduced")
"""Fields of a layer's state whose texts lie along the last axis."""


class Halved(nn.Module):
    """A form whose network runs in float16, with inputs and outputs as before."""

    def __init__(self, form: Flat) -> None:
        super().__init__()
        self.signature = form.signature
        self.form = form
        form.network.half()

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Returns what the form answers, as float32."""
        answers = self.form(*(x.half() if x.is_floating_point() else x for x in inputs))
        return answers.float() if isinstance(answers, Tensor) else tuple(y.float() for y in answers)


def flattened(network: Network) -> Flat:
    """Returns the form of a network for files, by its task."""
    if isinstance(network, LanguageModel):
        return Words(network)
    return Boxes(network) if network.spec.task == "detection" else Scores(network)


def batch_axis(port: Port) -> int:
    """Returns the axis of a port that counts images or texts."""
    return len(port.shape) - 1 if port.name.startswith(BATCH_LAST) else 0


def freed(signature: Signature, options: ExportOptions) -> Signature:
    """Returns the signature of a batch, with its free sides by name."""

    size = signature.inputs[0].shape[-2:]

    def port(one: Port, image: bool) -> Port:
        batch = "batch" if options.batch == ANY else options.batch
        shape: list[Side] = list(one.shape)
        shape[batch_axis(one)] = batch
        if options.free_size and image:
            shape[-2:] = [
                _free(word, whole, side) for word, whole, side in zip(_SIDES, size, shape[-2:], strict=True)
            ]
        return replace(one, shape=tuple(shape))

    return Signature(
        tuple(port(one, len(one.shape) == 4) for one in signature.inputs),
        tuple(port(one, len(one.shape) == 4) for one in signature.outputs),
    )


_SIDES = ("height", "width")


def _free(word: str, whole: Side, side: Side) -> str:
    """``height``, or ``height/8`` of a map at stride 8."""
    assert isinstance(whole, int) and isinstance(side, int)
    return word if side == whole else f"{word}/{whole // side}"
