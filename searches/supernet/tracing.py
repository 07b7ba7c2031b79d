"""Follows the names of channels through all that a network calls; :mod:`searches.supernet.names` says the rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archspace.network import Network
from searches.supernet.channels import (
    BRANCHES,
    IMAGE,
    REPEATED,
    Axis,
    Channels,
    Found,
    Ints,
    Key,
    Named,
    Unshared,
    roles,
)  # fmt: skip

SAME = frozenset({
    "relu", "relu6", "leaky_relu", "hardswish", "hardtanh", "silu", "selu", "neg", "sigmoid", "dropout", "dropout2d",
})  # fmt: skip
"""Functions whose output is a map like their input; on tensors without content they need not run."""
RESIZE = frozenset({"avg_pool2d", "adaptive_avg_pool2d", "max_pool2d", "interpolate", "pad"})
"""Functions whose output has the channels of their input at other places."""
MEET = frozenset({"add", "mul", "__add__", "__mul__"})


@dataclass(eq=False)
class Tracer(TorchFunctionMode):
    """Follows the names of channels through all that a network calls."""

    network: Network
    keys: list[Key] = field(default_factory=lambda: [IMAGE])
    numbers: dict[Key, int] = field(default_factory=lambda: {IMAGE: 0})
    known: dict[int, tuple[Tensor, Channels]] = field(default_factory=dict)
    taken: dict[int, tuple[Ints, Ints]] = field(default_factory=dict)
    parts: dict[str, Found] = field(default_factory=dict)
    final: dict[int, Axis] = field(default_factory=dict)
    age: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        by_name = roles(self.network)
        self.owners = {id(p): (name, by_name[name]) for name, p in self.network.named_parameters()}
        for module in self.network.modules():
            if isinstance(module, nn.ModuleList):
                continue
            for name, child in module.named_children():
                if name == REPEATED and isinstance(child, nn.ModuleList):
                    for unit in child:
                        unit.register_forward_hook(self._repeated)

    def begin(self, image: Tensor) -> None:
        """Names the channels of the image."""
        index = np.arange(image.shape[1], dtype=np.int32)
        self._put(image, Channels(np.zeros_like(index), index, False, 0))

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:  # fmt: skip
        kwargs, name = kwargs or {}, getattr(func, "__name__", str(func))
        if name in SAME:
            return args[0]
        if name in ("batch_norm", "prelu"):
            self._scaled(name, *args, **kwargs)
            return args[0]
        result = func(*args, **kwargs)
        if name == "chunk":
            self._chunk(result, *args, **kwargs)
        elif isinstance(result, Tensor):
            if name in HANDLED:
                getattr(self, f"_{name.strip('_')}")(result, *args, **kwargs)
            elif name in RESIZE:
                self._put(result, self._of(args[0]))
            elif name in MEET:
                self._meet(result, args[0], args[1])
            elif any(isinstance(one, Tensor) and id(one) in self.known for one in args):
                raise Unshared(self.network.spec, name)
        return result

    def _of(self, tensor: Tensor) -> Channels:
        if id(tensor) not in self.known:
            raise Unshared(self.network.spec, "a tensor that is made within")
        return self.known[id(tensor)][1]

    def _put(self, tensor: Tensor, channels: Channels) -> None:
        if tensor.dim() < 2 or tensor.shape[1 : 1 + channels.key.ndim] != channels.key.shape:
            raise Unshared(self.network.spec, f"a map of shape {tuple(tensor.shape)}")
        self.known[id(tensor)] = (tensor, channels)

    def _key(self, key: Key) -> int:
        if key not in self.numbers:
            self.numbers[key] = len(self.keys)
            self.keys.append(key)
        return self.numbers[key]

    def _note(
        self, parameter: Tensor | None, axes: tuple[Channels, ...], groups: int = 1, suffix: str = ""
    ) -> None:
        if parameter is None:
            return
        name, role = self.owners[id(parameter)]
        self.parts[name] = Found(role + suffix, tuple(parameter.shape), axes, groups)

    # What layers do to names

    def _made(self, layer: str, reads: Channels, outputs: int, groups: int) -> Channels:
        """Names of what a convolution or linear layer writes."""
        self.age += 1
        each = outputs // groups
        keys = np.array([self._key((layer, tag)) for tag in self._tags(reads, groups)], np.int32)
        index = np.tile(np.arange(each, dtype=np.int32), groups)
        return Channels(np.repeat(keys, each), index, True, self.age)

    def _tags(self, reads: Channels, groups: int) -> list[str]:
        """What each group is known by: the branch that it alone reads, else where it begins."""
        tags = [self._branch(keys) for keys in np.split(reads.key, groups)] if groups > 1 else []
        known = [tag for tag in tags if tag is not None]
        if tags and len(set(known)) == groups:
            return known
        return [str(Fraction(group, groups)) for group in range(groups)]

    def _branch(self, keys: Ints) -> str | None:
        layers = {self.keys[key][0] for key in np.unique(keys).tolist()}
        found = re.search(rf"\.{BRANCHES}\.(rate-[\d-]+)\.", layers.pop() + ".") if len(layers) == 1 else None
        return found.group(1) if found else None

    def _conv2d(
        self, result: Tensor, input: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any, **named: Any
    ) -> None:  # fmt: skip
        reads, groups = self._of(input), int(rest[3] if len(rest) > 3 else named.get("groups", 1))
        layer = self.owners[id(weight)][1].removesuffix(".weight")
        if groups > 1 and groups == len(reads) == weight.shape[0]:
            self.age += 1
            named_so = {int(k): self._key((layer, "<".join(self.keys[int(k)]))) for k in np.unique(reads.key)}
            key = np.array([named_so[int(k)] for k in reads.key], np.int32)
            writes = Channels(key, reads.index, False, self.age)
            self._note(weight, (writes,), suffix="-depthwise")
        else:
            writes = self._made(layer, reads, weight.shape[0], groups)
            if f".{BRANCHES}." in layer:
                writes = Channels(writes.key, writes.index, False, writes.age)
            self._note(weight, (writes, reads), groups)
        self._note(bias, (writes,))
        self._put(result, writes)

    def _conv_transpose2d(
        self, result: Tensor, input: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any, **named: Any
    ) -> None:  # fmt: skip
        if int(rest[3] if len(rest) > 3 else named.get("groups", 1)) != 1:
            raise Unshared(self.network.spec, "a transposed convolution in groups")
        reads = self._of(input)
        writes = self._made(self.owners[id(weight)][1].removesuffix(".weight"), reads, weight.shape[1], 1)
        self._note(weight, (reads, writes))
        self._note(bias, (writes,))
        self._put(result, writes)

    def _linear(self, result: Tensor, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> None:
        reads = self._of(input)
        writes = self._made(self.owners[id(weight)][1].removesuffix(".weight"), reads, weight.shape[0], 1)
        self._note(weight, (writes, reads))
        self._note(bias, (writes,))
        self._put(result, writes)

    def _scaled(self, name: str, input: Tensor, *rest: Any, **named: Any) -> None:
        """A norm or an activation with slopes: a number for each channel."""
        places = {"batch_norm": ("running_mean", "running_var", "weight", "bias"), "prelu": ("weight",)}[name]
        given = {**dict(zip(places, rest, strict=False)), **named}
        for parameter in ("weight", "bias"):
            self._note(given.get(parameter), (self._of(input),))

    def _cat(self, result: Tensor, tensors: Sequence[Tensor], dim: int = 0) -> None:
        if dim != 1:
            raise Unshared(self.network.spec, f"a concatenation along dimension {dim}")
        parts = [self._of(tensor) for tensor in tensors]
        for number in range(len(parts)):
            while any(np.isin(parts[number].key, before.key).any() for before in parts[:number]):
                parts[number] = self._again(parts[number])
        self.age += 1
        key, index = np.concatenate([p.key for p in parts]), np.concatenate([p.index for p in parts])
        self._put(result, Channels(key, index, False, self.age))

    def _again(self, channels: Channels) -> Channels:
        """Other names for channels that a concatenation has already: what the names' layer has become since."""
        known = {
            key: self._key((self.keys[key][0], f"{self.keys[key][1]}+"))
            for key in np.unique(channels.key).tolist()
        }
        key = np.array([known[one] for one in channels.key.tolist()], np.int32)
        return Channels(key, channels.index, False, channels.age)

    def _view(self, result: Tensor, input: Tensor, *shape: Any, **named: Any) -> None:
        channels = self._of(input)
        middle = result.shape[1 : result.dim() - 2] if result.dim() > 2 else result.shape[1:]
        if int(np.prod(middle)) != len(channels):
            raise Unshared(self.network.spec, f"a view of shape {tuple(result.shape)}")
        if tuple(middle) == channels.key.shape:
            self._put(result, channels)
        else:
            self._put(result, channels.moved(lambda values: values.reshape(tuple(middle))))

    _reshape = _flatten = _view

    def _transpose(self, result: Tensor, input: Tensor, first: int, second: int) -> None:
        channels = self._of(input)
        if (first, second) != (1, 2) or channels.key.ndim != 2:
            raise Unshared(self.network.spec, "a transposition")
        self._put(result, channels.moved(np.transpose))

    def _getitem(self, result: Tensor, input: Tensor, place: Any) -> None:
        channels = self._of(input)
        if not isinstance(place, tuple) or len(place) != 2 or not isinstance(place[1], slice):
            raise Unshared(self.network.spec, "an index")
        self._put(result, channels.moved(lambda values: values[place[1]]))

    def _chunk(self, result: Sequence[Tensor], input: Tensor, count: int, dim: int = 0) -> None:
        """Parts of what one layer writes are named by where they begin, as groups are."""
        reads, (whole, *others) = self._of(input), np.unique(self._of(input).key).tolist()
        if dim != 1 or others or not reads.free or whole in self.taken or len(reads) % count:
            raise Unshared(self.network.spec, "such a chunk")
        tags = [f"part {Fraction(number, count)}" for number in range(count)]
        keys = np.array([self._key((self.keys[whole][0], tag)) for tag in tags], np.int32)
        index = np.arange(len(reads) // count, dtype=np.int32)
        self.taken[whole] = np.repeat(keys, len(index)), np.tile(index, count)
        for part, key in zip(result, keys, strict=True):
            self._put(part, Channels(np.full_like(index, key), index, False, reads.age))

    def _mean(self, result: Tensor, input: Tensor, dim: int, keepdim: bool = False) -> None:
        """The mean over the channels is one of its own."""
        if dim != 1 or not keepdim:
            raise Unshared(self.network.spec, f"a mean over dimension {dim}")
        key = np.full(1, self._key(("mean", "0")), np.int32)
        self._put(result, Channels(key, np.zeros_like(key), False, self.age))

    # What makes two names one

    def _meet(self, result: Tensor, first: Any, second: Any) -> None:
        if not isinstance(first, Tensor) or not isinstance(second, Tensor):
            self._put(result, self._of(first if isinstance(first, Tensor) else second))
            return
        one, other = self._of(first), self._of(second)
        older, younger = (one, other) if one.age <= other.age else (other, one)
        self._put(result, older if self._take(younger, older) else one)

    def _take(self, younger: Channels, older: Channels) -> bool:
        """Gives the channels of one layer the names of others; whether it could."""
        own = np.unique(younger.key)
        fits = younger.free and len(younger) == len(older) and not np.isin(older.key, own).any()
        if not fits or any(int(key) in self.taken for key in own):
            return False
        for key in own:
            places = younger.key == key
            self.taken[int(key)] = (older.key[places], older.index[places])
        return True

    def _repeated(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        before, after = self._of(args[0]), self._of(output)
        if len(before) == len(after):
            self._take(after, before)
            self._put(output, before)

    # What came of it

    def found(self) -> dict[str, Named]:
        """Returns all parameters with the names that hold in the end."""
        return {
            name: Named(part.role, part.shape, tuple(self._axis(one) for one in part.axes), part.groups)
            for name, part in self.parts.items()
        }

    def _axis(self, channels: Channels) -> Axis:
        if id(channels) not in self.final:
            key, index = channels.key.copy(), channels.index.copy()
            while moved := [one for one in np.unique(key).tolist() if one in self.taken]:
                for one in moved:
                    places = np.flatnonzero(key == one)
                    keys, indices = self.taken[one]
                    key[places], index[places] = keys[index[places]], indices[index[places]]
            edges = [0, *(np.flatnonzero(np.diff(key)) + 1).tolist(), len(key)]
            self.final[id(channels)] = tuple(
                (self.keys[int(key[start])], index[start:stop]) for start, stop in pairwise(edges)
            )
        return self.final[id(channels)]


HANDLED = frozenset({
    "conv2d", "conv_transpose2d", "linear", "cat", "mean", "view", "reshape", "flatten", "transpose", "__getitem__",
})  # fmt: skip
