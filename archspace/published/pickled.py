"""Reading a ``.pth`` file as data. Code in it is never run; NumPy's numbers and a few plain records are data too."""

from __future__ import annotations

import argparse
import datetime
import pathlib
import pickle
import re
import struct
import types
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from archspace.support.errors import InputError
from archspace.support.file_kinds import kind_of_file, text_kind

_HEAD = 2048


def read_pickled(path: Path) -> Any:
    """Returns what a file of ``torch.save`` holds, tensors on the CPU.

    Raises:
        InputError: it is another kind of file, cut off, or holds code; the message says which.
    """
    kind = _other_kind(path)
    if kind:
        raise InputError(f"{path}: is {kind}, not a checkpoint of weights")
    try:
        with torch.serialization.safe_globals(plain_globals()), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported operand" in str(error):
            rule = "not a checkpoint that is read safely: a pickle of a newer protocol, or none; torch.save writes one"
            raise InputError(f"{path}: {rule}") from None
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        if code is not None or "not an allowed" in str(error) or "Unsupported" in str(error):
            what = f" ({code[1]})" if code else ""
            raise InputError(
                f"{path}: holds code beside weights{what}, which is never run; save its state dict"
            ) from None
        raise InputError(f"{path}: not a checkpoint of weights, or truncated") from None
    except (
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OSError,
        struct.error,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a checkpoint of weights, or truncated ({reason})") from None


def plain_globals() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Returns what a checkpoint may name beside torch's own: it makes values and does nothing else.

    NumPy's scalars and arrays, under the names of NumPy 1 and 2; and the records that training scripts keep.
    """
    made: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
        np.ndarray, np.dtype, *(getattr(np.dtypes, name) for name in np.dtypes.__all__),
        argparse.Namespace, types.SimpleNamespace,
        datetime.datetime, datetime.date, datetime.timedelta,
    ]  # fmt: skip
    made += [
        (kind, f"{module}.{name}")
        for kind in (pathlib.PurePosixPath, pathlib.PureWindowsPath)
        for name in (kind.__name__, kind.__name__.removeprefix("Pure"))
        for module in ("pathlib", "pathlib._local")  # as Python 3.13 writes them
    ]
    made += [
        (kind, f"{module}.{kind.__name__}")
        for kind in (list, dict, set, frozenset, tuple, int, float, complex, bool, str, bytes)
        for module in ("builtins", "__builtin__")
    ]
    home: Any = getattr(np, "_core", None) or np.core
    for package in ("numpy.core", "numpy._core"):
        made += [
            (home.multiarray.scalar, f"{package}.multiarray.scalar"),
            (home.multiarray._reconstruct, f"{package}.multiarray._reconstruct"),
            (home.numeric._frombuffer, f"{package}.numeric._frombuffer"),
        ]
    return made


def _other_kind(path: Path) -> str:
    """What the file is, where that is surely no file of ``torch.save``."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    kind = kind_of_file(path)
    if kind:
        return kind
    if head.startswith(b"PK"):
        return _other_archive(path)
    if len(head) > 8 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] < 2**32:
        return "a safetensors file (name it .safetensors)"
    return text_kind(head)


def _other_archive(path: Path) -> str:
    """What a zip archive is that ``torch.save`` did not write."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return "cut off: a zip archive without its end"
    if any("/code/" in name or name.endswith("constants.pkl") for name in names):
        return "a TorchScript archive (torch.jit)"
    if any(name.endswith("data.pkl") for name in names):
        return ""
    if names and all(name.endswith(".npy") for name in names):
        return "an archive of NumPy arrays (.npz)"
    return f"a zip archive of something else ({names[0]}, ...)" if names else "an empty zip archive"
