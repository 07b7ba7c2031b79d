"""From what a user names to a timed network: presets, files, checkpoints, exports and ONNX files."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from analysis.latency import measure_latency
from analysis.records import Measurement
from archspace.errors import FieldError, InputError
from archspace.specs import read_spec

REFRESH_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that can be timed: a function of a tensor, the size of its input, and who it is."""

    run: Callable[[Tensor], object]
    input_size: tuple[int, int]
    channels: int
    runtime: str
    label: str
    arch_id: str | None


def open_target(
    text: str,
    *,
    task: str | None = None,
    classes: int | None = None,
    input_size: tuple[int, int] | None = None,
    threads: int = 1,
) -> Target:
    """What ``text`` names, ready to run: a SPEC is built, a checkpoint or export loaded, a .onnx file opened.

    Raises:
        InputError: nothing has that name, or an option cannot be honoured by a network that exists already.
    """
    path = Path(text)
    trained = path.suffix in (".onnx", ".safetensors") or (path / "weights.safetensors").is_file()
    if trained and not path.exists():
        raise InputError(f"{path}: no such file")
    if trained:
        for name, value in (("task", task), ("classes", classes)):
            if value is not None:
                raise FieldError(name, value, "a trained network has its own", "leave it out")
    if path.suffix == ".onnx":
        return _onnx(path, input_size, threads)
    from archspace.build import build
    from archspace.checkpoint import load

    spec = read_spec(text, task=task, classes=classes, input_size=input_size)
    network = load(path) if trained else build(spec)
    return Target(
        run=network, input_size=spec.input_size, channels=spec.channels, runtime="torch eager",
        label=spec.label, arch_id=spec.arch_id,
    )  # fmt: skip


def _onnx(path: Path, input_size: tuple[int, int] | None, threads: int) -> Target:
    import onnxruntime

    from archspace.onnx_model import open_session

    try:
        session = open_session(path, threads)
    except Exception as error:  # onnxruntime has no base class for its errors
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: ONNX Runtime cannot open it: {reason}") from error
    given = session.get_inputs()[0]
    shape = given.shape
    if len(shape) != 4 or not all(isinstance(side, int) for side in shape):
        raise InputError(f"{path}: its input has shape {shape}; must be a fixed (1, C, H, W)")
    size = (shape[2], shape[3])
    if input_size not in (None, size):
        raise FieldError("input", input_size, "the file has a fixed input size", size)
    return Target(
        run=lambda x: session.run(None, {given.name: x.numpy()}), input_size=size, channels=shape[1],
        runtime=f"onnxruntime {onnxruntime.__version__}", label=path.name,
        arch_id=session.get_modelmeta().custom_metadata_map.get("archspace.arch_id", "").strip('"') or None,
    )  # fmt: skip


def measured(target: Target, *, threads: int, warmup: int, runs: int, batch: int) -> Measurement:
    """Time ``target`` with a progress bar on standard error that is drawn between the runs only."""
    from rich.console import Console
    from rich.progress import Progress

    if target.runtime.startswith("onnxruntime") and batch != 1:
        raise FieldError("batch", batch, "an exported ONNX file takes one image", 1)
    with Progress(console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
        bar = progress.add_task(f"timing {target.label}", total=runs)
        drawn = time.monotonic()

        def advance(done: int) -> None:
            nonlocal drawn
            if time.monotonic() - drawn > REFRESH_SECONDS:
                progress.update(bar, completed=done, refresh=True)
                drawn = time.monotonic()

        return measure_latency(
            target.run, target.input_size, target.channels, threads=threads, warmup=warmup, runs=runs,
            batch=batch, runtime=target.runtime, after_run=advance,
        )  # fmt: skip
