"""torch: operator by operator, compiled, or as one captured CUDA graph. Torch is imported when one is asked for."""

from __future__ import annotations

import contextlib
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from analysis.runtimes.base import RUNTIMES, Opened, Runtime, one_line
from archspace.support.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn

    from analysis.devices.settings import Settings
    from analysis.devices.target import Target

EVERY = ("float32", "float16", "bfloat16")
WARM = 3


def gpu_missing(device: str) -> str | None:
    """Returns why ``cuda:N`` is not there, or ``None``."""
    if device == "cpu":
        return None
    import torch

    if not torch.cuda.is_available():
        built = torch.version.cuda
        return "torch finds no CUDA GPU" if built else f"torch {torch.__version__} was built without CUDA"
    index = int(device.partition(":")[2] or 0)
    count = torch.cuda.device_count()
    return None if index < count else f"there are {count} GPUs, cuda:0 to cuda:{count - 1}"


def _event() -> torch.cuda.Event:
    import torch

    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


class Forward(Opened):
    """A function of one tensor on the device."""

    def __init__(self, call: Callable[[Tensor], Any], x: Tensor, version: str) -> None:
        self._call, self._x, self.version = call, x, version
        self.how = {"form": "batch norms folded (archspace.export.deploy)", "clock": "perf_counter_ns"}
        self._events: tuple[torch.cuda.Event, torch.cuda.Event] | None = None
        if x.is_cuda:
            self._events = (_event(), _event())
            self.how["clock"] = "CUDA events around each run, synchronised after it"

    def run(self) -> object:
        """Returns one run of a batch."""
        return self._call(self._x)

    def timed_ms(self) -> float:
        """Returns milliseconds of one run."""
        if self._events is None:
            return super().timed_ms()
        start, end = self._events
        start.record()
        self.run()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end))

    def finish(self) -> None:
        """Waits for the GPU."""
        if self._x.is_cuda:
            import torch

            torch.cuda.synchronize(self._x.device)

    def answer(self) -> list[np.ndarray]:
        """Returns the outputs as float32."""
        from torch.utils._pytree import tree_leaves

        outputs = [value.float().cpu().numpy() for value in tree_leaves(self.run())]
        self.finish()
        return outputs


class Eager(Runtime):
    """torch, operator by operator.

    Attributes:
        units: the form of the network's units (:data:`archspace.cuda.forms.FORMS`).
        channels_last: the memory format of weights and maps.
        said: what that adds to the record's form.
    """

    units: ClassVar[str] = "plain"
    channels_last: ClassVar[bool] = False
    said: ClassVar[str] = ""
    name: ClassVar[str] = "torch"
    title: ClassVar[str] = "torch eager"
    precisions: ClassVar[Mapping[str, tuple[str, ...]]] = {"cpu": EVERY, "cuda": EVERY}

    def unavailable(self, device: str) -> str | None:
        """Returns why it is not here, or ``None``."""
        return gpu_missing(device)

    def version(self) -> str:
        """As installed."""
        import torch

        return f"{self.title} {torch.__version__}"

    @contextmanager
    def open(self, target: Target, device: str, settings: Settings, folder: Path) -> Iterator[Opened]:
        """Opens it; see the base class."""
        import torch

        from archspace.export.deploy import deployed

        assert target.network is not None
        dtype = getattr(torch, settings.precision)
        network = deployed(target.network, self.units).to(device=device, dtype=dtype)
        x = target.example(settings.batch).to(device)
        x = x.to(dtype) if x.is_floating_point() else x
        if self.channels_last:
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            x = x.to(memory_format=torch.channels_last) if x.dim() == 4 else x
        with torch_settings(settings.threads, device), torch.inference_mode():
            try:
                call = self.prepared(network, x)
                opened = Forward(call, x, self.version())
                same = self.same(target)
                opened.how["form"] += f"; {same}" if same else self.said
                opened.run()
                opened.finish()
            except InputError:
                raise
            except (RuntimeError, NotImplementedError) as error:
                what = f"{target.label} in {settings.precision} on {device}"
                raise InputError(f"runtime: {self.name!r}: cannot run {what}: {one_line(error)}") from error
            if x.is_cuda:
                opened.how["tf32"] = False
            yield opened

    def prepared(self, network: nn.Module, x: Tensor) -> Callable[[Tensor], Any]:
        """Returns what is called with the input in each run."""
        return network


class Compile(Eager):
    """torch.compile, which generates C++ or Triton kernels."""

    name = "compile"
    title = "torch.compile"
    mode: ClassVar[str | None] = None

    def unavailable(self, device: str) -> str | None:
        """Returns why it is not here, or ``None``."""
        if device == "cpu" and not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
            return "torch.compile needs a C++ compiler (g++ or clang++), and none is on the PATH"
        return gpu_missing(device)

    def prepared(self, network: nn.Module, x: Tensor) -> Callable[[Tensor], Any]:
        """Returns what is called with the input in each run."""
        return compiled(network, x, self.mode)


class CudaGraph(Eager):
    """All kernels of a run launched at once, as captured from one run of torch eager."""

    name = "cudagraph"
    title = "torch CUDA graph"
    precisions: ClassVar[Mapping[str, tuple[str, ...]]] = {"cpu": (), "cuda": EVERY}

    def unavailable(self, device: str) -> str | None:
        """Returns why it is not here, or ``None``."""
        return "CUDA graphs need a CUDA GPU" if device == "cpu" else gpu_missing(device)

    def prepared(self, network: nn.Module, x: Tensor) -> Callable[[Tensor], Any]:
        """Returns what is called with the input in each run."""
        return captured(network, x)


def compiled(network: nn.Module, x: Tensor, mode: str | None = None) -> Callable[[Tensor], Any]:
    """Returns the network compiled for ``x`` by torch.compile in one of its modes, and warmed up."""
    import torch

    call: Callable[[Tensor], Any] = torch.compile(network, fullgraph=False, dynamic=False, mode=mode)
    with warnings.catch_warnings():  # TensorFloat32 is left off on purpose: float32 means float32
        warnings.filterwarnings("ignore", "TensorFloat32 tensor cores", UserWarning)
        for _ in range(WARM):
            call(x)
    return call


def captured(call: Callable[[Tensor], Any], x: Tensor) -> Callable[[Tensor], Any]:
    """Returns the replay of one run on ``x`` as a CUDA graph; its answer lies in the same memory each time."""
    import torch

    side = torch.cuda.Stream(x.device)  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream(x.device))
    with torch.cuda.stream(side):
        for _ in range(WARM):
            call(x)
    torch.cuda.current_stream(x.device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        answer = call(x)

    def replay(_x: Tensor) -> Any:
        graph.replay()
        return answer

    return replay


@contextlib.contextmanager
def torch_settings(threads: int, device: str) -> Iterator[None]:
    """``threads`` within an operator, and full float32 on GPUs; both come back at the end."""
    import torch

    before = torch.get_num_threads()
    cudnn, matmul = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    try:
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        with torch.cuda.device(device) if device != "cpu" else contextlib.nullcontext():
            yield
    finally:
        torch.set_num_threads(before)
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = cudnn, matmul


for _runtime in (Eager(), Compile(), CudaGraph()):
    RUNTIMES.register(_runtime.name)(_runtime)
