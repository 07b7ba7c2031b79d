"""One network measured as a study measures: the deployed form, on the study's device, while its workers stand still."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from analysis.devices.board_queue import with_retries
from analysis.devices.settings import OnProgress, no_progress
from analysis.store.records import Measurement
from archspace.network import Network
from searches.config.study import StudyConfig
from searches.study.gate import Gate
from searches.study.measurer import Measurer
from searches.study.run_folder import with_runtime

LATENCY = "latency_ms"


def measure_deployed(
    network: Network,
    config: StudyConfig,
    folder: Path,
    *,
    wanted: Collection[str] = (),
    fresh: bool = True,
    label: str = "a network",
    on_progress: OnProgress = no_progress,
) -> dict[str, Measurement]:
    """Returns what the device of a study says of a network, taken as the study takes it.

    Args:
        network: in any state of training; it is left in eval mode.
        config: the study: its device, runtime, precision, threads, limits of what is stable.
        folder: its run folder, whose workers on this machine stand still meanwhile.
        wanted: further quantities that must come out, beside those that the study asks for; the latency of a study that
            asks for none.
        fresh: measure even what the cache has.
        label: of what is measured, for those who wait.
        on_progress: called now and then with what is being done.

    Raises:
        DeviceAway: the device was away for as long as the study says to wait.
        InputError: the device cannot run the network, or cannot say what is wanted.
    """
    asked = {*config.asked_of_device, *wanted} or {LATENCY}
    objectives = tuple(dict.fromkeys((*config.objectives, *sorted(asked))))
    asking = with_runtime(config.model_copy(update={"objectives": objectives}), folder)
    measurer = Measurer.of(asking, gate=Gate(folder))
    assert measurer is not None, "it asks for the latency at least"
    return with_retries(
        lambda: measurer.measured(network.eval(), fresh=fresh, label=label, on_progress=on_progress),
        limit_s=config.measure.wait_s,
        on_progress=on_progress,
    )
