"""The kernels of a network of ours: its operations are recorded while it runs on tensors without data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from analysis.predictors.roofline import Kernel, Kind, convolution_kind, is_fused
from archspace.build import assembled
from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.units.base import LayerModule

OPERATIONS = {
    "convolution": "conv", "native_batch_norm": "norm", "_native_batch_norm_legit_no_training": "norm",
    "addmm": "linear", "mm": "linear", "bmm": "linear", "relu": "act", "relu_": "act", "hardtanh": "act",
    "hardtanh_": "act", "_prelu_kernel": "prelu", "add": "add", "add_": "add", "cat": "cat", "mean": "pool",
    "avg_pool2d": "pool", "_adaptive_avg_pool2d": "pool", "max_pool2d_with_indices": "pool",
    "upsample_bilinear2d": "resize", "upsample_nearest2d": "resize", "clone": "copy",
}  # fmt: skip
"""Torch's operators by what they are called here; any other keeps torch's name."""


def network_kernels(spec: ArchSpec) -> list[Kernel]:
    """Returns every operation of one run on one input, in running order.

    No weights are made and nothing is computed.
    """
    with torch.device("meta"):
        network = assembled(spec).eval()
        x = network.example()
    return record_kernels(network, x)


def record_kernels(network: Network, x: Tensor) -> list[Kernel]:
    """Returns the operations of ``network(x)``; their names are the paths of the modules that run them."""
    recorder = _Recorder()
    with _paths(network, recorder.path), torch.no_grad(), recorder:
        network(x)
    return recorder.kernels


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Makes a kernel of each operation that touches memory; views are none."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kernels: list[Kernel] = []
        self.path: list[str] = []
        self._made: dict[int, tuple[Tensor, str]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        returns = func._schema.returns
        view = any(each.alias_info is not None and not each.alias_info.is_write for each in returns)
        inputs = list(_tensors(args))
        if inputs and not view:
            self._add(func, args, inputs, list(_tensors(result)))
        return result

    def _add(self, func: Any, args: tuple[Any, ...], inputs: list[Tensor], outputs: list[Tensor]) -> None:
        name = func._schema.name.partition("::")[2]
        operation = OPERATIONS.get(name, name)
        before = self._made.get(id(inputs[0]), (None, ""))[1]
        kind, macs = _arithmetic(operation, args, outputs[0])
        kernel = Kernel(
            name=self.path[-1] if self.path else "", operation=operation, kind=kind, macs=macs,
            elements=sum(tensor.numel() for tensor in (*inputs, *outputs)),
            fused=is_fused(operation, before),
        )  # fmt: skip
        self.kernels.append(kernel)
        for tensor in outputs:  # held, so that no other tensor gets its id
            self._made[id(tensor)] = (tensor, operation)


def _arithmetic(operation: str, args: tuple[Any, ...], output: Tensor) -> tuple[Kind, int]:
    if operation == "conv":
        x, weight, _, _, _, dilation, transposed, _, groups = args
        per_group = weight.numel() // weight.shape[0]
        macs = (x if transposed else output).numel() * per_group
        sides = (weight.shape[2], weight.shape[3])
        kind = convolution_kind(sides, groups, x.shape[1], dilation=max(dilation), transposed=transposed)
        return kind, macs
    if operation == "linear":
        left = args[-2] if len(args) == 2 else args[1]
        return "linear", output.numel() * left.shape[-1]
    return "plain", 0


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)


@contextmanager
def _paths(network: nn.Module, path: list[str]) -> Iterator[None]:
    """Keeps in ``path`` the dotted names of the modules that are running, the innermost last; layers are whole."""
    handles = []
    try:
        inner = {id(part) for layer in network.modules() if isinstance(layer, LayerModule) for part in layer}
        for name, module in network.named_modules():
            if id(module) in inner:
                continue
            handles.append(module.register_forward_pre_hook(lambda *_, name=name: path.append(name)))
            handles.append(module.register_forward_hook(lambda *_: (path.pop(), None)[1]))
        yield
    finally:
        for handle in handles:
            handle.remove()
