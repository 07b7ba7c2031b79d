"""What is measured: a network of ours, or a foreign ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archspace.build import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A network as every device takes it: ``network`` in eval mode, or ``onnx``; the other is ``None``.

    Attributes:
        label: for people.
        arch_id: ``None`` for a foreign file.
        input_size: (H, W) in pixels.
        channels: of the input.
        network: of ours.
        onnx: a file with one input of fixed shape (1, C, H, W).
    """

    label: str
    arch_id: str | None
    input_size: tuple[int, int]
    channels: int
    network: Network | None = None
    onnx: Path | None = None
