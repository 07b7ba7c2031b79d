"""The three counters that people use, run on the built network side by side; each says what it left out.

1 MAC is one multiply-accumulate. Every counter mixes something else into its number or skips something:
:attr:`Counter.counts_extra` and :attr:`Counter.left_out` are taken from the run itself.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import logging
import warnings
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from archspace.network import Network

_MOVES = frozenset(
    (
        "view", "_unsafe_view", "reshape", "transpose", "t", "permute", "expand", "slice", "select", "split",
        "cat", "clone", "detach", "alias", "as_strided", "unsqueeze", "squeeze", "empty", "new_empty",
        "copy_", "_to_copy", "contiguous", "arange", "zeros", "ones", "full", "empty_like", "dropout",
        "new_zeros", "stack", "unbind", "repeat",
    )
)  # fmt: skip
"""Operators that move or shape data and compute nothing."""

_MAC_MODULES = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
_FVCORE_MACS = ("conv", "linear", "addmm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """What one counter says of one network for one input.

    Attributes:
        name: ``fvcore``, ``thop`` or ``torch``.
        macs: its number, in MACs.
        left_out: operators that ran and that it did not count, with how often they ran.
        counts_extra: what it adds to the MACs of convolutions, transposed convolutions and linear layers;
            ``macs`` less the sum of these is the number of those MACs.
        raw: its number as it gives it (FLOPs for torch).
        note: how its number is made.
    """

    name: str
    macs: int
    left_out: tuple[str, ...]
    counts_extra: Mapping[str, int] = field(default_factory=dict)
    raw: int
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON."""
        return {
            "name": self.name, "macs": self.macs, "raw": self.raw, "left_out": list(self.left_out),
            "counts_extra": dict(self.counts_extra), "note": self.note,
        }  # fmt: skip


def count_all(network: Network) -> dict[str, Counter]:
    """Returns all three counters by name on one input of the spec's size; the network is not changed."""
    copied = copy.deepcopy(network).cpu().eval()
    x = copied.example()
    with torch.no_grad():
        ran = _operators(copied, x)
        return {c.name: c for c in (_torch(copied, x, ran), _fvcore(copied, x), _thop(copied, x, ran))}


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operators that run, by name and by the kind of the module that ran them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.inside: type[nn.Module] | None = None
        self.ran: Tally[tuple[str, type[nn.Module] | None, bool]] = Tally()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        self.ran[name, self.inside, func.overloadpacket in flop_registry] += 1
        return func(*args, **(kwargs or {}))


def _operators(network: nn.Module, x: Tensor) -> Tally[tuple[str, type[nn.Module] | None, bool]]:
    recorder = _Recorder()

    def enter(module: nn.Module, *_: object) -> None:
        recorder.inside = type(module)

    def leave(*_: object) -> None:
        recorder.inside = None

    leaves = [module for module in network.modules() if not list(module.children())]
    handles = [m.register_forward_pre_hook(enter) for m in leaves]
    handles += [m.register_forward_hook(leave) for m in leaves]
    try:
        with recorder:
            network(x)
    finally:
        for handle in handles:
            handle.remove()
    return recorder.ran


def _named(tally: Mapping[str, int]) -> tuple[str, ...]:
    """``name x count``, the most frequent first; without what only moves data."""
    kept = [(name, number) for name, number in tally.items() if name not in _MOVES]
    return tuple(f"{name} x {number}" for name, number in sorted(kept, key=lambda item: (-item[1], item[0])))


def _torch(network: nn.Module, x: Tensor, ran: Tally[tuple[str, type[nn.Module] | None, bool]]) -> Counter:
    """torch.utils.flop_counter: operators in its own table, 2 FLOPs a MAC."""
    with FlopCounterMode(display=False) as counter:
        network(x)
    flops = int(counter.get_total_flops())
    missed: Tally[str] = Tally()
    for (name, _, counted), number in ran.items():
        if not counted:
            missed[name] += number
    note = "torch.utils.flop_counter.FlopCounterMode; its FLOPs halved"
    return Counter(name="torch", macs=flops // 2, raw=flops, left_out=_named(missed), note=note)


def _fvcore(network: nn.Module, x: Tensor) -> Counter:
    """fvcore.nn.FlopCountAnalysis: traced operators, 1 a MAC, and some per element."""
    from fvcore.nn import FlopCountAnalysis

    with _quiet("fvcore"):
        analysis = FlopCountAnalysis(network, x)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        total = int(analysis.total())
        extra = {op: int(n) for op, n in analysis.by_operator().items() if n and op not in _FVCORE_MACS}
        missed = {op.removeprefix("aten::"): n for op, n in analysis.unsupported_ops().items()}
    note = (
        "fvcore.nn.FlopCountAnalysis; 2 a batch-norm element, 4 a bilinear pixel, 1 an adaptively pooled one"
    )
    return Counter(
        name="fvcore", macs=total, raw=total, left_out=_named(missed), counts_extra=extra, note=note
    )


def _thop(network: nn.Module, x: Tensor, ran: Tally[tuple[str, type[nn.Module] | None, bool]]) -> Counter:
    """thop.profile: modules in its own table; functions called directly are invisible to it."""
    thop = importlib.import_module("thop.profile")
    rules: Mapping[type[nn.Module], Any] = thop.register_hooks
    silent = {kind for kind, rule in rules.items() if rule.__name__ == "zero_ops"}
    copied = copy.deepcopy(network)
    with _quiet("thop"):
        total, _, tree = thop.profile(copied, (x,), verbose=False, ret_layer_info=True)
    extra: Tally[str] = Tally()
    for path, operations in _leaves(tree):
        module = network.get_submodule(path)
        over = operations - _true_macs(module, operations)
        if over:
            extra[type(module).__name__] += int(over)
    missed: Tally[str] = Tally()
    for (name, kind, _), number in ran.items():
        if kind not in rules or kind in silent:
            missed[name] += number
    note = (
        "thop.profile; modules only: 4 a batch-norm element, 1 a PReLU element, "
        "transposed convolutions times their stride squared"
    )
    return Counter(
        name="thop",
        macs=int(total),
        raw=int(total),
        left_out=_named(missed),
        counts_extra=dict(extra),
        note=note,
    )


def _leaves(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, float]]:
    """Dotted paths and operations of thop's innermost modules."""
    for name, (operations, _, children) in tree.items():
        if children:
            yield from _leaves(children, f"{path}{name}.")
        else:
            yield f"{path}{name}", operations


def _true_macs(module: nn.Module, operations: float) -> float:
    """The MACs among the operations that thop gives to ``module``."""
    if not isinstance(module, _MAC_MODULES):
        return 0
    if isinstance(module, nn.ConvTranspose2d):
        return operations / (module.stride[0] * module.stride[1])
    return operations


@contextlib.contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Silence a counter's warnings; what they say is in :attr:`Counter.left_out`."""
    logger = logging.getLogger(name)
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)
