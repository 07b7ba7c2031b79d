"""Forms of a network on a CUDA GPU: streams, fused units, torch.compile's modes, channels last, graphs of each."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from analysis.runtimes.base import RUNTIMES
from analysis.runtimes.torch_forms import EVERY, Eager, captured, compiled, gpu_missing

if TYPE_CHECKING:
    from torch import Tensor, nn

    from analysis.devices.target import Target

MAX = "max-autotune"
"""torch.compile's mode that tries kernels and replays graphs of its own."""

FOR_CAPTURE = "max-autotune-no-cudagraphs"


class CudaForm(Eager):
    """torch in one form of its units, compiled or not, captured as one CUDA graph or not.

    Attributes:
        mode: of torch.compile; empty: its default; ``None``: not compiled.
        graph: whether one run is captured and replayed.
    """

    precisions: ClassVar[Mapping[str, tuple[str, ...]]] = {"cpu": (), "cuda": EVERY}
    form_of = "cudagraph"
    mode: ClassVar[str | None] = None
    graph: ClassVar[bool] = False

    def unavailable(self, device: str) -> str | None:
        """Returns why it is not here, or ``None``."""
        if device == "cpu":
            return "needs a CUDA GPU"
        if self.units == "fused" and find_spec("triton") is None:
            return "Triton is not installed: pip install 'archspace[gpu]'"
        return gpu_missing(device)

    def same(self, target: Target) -> str | None:
        """Returns why this form of a network is the plain one, or ``None``."""
        from archspace.cuda.forms import FORMS

        if self.units == "plain" or target.network is None:
            return None
        changed = FORMS[self.units](copy.deepcopy(target.network).eval())
        return None if changed else f"{target.label} has no EESP or ESP unit"

    def prepared(self, network: nn.Module, x: Tensor) -> Callable[[Tensor], Any]:
        """Returns what is called with the input in each run."""
        call: Callable[[Tensor], Any] = network
        if self.mode is not None:
            call = compiled(network, x, self.mode or None)
        return captured(call, x) if self.graph else call


def _enter(
    name: str,
    title: str,
    *,
    units: str = "plain",
    mode: str | None = None,
    graph: bool = False,
    channels_last: bool = False,
) -> None:
    facts = {
        "streams": "a stream a branch", "fused": "EESP and ESP units as Triton kernels", "plain": "",
    }[units], "channels last" if channels_last else "", "one CUDA graph" if graph else ""  # fmt: skip
    said = "".join(f", {fact}" for fact in facts if fact)
    body = {
        "__doc__": f"{title}.", "name": name, "title": title, "units": units, "mode": mode, "graph": graph,
        "channels_last": channels_last, "said": said,
    }  # fmt: skip
    RUNTIMES.register(name)(type(f"CudaForm_{name}", (CudaForm,), body)())


_enter("streams", "torch, streams", units="streams")
_enter("streams-graph", "torch, streams, CUDA graph", units="streams", graph=True)
_enter("channels-last", "torch, channels last", channels_last=True)
_enter("channels-last-graph", "torch, channels last, CUDA graph", channels_last=True, graph=True)
_enter("compile-graph", "torch.compile, CUDA graph", mode="", graph=True)
_enter("compile-max", "torch.compile, max-autotune", mode=MAX)
_enter(
    "compile-max-channels-last", "torch.compile, max-autotune, channels last", mode=MAX, channels_last=True
)
_enter("fused", "fused units", units="fused")
_enter("fused-graph", "fused units, CUDA graph", units="fused", graph=True)
_enter("fused-channels-last-graph", "fused units, channels last, CUDA graph", units="fused", graph=True,
       channels_last=True)  # fmt: skip
_enter("fused-compile", "fused units, torch.compile", units="fused", mode="")
_enter(
    "fused-compile-graph",
    "fused units, max-autotune, CUDA graph",
    units="fused",
    mode=FOR_CAPTURE,
    graph=True,
)
