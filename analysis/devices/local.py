"""This machine's CPU or one of its CUDA GPUs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.devices.assemble import assemble, repeated
from analysis.devices.base import Check, Device
from analysis.devices.record import DeviceRecord
from analysis.devices.settings import OnProgress, Settings, no_progress
from analysis.devices.target import Target
from archspace.support.errors import FieldError, InputError

if TYPE_CHECKING:
    from analysis.board.sampling import Trace
    from analysis.devices.timing import Clock
    from analysis.runtimes import Opened, Runtime

Windows = dict[str, Any]


class LocalDevice(Device):
    """``cpu``, ``cuda`` or ``cuda:N`` of this machine."""

    def __init__(self, name: str, root: str = "/") -> None:
        """Nothing is looked at yet.

        Args:
            name: of the device.
            root: before every path of sensors and clocks; tests give a tree of files.

        Raises:
            FieldError: the name is none of those.
        """
        kind, colon, number = name.partition(":")
        if kind not in ("cpu", "cuda") or (colon and (kind == "cpu" or not number.isdigit())):
            raise FieldError("device", name, "must be cpu, cuda, cuda:N or ssh://[user@]host[:port]", "cpu")
        self.name, self.root = name, root
        self.torch_name = "cuda:0" if name == "cuda" else name

    @property
    def model(self) -> str:
        """The processor's or the GPU's model name."""
        from analysis.store.environment import cpu_model

        if self.torch_name == "cpu":
            return cpu_model()
        import torch

        return torch.cuda.get_device_name(self.torch_name)

    def key(self, settings: Settings) -> str:
        """Returns model, runtime and version, precision, batch and threads."""
        self.require()
        runtime = _runtime(settings, None)
        parts = (
            self.model, runtime.version(), settings.precision, f"batch {settings.batch}",
            f"{settings.threads} threads",
        )  # fmt: skip
        return "; ".join(parts)

    def check(self, target: Target, settings: Settings) -> None:
        """Refuses a GPU, a runtime or a precision that is not here; see the base class."""
        self.require()
        _runtime(settings, target).check(target, self.torch_name, settings)

    def measure(
        self, target: Target, settings: Settings, on_progress: OnProgress = no_progress
    ) -> DeviceRecord:
        """Measures on this machine; see the base class."""
        self.check(target, settings)
        runtime = _runtime(settings, target)
        with tempfile.TemporaryDirectory(prefix="archspace-") as made, ExitStack() as stack:
            on_progress(f"preparing {target.label}", 0.0)
            missing: dict[str, str] = {}
            runtime.prepare(target, settings, Path(made))
            base = self._memory_before(missing)
            opened = stack.enter_context(runtime.open(target, self.torch_name, settings, Path(made)))
            peak = self._peak(opened, base, missing)
            how = {
                **self.how(target, settings, opened), "memory_counts": self.memory_counts,
                **self.compared(runtime, opened, target, settings, Path(made)),
            }  # fmt: skip
            reference = stack.enter_context(self.reference(settings))

            def take(attempt: int) -> DeviceRecord:
                word = (
                    "timing"
                    if attempt == 0
                    else f"timing again, attempt {attempt + 1} of {settings.attempts}"
                )
                return self._take(
                    target,
                    settings,
                    opened,
                    reference,
                    dict(missing),
                    how,
                    peak,
                    lambda _, share: on_progress(word, share),
                )

            return repeated(take, settings)

    def doctor(self) -> list[Check]:
        """Returns what this machine can do."""
        from analysis.devices.machine import examine

        return examine(self.name)

    def how(self, target: Target, settings: Settings, opened: Opened) -> dict[str, Any]:
        """Returns what this device and the runtime say of how it was measured."""
        from analysis.devices.timing import REFERENCE

        reads = (
            "tokens" if target.network is not None and target.network.spec.task == "language" else "pixels"
        )
        return {
            "device_model": self.model, "input_unit": reads,
            "latency_of": "a window of tokens" if reads == "tokens" else "a batch",
            "affinity": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
            "reference_network": REFERENCE if settings.reference else None, **opened.how,
        }  # fmt: skip

    @contextmanager
    def reference(self, settings: Settings) -> Iterator[Clock | None]:
        """Runs the reference network once; ``None`` where none is wanted."""
        if not settings.reference:
            yield None
            return
        import torch

        from analysis.devices.timing import reference_input, reference_network
        from analysis.runtimes.torch_forms import Forward, torch_settings

        with torch_settings(settings.threads, self.torch_name), torch.inference_mode():
            x = reference_input().to(self.torch_name)
            yield Forward(reference_network().to(self.torch_name), x, "reference").timed_ms

    def compared(
        self, runtime: Runtime, opened: Opened, target: Target, settings: Settings, folder: Path
    ) -> dict[str, Any]:
        """Returns how the answer differs from torch eager's (a foreign file's: from ONNX Runtime's), both in float32.

        Raises:
            InputError: in float32, by more than 1 %: these would be two networks.
        """
        from dataclasses import replace

        from analysis.runtimes import RUNTIMES
        from analysis.runtimes.base import WRONG, difference
        from analysis.runtimes.tensorrt import NO_ANSWER, OwnLoop

        usual = RUNTIMES["onnxruntime" if target.network is None else "torch"]
        if isinstance(opened, OwnLoop):
            return {"agreement": {"with": usual.name, "max_relative_difference": None, "why": NO_ANSWER}}
        with usual.open(target, "cpu", replace(settings, precision="float32"), folder) as right:
            share = difference(right.answer(), opened.answer())
        if settings.precision == "float32" and not share <= WRONG:
            reason = (
                f"answers differ from {usual.title} by {share:.3g} of the largest output, limit {WRONG:g}"
            )
            raise InputError(f"runtime: {runtime.name!r}: {reason}; nothing was measured")
        return {
            "agreement": {"with": f"{usual.version()} on the CPU, float32", "max_relative_difference": share}
        }

    @property
    def memory_counts(self) -> str:
        """What ``peak_memory_bytes`` counts here."""
        from analysis.devices.memory import CPU_COUNTS, CUDA_COUNTS

        return CPU_COUNTS if self.torch_name == "cpu" else CUDA_COUNTS

    def require(self) -> None:
        """Refuses a GPU that is not there.

        Raises:
            FieldError: with the reason.
        """
        from analysis.runtimes.torch_forms import gpu_missing

        reason = gpu_missing(self.torch_name)
        if reason is not None:
            raise FieldError("device", self.name, reason, "cpu")

    def _memory_before(self, missing: dict[str, str]) -> int | None:
        from analysis.devices.memory import resident_bytes

        if self.torch_name != "cpu":
            return 0
        try:
            return resident_bytes()
        except OSError as error:
            missing["peak_memory_bytes"] = str(error)
            return None

    def _peak(self, opened: Opened, base: int | None, missing: dict[str, str]) -> int | None:
        from analysis.devices.memory import peak_bytes
        from analysis.runtimes.tensorrt import OwnLoop

        if base is None:
            return None
        if isinstance(opened, OwnLoop):
            missing["peak_memory_bytes"] = "trtexec does not tell the memory of a run"
            return None
        if self.torch_name != "cpu":
            import torch

            torch.cuda.reset_peak_memory_stats(self.torch_name)
            opened.run()
            opened.finish()
            peak = torch.cuda.max_memory_allocated(self.torch_name)
            if not peak:
                missing["peak_memory_bytes"] = "the runtime takes its memory past torch"
            return peak or None
        try:
            return max(0, peak_bytes(opened.run) - base)
        except OSError as error:
            missing["peak_memory_bytes"] = f"the peak cannot be set back: {error}"
            return None

    def _take(
        self,
        target: Target,
        settings: Settings,
        opened: Opened,
        reference: Clock | None,
        missing: dict[str, str],
        how: dict[str, Any],
        peak: int | None,
        on_progress: OnProgress,
    ) -> DeviceRecord:
        """One attempt: latency, then power."""
        from analysis.board.conditions import conditions
        from analysis.devices.local_power import sampled
        from analysis.devices.timing import timed_runs
        from analysis.runtimes.tensorrt import OwnLoop

        trace: Trace | None
        windows: Windows
        if isinstance(opened, OwnLoop):
            trace, windows, loop = sampled(opened, settings, self.torch_name, missing, on_progress, self.root)
            assert loop is not None
            samples, references, before, after = loop.samples_ms, [], loop.before, loop.after
            how = {**how, **loop.how}
        else:
            states: list[dict[str, Any]] = []
            timed = timed_runs(
                opened.timed_ms, runs=settings.runs, warmup=settings.warmup, reference=reference,
                on_progress=on_progress, warmed=lambda: states.append(conditions(self.root)),
            )  # fmt: skip
            samples, references = timed.samples_ms, timed.reference_ms
            before, after = states[0], conditions(self.root)
            how = {**how, "warmup": timed.warmup, "settled": timed.settled}
            trace, windows, _ = sampled(opened, settings, self.torch_name, missing, on_progress, self.root)
        return assemble(
            target, self.name, opened.version, settings, samples, references, trace, windows, before, after,
            missing, how, peak,
        )  # fmt: skip


def _runtime(settings: Settings, target: Target | None) -> Runtime:
    """The runtime of the settings, else torch, or ONNX Runtime for a foreign file."""
    from analysis.runtimes import RUNTIMES

    foreign = target is not None and target.network is None
    return RUNTIMES[settings.runtime or ("onnxruntime" if foreign else "torch")]
