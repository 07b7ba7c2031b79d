"""The efficient recurrent unit of ESPNetv2's language model, and its layers; our reading: ``plan/networks/eru.py``.

All N texts are one map, positions along its height and texts along its width: (1, C, T, N). A convolution of kernel
(k, 1) then sees one text alone, and a point-wise one is a single large product, several times as fast as N small ones.
Only ``W_h h_(t-1)`` and the gates run position by position; all else runs over the whole window at once. A text that
is cut into windows gives the same outputs as in one piece (in eval mode) when each window gets the state that the one
before returned.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from archspace.networks.recurrence import recur
from archspace.plan.networks.eru import DROPOUT, GATES
from archspace.plan.nodes import Block, Conv
from archspace.units.base import MODULES, BlockModule
from archspace.units.esp import Eesp
from archspace.units.portable import repeated


class LayerState(NamedTuple):
    """What a layer keeps of all tokens before a window.

    Attributes:
        hidden: h, (N, H).
        cell: c, (N, H).
        inputs: the last inputs that a reducing convolution of 3 taps still reads, (1, C, 2, N); else (1, C, 0, N).
        reduced: the last reduced inputs that the dilated branches still read, (1, D, 2 x largest dilation, N).
    """

    hidden: Tensor
    cell: Tensor
    inputs: Tensor
    reduced: Tensor


State: TypeAlias = tuple[LayerState, ...]
"""One entry a layer."""


def _rows_before(conv: Conv) -> int:
    """Rows before the first that a causal convolution reads."""
    return conv.dilation * (conv.sides[0] - 1)


def _kept(x: Tensor, rows: int) -> Tensor:
    """The last ``rows`` of a map."""
    return x[:, :, x.shape[2] - rows :]


@MODULES.register("eesp-time")
class TimeEesp(Eesp):
    """EESP over the positions of a sequence; every output sees its own position and earlier ones."""

    def __init__(self, block: Block) -> None:
        super().__init__(block)
        reduce, branches = block.part("reduce"), block.part("branches")
        assert isinstance(reduce, Conv) and isinstance(branches, tuple)
        self.reduced = reduce.out_channels
        self.before_inputs = _rows_before(reduce)
        self.before = [_rows_before(branch) for branch in branches if isinstance(branch, Conv)]

    def fresh(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns what stands before a text: zeros, as the zero padding of a vision network."""
        return (
            x.new_zeros(1, x.shape[1], self.before_inputs, x.shape[3]),
            x.new_zeros(1, self.reduced, max(self.before), x.shape[3]),
        )

    def forward(  # type: ignore[override]
        self, x: Tensor, inputs: Tensor, reduced: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(1, C, T, N) and the rows before it -> (1, C', T, N) and the rows before the next window."""
        x = torch.cat((inputs, x), 2)
        rows = torch.cat((reduced, self.reduce(x)), 2)
        longest = reduced.shape[2]
        maps = [
            branch(rows[:, :, longest - before :])
            for branch, before in zip(self.branches, self.before, strict=True)
        ]
        return self.merged(maps), _kept(x, inputs.shape[2]), _kept(rows, longest)


@MODULES.register("eru")
class Eru(BlockModule):
    """An LSTM cell whose input is transformed by an EESP unit."""

    transform: TimeEesp
    recurrent: nn.Linear

    def initialise(self) -> None:
        """W_h and b_h as an LSTM's: uniform within 1 / sqrt(H)."""
        bound = 1 / math.sqrt(self.recurrent.in_features)
        for parameter in self.recurrent.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor, state: LayerState | None = None) -> tuple[Tensor, LayerState]:
        """(1, C, T, N) -> (1, H, T, N) and the state after it."""
        if state is None:
            nothing = x.new_zeros(x.shape[3], self.recurrent.in_features)
            state = LayerState(nothing, nothing, *self.transform.fresh(x))
        gates, inputs, reduced = self.transform(x, state.inputs, state.reduced)
        if self.block.option("residual"):
            gates = gates + repeated(x, GATES)
        # Not squeeze(0): its gradient has an odd stride for the one map, with which torch 2.13's batch norm on a CPU
        # computes a wrong gradient without a word; that of an index is laid out anew.
        steps = gates[0].permute(1, 2, 0) + self.recurrent.bias
        hiddens, cell = recur(steps, self.recurrent.weight, state.hidden, state.cell)
        return hiddens.permute(2, 0, 1).unsqueeze(0), LayerState(hiddens[-1], cell, inputs, reduced)


@MODULES.register("eru-encoder")
class EruEncoder(BlockModule):
    """Embedding and layers, with dropout after each of them."""

    embed: nn.Embedding

    def __init__(self, block: Block) -> None:
        super().__init__(block)
        self.dropout = nn.Dropout(DROPOUT)
        self.layers = [name for name, _ in block.items() if name.startswith("layer")]

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """(N, T) -> (1, C, T, N) and the state of every layer."""
        x = self.dropout(self.embed(tokens)).permute(2, 1, 0).unsqueeze(0)
        after = []
        for name, before in zip(self.layers, state or (None,) * len(self.layers), strict=True):
            x, kept = self.get_submodule(name)(x, before)
            x = self.dropout(x)
            after.append(kept)
        return x, tuple(after)
