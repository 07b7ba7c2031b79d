"""The language model of ESPNetv2 as a tree of layers: the efficient recurrent unit (ERU). No torch.

Published is one sentence (Mehta et al., ESPNetv2, arXiv 1811.11431v3): the ERU extends LSTM-based language models by
replacing the linear transform that processes the input vector with the EESP unit inside the LSTM cell. All else here
is OUR READING of it, made as near to an LSTM and to ESPNetv2's EESP as it can be:

* ``f, g, i, o = split4(EESP(x_t)) + W_h h_(t-1) + b_h``; ``c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g)``;
  ``h_t = sigmoid(o) tanh(c_t)``. Of an LSTM's two biases b_h stays; the shift of EESP's last batch norm is the other.
* EESP is that of ESPNetv2, K and limits and fusion included, with convolutions of 3 taps along time that see no
  later token, without its last activation (the gates are one), and with batch norms over texts and positions.
* ``residual`` adds x_t to each of the four gates where it is as wide as they are, as the author's earlier PRU adds
  its input where sizes match: from the second layer on, but for the last.
* Around it the LSTM language model of PRU's README: an embedding of 400, layers of H, ..., H, 400 hidden numbers, a
  decoder whose weights are the embedding's. With LSTM cells this counts to the parameters published there.

``alphas`` is the number of layers. Positions stand along the height of a map of width 1, so that every layer of the
plan means what it means in a vision network. Counts are for a whole sequence of T = ``input_size[0]`` tokens.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

from archspace.plan.design import CHANNEL_STEP, NETWORKS, InputDesign, NetworkDesign, stage_channels
from archspace.plan.heads import network
from archspace.plan.nodes import Block, Conv, Embedding, Linear, Node
from archspace.plan.placing import repeated_unit
from archspace.spec.record import SpecRecord

EMBEDDING = 400
"""Default width of the embedding (``channels``), and hidden size of the last layer, which the tied decoder reads."""
HIDDEN = 640
"""Hidden size H of the other layers at width 1; ours."""
TOKENS = 70
"""Default length of a sequence for counting: the window of PRU's and AWD-LSTM's training."""
GATES = 4
DROPOUT = 0.5
"""After the embedding, between layers and after the last (from memory of the paper); while training only."""


def along_time(unit: Block) -> Block:
    """Returns an EESP unit over the positions of a sequence.

    Its windows are along time and end at their own position.
    """

    def turned(node: Node) -> Node:
        if isinstance(node, Conv) and node.sides != (1, 1):
            return replace(node, kernel=(node.sides[0], 1), causal=True)
        return node

    parts = tuple(
        (name, tuple(map(turned, part)) if isinstance(part, tuple) else turned(part))
        for name, part in unit.parts
        if name != "last"
    )
    return replace(unit, kind=f"{unit.kind}-time", parts=parts)


def _layer(spec: SpecRecord, inputs: int, hidden: int) -> Block:
    """One ERU from ``inputs`` to ``hidden`` numbers a token."""
    unit = repeated_unit(spec, 1, inputs, GATES * hidden, activate=False)
    recurrent = Linear(in_features=hidden, out_features=GATES * hidden, everywhere=True)
    residual = bool(spec.residual) and inputs == hidden
    parts: tuple[tuple[str, Node], ...] = (("transform", along_time(unit)), ("recurrent", recurrent))
    return Block("eru", inputs, hidden, 1, parts, (("residual", residual),))


def _draw(spec: SpecRecord) -> Block:
    (hidden,) = NETWORKS[spec.network].channels(spec.width, spec.task)
    words, wide = spec.classes, spec.channels
    sizes = (wide, *[hidden] * (spec.alphas[0] - 1), wide)
    layers: list[tuple[str, Node]] = [("embed", Embedding(words=words, channels=wide))]
    for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        layers.append((f"layer{number}", _layer(spec, inputs, outputs)))
    encoder = Block("eru-encoder", 1, wide, 1, tuple(layers))
    decoder = Linear(in_features=wide, out_features=words, everywhere=True, tied=True)
    return network(encoder, Block("language-head", wide, words, 1, (("decoder", decoder),)))


NETWORKS.register("eru")(
    NetworkDesign(
        draw=_draw,
        widths=partial(stage_channels, (HIDDEN,)),
        unit="eesp",
        alphas={"language": (3,)},
        first=1,
        honours=frozenset(),
        reads=InputDesign(channels=EMBEDDING, step=CHANNEL_STEP, size=(TOKENS, 1), least=1, sequence=True),
        least_repeats=2,
        identity_from=3,
    )
)
