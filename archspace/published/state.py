"""Reading a published file as tensors by name, and reading numbers off their shapes. Never runs code from it."""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from archspace.support.errors import InputError

State: TypeAlias = Mapping[str, Tensor]
Rules: TypeAlias = Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]
"""Regular expressions and their replacements, applied to a key one after the other."""

WRAPPERS = ("state_dict", "model", "net")


def read_state(path: Path) -> dict[str, Tensor]:
    """Returns the tensors of a file on the CPU, unwrapped, without ``module.`` in front of their names.

    Raises:
        InputError: no such file, not a checkpoint, truncated, or a pickle that holds more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error)
        if "Unsupported" in reason or "GLOBAL" in reason or "not an allowed" in reason:
            raise InputError(
                f"{path}: holds code beside weights, which is never run; save its state dict"
            ) from None
        raise InputError(f"{path}: not a checkpoint of weights, or truncated") from None
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, struct.error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a checkpoint of weights, or truncated ({reason})") from None
    for name in WRAPPERS:
        if isinstance(data, Mapping) and isinstance(data.get(name), Mapping):
            data = data[name]
    if not isinstance(data, Mapping) or not all(isinstance(v, Tensor) for v in data.values()) or not data:
        raise InputError(f"{path}: holds no tensors by name")
    return {re.sub(r"^(module\.)+", "", str(name)): tensor for name, tensor in data.items()}


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
