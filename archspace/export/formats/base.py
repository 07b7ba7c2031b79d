"""What a format of an export is: what it writes, and the proof that this answers as the network does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspace.support.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from archspace.export.onnx_model import Agreement
    from archspace.network import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is exported.

    Attributes:
        network: on the CPU, float32, in eval mode; not to be changed.
        inputs: (N, C, H, W) preprocessed images by kind: ``random``, and ``real`` where some are given.
        metadata: plain data that a file of the format keeps where it can.
    """

    network: Network
    inputs: Mapping[str, Tensor]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written and how well it answers.

    Attributes:
        agreements: with torch, by kind of input; each holds.
        output: shape of the scores of one image.
    """

    agreements: Mapping[str, Agreement]
    output: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format.

    Attributes:
        runtime: what reads it, for messages (``ONNX Runtime``).
        files: the files that it writes, and what each is in words.
        write: writes them into a folder, reads them again and compares their answers with torch; raises
            :class:`archspace.export.onnx_model.ExportError` where they differ or cannot be written.
    """

    runtime: str
    files: Mapping[str, str]
    write: Callable[[Source, Path], Exported]


FORMATS: Registry[Format] = Registry("format")
"""Every format by the name of ``--format``."""
