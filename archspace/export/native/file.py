"""A network for the engine as one file: a safetensors file with its two arrays and, as JSON, what it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from archspace.export.native.library import Engine, library
from archspace.export.native.program import Program
from archspace.export.signature import Signature
from archspace.support.errors import InputError

FORMAT = "archspace-native"


def save_native(path: Path, program: Program, signature: Signature, metadata: Mapping[str, Any]) -> None:
    """Write a program for the vectors of this processor."""
    from safetensors.numpy import save

    ports = {
        "inputs": [port.to_dict() for port in signature.inputs],
        "outputs": [port.to_dict() for port in signature.outputs],
    }
    about = {
        "format": FORMAT, "vectors": _vectors(), "ports": ports, "arena_bytes": program.arena_bytes,
        **metadata,
    }  # fmt: skip
    notes = {name: json.dumps(value) for name, value in about.items()}
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

        Raises:
            InputError: an image has another shape.
        """
        for image, port in zip(images, self.metadata["ports"]["inputs"], strict=True):
            shape = port["shape"]
            sides = zip(shape, image.shape, strict=False)
            if image.ndim != len(shape) or any(isinstance(one, int) and one != side for one, side in sides):
                raise InputError(f"{port['name']}: has shape {tuple(image.shape)}; must be {tuple(shape)}")
        return self._engine.run(images)


def open_native(path: str | Path, threads: int = 1) -> NativeNetwork:
    """Returns the network of a file.

    Raises:
        InputError: it is no such file, was made for other vectors, or the engine cannot be built here.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "np") as opened:
            about = {name: json.loads(value) for name, value in (opened.metadata() or {}).items()}
            arrays: dict[str, NDArray[Any]] = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    if about.get("format") != FORMAT:
        raise InputError(f"{path}: is no network of the native engine")
    if about["vectors"] != _vectors():
        raise InputError(
            f"{path}: was made for vectors of another processor; export the network again on this machine"
        )
    program = Program(arrays["code"], arrays["weights"], about["arena_bytes"])
    return NativeNetwork(Engine(program, _shapes(about["ports"]["outputs"]), threads), about)


def _shapes(ports: Sequence[Mapping[str, Any]]) -> list[tuple[int, ...]]:
    """Shapes whose first side, the batch, is not looked at."""
    return [(1, *map(int, port["shape"][1:])) for port in ports]


def _vectors() -> list[int]:
    """Floats of a vector, and how many vectors the processor has."""
    opened = library()
    return [int(opened.native_lanes()), int(opened.native_registers())]
