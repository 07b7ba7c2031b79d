"""The ONNX graph of a network; the last ones are kept, as a network is often measured and exported in one process.

torch's exporter takes seconds even for a small network, most of them for tracing it twice.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch
from torch import nn

from archspace.network import Network

KEPT, LARGEST_BYTES = 8, 16 << 20
"""How many graphs are kept, and how large one may be; with their weights."""

_graphs: OrderedDict[Hashable, bytes] = OrderedDict()


def kept_graph(network: nn.Module, asked: Hashable, make: Callable[[], bytes]) -> bytes:
    """Returns what ``make`` returns for these arguments, or returned before for the same ones.

    Two networks are the same if spec, modules and every weight are. A module that is no :class:`Network` does not say
    all of itself, so its graph is never kept.

    Args:
        network: in the form that is exported.
        asked: all else that the graph follows from: shapes and types of its inputs, names, the operator set.
        make: writes the graph.
    """
    if not isinstance(network, Network):
        return make()
    key = (_identity(network), asked)
    graph = _graphs.pop(key, None)
    if graph is None:
        graph = make()
    if len(graph) <= LARGEST_BYTES:
        _graphs[key] = graph
    while len(_graphs) > KEPT:
        _graphs.popitem(last=False)
    return graph


def _identity(network: Network) -> Hashable:
    """The network's spec, its modules and what their classes say of them, and a digest of all values."""
    values = hashlib.sha256()
    for name, value in (*network.named_parameters(), *network.named_buffers()):
        values.update(f"{name} {value.dtype} {tuple(value.shape)};".encode())
        values.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    modules = tuple(
        (name, type(module), module.extra_repr(), module.training) for name, module in network.named_modules()
    )
    return (repr(network.spec), modules, values.hexdigest())
