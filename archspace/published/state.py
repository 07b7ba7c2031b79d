"""Reading a published file as tensors by name, and reading numbers off their shapes. Never runs code from it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from torch import Tensor

from archspace.floats import other_kind
from archspace.published.pickled import read_pickled
from archspace.support.errors import InputError

log = logging.getLogger(__name__)

State: TypeAlias = Mapping[str, Tensor]
Rules: TypeAlias = Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]
"""Regular expressions and their replacements, applied to a key one after the other."""

WRAPPERS = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "params_ema", "params", "weights",
    "module",
)  # fmt: skip
"""Keys under which training scripts keep the state dict; one may hold another."""

PREFIXES = ("module.", "_orig_mod.", "model.")
"""What parallel, compiled and framework modules put before names."""

_WRAPPED = re.compile(r"^(?:module\.|_orig_mod\.)+|(?<=\.)_orig_mod\.")
_MODEL = "model."
_AVERAGED = "n_averaged"
"""The counter of torch's averaged models."""
_NAMED = 5
_DEEPEST = 4


def read_state(path: Path) -> dict[str, Tensor]:
    """Returns the tensors of a file on the CPU, unwrapped, without the names of wrapping modules (:data:`PREFIXES`).

    Raises:
        InputError: no such file, not a checkpoint, truncated, or a pickle that holds more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    data = read_pickled(path)
    for _ in range(_DEEPEST):
        if isinstance(data, Mapping) and not _are_tensors(data):
            _say_which(data, path)
            data = next((data[name] for name in WRAPPERS if isinstance(data.get(name), Mapping)), data)
    if not isinstance(data, Mapping) or not _are_tensors(data):
        keys = ", ".join(map(str, list(data)[:_NAMED])) if isinstance(data, Mapping) else type(data).__name__
        raise InputError(f"{path}: holds no tensors by name (it holds: {keys or 'nothing'})")
    if len(data) > 1:
        data = {name: tensor for name, tensor in data.items() if name != _AVERAGED}
    state = _unprefixed({str(name): tensor for name, tensor in data.items()})
    if len(state) < len(data):
        raise InputError(f"{path}: two tensors have one name without {' and '.join(PREFIXES)}")
    strange = next((f"{name} {kind}" for name, tensor in state.items() if (kind := other_kind(tensor))), None)
    if strange is not None:
        raise InputError(f"{path}: {strange}")
    return state


def _say_which(data: Mapping[object, object], path: Path) -> None:
    """Logs which of several state dicts in one file is read."""
    names = [str(name) for name, value in data.items() if isinstance(value, Mapping) and _are_tensors(value)]
    chosen = next((name for name in WRAPPERS if name in names), None)
    if chosen is not None and len(names) > 1:
        _warn(f"{path}: holds {' and '.join(names)}; {chosen} is read")


@lru_cache(maxsize=1024)
def _warn(message: str) -> None:
    """Logs a warning once: one command may read a file several times."""
    log.warning("%s", message)


def _are_tensors(data: Mapping[object, object]) -> bool:
    return bool(data) and all(isinstance(value, Tensor) for value in data.values())


def _unprefixed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without what wrapping modules put before their names; ``model.`` only where all have it."""
    named = {_WRAPPED.sub("", name): tensor for name, tensor in state.items()}
    while all(name.startswith(_MODEL) for name in named):
        named = {_WRAPPED.sub("", name.removeprefix(_MODEL)): tensor for name, tensor in named.items()}
    return named


def renamed(key: str, rules: Rules) -> str:
    """``key`` after all ``rules``."""
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    return key


def repeats(state: State, pattern: str) -> int:
    """Returns how many different whole numbers the first group of ``pattern`` takes in the keys."""
    matches = (re.match(pattern, key) for key in state)
    return len({match[1] for match in matches if match})


def rows(state: State, key: str) -> int:
    """Returns size of a tensor's first dimension.

    Raises:
        KeyError: the state has no such tensor.
    """
    return int(state[key].shape[0])


def columns(state: State, key: str) -> int:
    """Returns size of a tensor's second dimension.

    Raises:
        KeyError: the state has no such tensor.
    """
    return int(state[key].shape[1])
