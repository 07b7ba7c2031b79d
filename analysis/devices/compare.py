"""One network on every runtime of a device, in turns, so that the machine's drift hits all alike."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis.devices.assemble import assemble
from analysis.devices.local import LocalDevice
from analysis.devices.record import DeviceRecord
from analysis.devices.settings import OnProgress, Settings, no_progress
from analysis.devices.target import Target
from analysis.devices.timing import warm
from analysis.runtimes import RUNTIMES, Opened
from analysis.runtimes.tensorrt import OwnLoop
from archspace.support.errors import InputError

TURN = 5
"""Timed runs of one runtime before the next has its turn; an untimed run goes first."""

NO_POWER = "runtimes took turns, so no window has the load of one; measure one runtime for its power"
EAGER = "torch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Records by runtime, and why the other runtimes are not among them."""

    records: dict[str, DeviceRecord]
    unavailable: dict[str, str]

    def speedup(self, runtime: str) -> float | None:
        """Median of torch eager over that of ``runtime``; ``None`` where torch eager did not run."""
        eager = self.records.get(EAGER)
        return None if eager is None else eager.latency_ms.median / self.records[runtime].latency_ms.median


def compare(
    target: Target,
    device: LocalDevice,
    settings: Settings,
    on_progress: OnProgress = no_progress,
    among: Collection[str] | None = None,
) -> Comparison:
    """Times ``target`` on all runtimes of ``device``, or those ``among`` them, in interleaved rounds.

    Each runtime's record is one attempt; an unstable one is flagged. TensorRT's own program cannot take turns: it runs
    when the others are done.

    Raises:
        InputError: the device is not there, or no runtime can run the network.
    """
    device.require()
    settings = replace(settings, power=False)
    unavailable: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="archspace-") as made, ExitStack() as stack:
        opened: dict[str, Opened] = {}
        hows: dict[str, dict[str, Any]] = {}
        for name, runtime in RUNTIMES.items():
            if among is not None and name not in among:
                continue
            if among is None and runtime.form_of in unavailable:
                continue
            on_progress(f"opening {runtime.title}", 0.0)
            asked = replace(settings, runtime=name)
            try:
                runtime.check(target, device.torch_name, asked)
                same = runtime.same(target)
                if same is not None:
                    unavailable[name] = same
                    continue
                one = stack.enter_context(runtime.open(target, device.torch_name, asked, Path(made)))
                hows[name] = device.compared(runtime, one, target, asked, Path(made))
            except InputError as error:
                unavailable[name] = runtime.unavailable(device.torch_name) or str(error)
                continue
            opened[name] = one
        if not opened:
            raise InputError(f"compare: no runtime can run {target.label}: {'; '.join(unavailable.values())}")
        taken = {name: one for name, one in opened.items() if not isinstance(one, OwnLoop)}
        records = _in_turns(target, device, settings, taken, hows, stack, on_progress)
        for name in opened.keys() - taken.keys():
            records[name] = device.measure(target, replace(settings, runtime=name), on_progress)
    return Comparison(records=records, unavailable=unavailable)


def _in_turns(
    target: Target,
    device: LocalDevice,
    settings: Settings,
    opened: dict[str, Opened],
    hows: dict[str, dict[str, Any]],
    stack: ExitStack,
    on_progress: OnProgress,
) -> dict[str, DeviceRecord]:
    from analysis.board.conditions import conditions

    warmed = {name: warm(one.timed_ms, settings.warmup) for name, one in opened.items()}
    reference = stack.enter_context(device.reference(settings))
    if reference is not None:
        warm(reference, 1)
    samples: dict[str, list[float]] = {name: [] for name in opened}
    references: list[float] = []
    before = conditions()
    done = 0
    while done < settings.runs:
        turn = min(TURN, settings.runs - done)
        for name, one in opened.items():
            one.run()
            one.finish()
            samples[name] += [one.timed_ms() for _ in range(turn)]
            if reference is not None:
                references.append(reference())
        done += turn
        on_progress("timing in turns", done / settings.runs)
    after = conditions()
    return {
        name: assemble(
            target, device.name, one.version, settings, samples[name], references, before=before, after=after,
            missing={"power_w": NO_POWER, "peak_memory_bytes": "runtimes shared this process"},
            how={
                **device.how(target, settings, one), **hows[name], "warmup": warmed[name][0],
                "settled": warmed[name][1], "in_turns_with": [other for other in opened if other != name],
            },
        )
        for name, one in opened.items()
    }  # fmt: skip
