"""One network measured on one device, from Python."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING

from analysis.devices.base import DeviceAway
from analysis.devices.opening import open_device
from analysis.devices.record import DeviceRecord
from analysis.devices.settings import OnProgress, Settings, no_progress
from analysis.devices.target import Target, open_target
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError

if TYPE_CHECKING:
    from archspace.network import Network


def measure(
    network: Network | ArchSpec | str | os.PathLike[str],
    *,
    device: str = "cpu",
    settings: Settings | None = None,
    on_progress: OnProgress = no_progress,
) -> DeviceRecord:
    """Returns latency in ms, and power in W and energy in mJ where the device has a sensor, with every sample.

    Args:
        network: a network, which is left as it is; a spec; or text as the command ``archspace measure`` takes it
            (a preset, a file, ``RUN:N``, an ``.onnx`` file).
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``ssh://[user@]host[:port]``.
        settings: runs, warm-up, threads, batch, precision, runtime, and whether power is sampled;
            ``Settings()`` if left out.
        on_progress: called now and then with what is being done and its share, 0 to 1.

    Raises:
        InputError: nothing has that name, there is no such device or it cannot be reached, or it cannot run the
            network in this way.

    >>> from archspace import ArchSpec
    >>> quick = Settings(runs=5, warmup=1, power=False, attempts=1)
    >>> measure(ArchSpec("espnetv2", width=0.25, input_size=(64, 64)), settings=quick).latency_ms.n
    5
    """
    target = _target(network)
    try:
        return open_device(device).measure(target, settings or Settings(), on_progress)
    except DeviceAway as away:
        raise InputError(str(away)) from away


def _target(network: Network | ArchSpec | str | os.PathLike[str]) -> Target:
    if isinstance(network, str | os.PathLike):
        return open_target(os.fspath(network))
    if isinstance(network, ArchSpec):
        from archspace.build import build

        return Target.of(build(network))
    return Target.of(copy.deepcopy(network))
