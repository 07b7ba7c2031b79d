"""The part of an LSTM cell that must run position by position: ``W_h h_(t-1)``, gates and state.

The gradient is written out, because the weight's is then one product over the whole window instead of a sum of one
product a position: that halves the time of a training step on a CPU.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from archspace.plan.networks.eru import GATES


def recur(steps: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Run the cell over a window.

    ``f, g, i, o = split4(steps_t + W h_(t-1))``; ``c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g)``;
    ``h_t = sigmoid(o) tanh(c_t)``.

    Args:
        steps: (T, N, 4 H) what the inputs and biases give to the gates.
        weight: (4 H, H) W.
        hidden, cell: (N, H) h and c before the window.

    Under autocast it runs in the weights' own precision: rounding would add up over the positions.

    Returns:
        (T, N, H) h at every position, and (N, H) c after the last.
    """
    if torch.is_autocast_enabled(steps.device.type):
        with torch.autocast(steps.device.type, enabled=False):
            return recur(*(t.to(weight.dtype) for t in (steps, weight, hidden, cell)))
    if torch.compiler.is_exporting():
        return _written_out(steps, weight, hidden, cell)
    if torch.is_grad_enabled():
        return _Recurrence.apply(steps, weight, hidden, cell)  # type: ignore[no-any-return, no-untyped-call]
    _, cells, hiddens = _forward(steps, weight, hidden, cell)
    return torch.stack(hiddens), cells[-1]


def _written_out(steps: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """The same, position by position, without writing in place: what files can say."""
    hiddens = []
    for step in steps.unbind(0):
        f, g, i, o = torch.addmm(step, hidden, weight.t()).chunk(GATES, 1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        hidden = torch.sigmoid(o) * torch.tanh(cell)
        hiddens.append(hidden)
    return torch.stack(hiddens), cell


def _forward(
    steps: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Gates after their activations (N, 4 H), c and h (N, H), each at every position."""
    gates, cells, hiddens = [], [], []
    for step in steps.unbind(0):
        now = torch.addmm(step, hidden, weight.t())
        f, g, i, o = now.chunk(GATES, 1)
        cell = f.sigmoid_() * cell + i.sigmoid_() * g.tanh_()
        hidden = o.sigmoid_() * torch.tanh(cell)
        gates.append(now)
        cells.append(cell)
        hiddens.append(hidden)
    return gates, cells, hiddens


class _Recurrence(torch.autograd.Function):
    """:func:`recur` with its gradient."""

    @staticmethod
    def forward(
        ctx: Any, steps: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As :func:`recur`; keeps gates, c and h of every position."""
        gates, cells, hiddens = _forward(steps, weight, hidden, cell)
        ctx.save_for_backward(weight, hidden, cell, *gates, *cells, *hiddens)
        return torch.stack(hiddens), cells[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_hiddens: Tensor, grad_cell: Tensor) -> tuple[Tensor, ...]:
        """Gradients of steps, weight, hidden and cell."""
        weight, hidden, cell, *kept = ctx.saved_tensors
        length = len(kept) // 3
        gates, cells, hiddens = (
            kept[:length],
            [cell, *kept[length : 2 * length]],
            [hidden, *kept[2 * length :]],
        )
        grads = grad_hiddens.new_empty(length, *gates[0].shape)
        grad_hidden = torch.zeros_like(hidden)
        for t in reversed(range(length)):
            f, g, i, o = gates[t].chunk(GATES, 1)
            bent = torch.tanh(cells[t + 1])
            grad_hidden = grad_hidden + grad_hiddens[t]
            grad_cell = grad_cell + grad_hidden * o * (1 - bent * bent)
            to_f, to_g, to_i, to_o = grads[t].chunk(GATES, 1)
            torch.mul(grad_cell * cells[t], f * (1 - f), out=to_f)
            torch.mul(grad_cell * i, 1 - g * g, out=to_g)
            torch.mul(grad_cell * g, i * (1 - i), out=to_i)
            torch.mul(grad_hidden * bent, o * (1 - o), out=to_o)
            grad_cell = grad_cell * f
            grad_hidden = grads[t] @ weight
        grad_weight = grads.flatten(0, 1).t() @ torch.cat(hiddens[:length])
        return grads, grad_weight, grad_hidden, grad_cell
