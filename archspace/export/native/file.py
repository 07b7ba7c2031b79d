"""A network for the engine as one file: a safetensors file with its two arrays and, as JSON, what it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspace.export.native.library import Engine, library
from archspace.export.native.program import Program
from archspace.export.signature import Signature
from archspace.support.errors import FieldError, InputError

FORMAT = "archspace-native"
LAYOUT = 2
"""Of the operations; another one where an engine would read older files otherwise."""
DIGEST = "sha256"
"""Of all else in the file."""


def save_native(path: Path, program: Program, signature: Signature, metadata: Mapping[str, Any]) -> None:
    """Write a program for the vectors of this processor."""
    from safetensors.numpy import save

    ports = {
        "inputs": [port.to_dict() for port in signature.inputs],
        "outputs": [port.to_dict() for port in signature.outputs],
    }
    about = {**metadata, "format": FORMAT, "layout": LAYOUT, "vectors": _vectors(), "ports": ports}
    notes = {name: json.dumps(value) for name, value in about.items()}
    notes[DIGEST] = json.dumps(_digest(program.code, program.weights, notes))
    path.write_bytes(save({"code": program.code, "weights": program.weights}, metadata=notes))


class NativeNetwork:
    """A network that the engine runs.

    Attributes:
        metadata: what travels with it: its spec, preprocessing, class names, inputs and outputs.
    """

    def __init__(self, engine: Engine, metadata: Mapping[str, Any]) -> None:
        self._engine, self.metadata = engine, metadata

    def __call__(self, *images: NDArray[Any]) -> list[NDArray[Any]]:
        """Returns the outputs for float32 images (N, C, H, W), N as the file says (any, where it is free).

        Arrays need not be contiguous.

        Raises:
            InputError: there are more or fewer images, or one has another shape or type.
        """
        ports = self.metadata["ports"]["inputs"]
        if len(images) != len(ports):
            names = ", ".join(port["name"] for port in ports)
            raise InputError(f"native: {len(images)} inputs; must be {len(ports)}: {names}")
        given = [np.asarray(image) for image in images]
        for image, port in zip(given, ports, strict=True):
            shape = port["shape"]
            sides = zip(shape, image.shape, strict=False)
            if image.ndim != len(shape) or any(isinstance(one, int) and one != side for one, side in sides):
                raise InputError(f"{port['name']}: has shape {tuple(image.shape)}; must be {tuple(shape)}")
            if image.dtype != np.float32:
                raise InputError(f"{port['name']}: has type {image.dtype}; must be {port['dtype']}")
        return self._engine.run(given)


def open_native(path: str | Path, threads: int = 1) -> NativeNetwork:
    """Returns the network of a file.

    Raises:
        InputError: it is no such file, is not as it was written, was made for other vectors or by another version,
            or the engine cannot be built here.
        FieldError: no such number of threads.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "np") as opened:
            notes = dict(opened.metadata() or {})
            about = {name: json.loads(value) for name, value in notes.items()}
            arrays: dict[str, NDArray[Any]] = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    if about.get("format") != FORMAT:
        raise InputError(f"{path}: is no network of the native engine")
    if about.get("layout") != LAYOUT:
        raise InputError(f"{path}: was made by another version of archspace; export the network again")
    if about.get("vectors") != _vectors():
        raise InputError(
            f"{path}: was made for vectors of another processor; export the network again on this machine"
        )
    code, weights = arrays.get("code"), arrays.get("weights")
    if code is None or weights is None or about.get(DIGEST) != _digest(code, weights, notes):
        raise InputError(f"{path}: is not as it was written; export the network again")
    try:
        engine = Engine(Program(code, weights), _shapes(about["ports"]["outputs"]), threads)
    except FieldError:
        raise
    except InputError as error:  # whoever wrote the digest did not write this program
        raise InputError(f"{path}: cannot be opened: {error}") from None
    return NativeNetwork(engine, about)


def _digest(code: NDArray[Any], weights: NDArray[Any], notes: Mapping[str, str]) -> str:
    """Of what the engine computes by and what is said of it, so that a file that was changed by accident is refused."""
    said = sorted((name, text) for name, text in notes.items() if name != DIGEST)
    digest = hashlib.sha256(json.dumps(said).encode())
    for array in (code, weights):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _shapes(ports: Sequence[Mapping[str, Any]]) -> list[tuple[int, ...]]:
    """Shapes whose first side, the batch, is not looked at."""
    return [(1, *map(int, port["shape"][1:])) for port in ports]


def _vectors() -> list[int]:
    """Floats of a vector, and how many vectors the processor has."""
    opened = library()
    return [int(opened.native_lanes()), int(opened.native_registers())]
