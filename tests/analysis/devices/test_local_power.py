"""Power of this machine while a network runs on it: sensors are files that a thread shows, in place of a kernel."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from analysis.devices.local import LocalDevice
from analysis.devices.record import TOTAL, DeviceRecord
from analysis.devices.settings import Settings
from analysis.devices.target import Target
from archspace.spec.archspec import ArchSpec
from tests.analysis.board.trees import TX2, Tree, iio

IDLE, BUSY = 2.0, 6.0
QUICK = Settings(
    warmup=1,
    runs=5,
    idle_s=0.5,
    busy_s=1.0,
    period_s=0.02,
    spread=1e3,
    drift=1e3,
    attempts=1,
    reference=False,
)


class Noticed(nn.Module):
    """Sleeps 5 ms and notes when."""

    spec = ArchSpec("espnet", input_size=(32, 32))

    def __init__(self) -> None:
        super().__init__()
        self.ran = 0.0

    def __deepcopy__(self, memo: object) -> Noticed:
        return self

    def example(self, n: int = 1) -> Tensor:
        return torch.zeros(n, 3, 32, 32)

    def forward(self, x: Tensor) -> Tensor:
        self.ran = time.monotonic()
        time.sleep(0.005)
        self.ran = time.monotonic()
        return x


@pytest.fixture
def network() -> Noticed:
    return Noticed()


@pytest.fixture
def board(tmp_path: Path, network: Noticed) -> Iterator[Tree]:
    """A TX2 in triggered mode whose input rail follows the network, some 0.2 s behind its end."""
    tree, over = iio(tmp_path, TX2, mode=0), threading.Event()

    def show() -> None:
        while not over.wait(0.005):
            tree.set("VDD_IN", BUSY if time.monotonic() - network.ran < 0.2 else IDLE)

    tree.set("VDD_IN", IDLE)
    thread = threading.Thread(target=show)
    thread.start()
    yield tree
    over.set()
    thread.join()


def measured(board: Tree, network: Noticed, settings: Settings = QUICK) -> DeviceRecord:
    target = Target(label="noticed", arch_id=None, input_size=(32, 32), channels=3, network=network)  # type: ignore[arg-type]
    time.sleep(0.3)
    return LocalDevice("cpu", str(board.root)).measure(target, settings)


@pytest.mark.slow
def test_idle_busy_and_net_power_and_the_energy_of_a_run(board: Tree, network: Noticed) -> None:
    record = measured(board, network, replace(QUICK, idle_s=0.8))
    assert record.power_w is not None and "power_w" not in record.missing
    total = record.power_w[TOTAL]
    assert total.busy == pytest.approx(BUSY, rel=0.02)
    assert total.idle is not None and IDLE <= total.idle < 0.5 * (IDLE + BUSY)
    window = record.how["power"]["windows"]
    seconds, runs = window["busy"][1] - window["busy"][0], window["runs_in_busy"]
    assert record.energy_mj == pytest.approx(1e3 * total.busy * seconds / runs, rel=1e-6)
    assert record.energy_mj >= 5.0 * total.busy * 0.98  # a run takes 5 ms at least


@pytest.mark.slow
def test_a_sensor_that_goes_meanwhile_is_named_and_nothing_is_zero(tmp_path: Path) -> None:
    board = iio(tmp_path, TX2, mode=0)  # nobody writes its files again once they are gone
    board.set("VDD_IN", IDLE)

    class Breaks(Noticed):
        def forward(self, x: Tensor) -> Tensor:
            if time.monotonic() - began > 1.2:
                for path in board.root.rglob("in_power*_input"):
                    path.unlink(missing_ok=True)
            return super().forward(x)

    began = time.monotonic()
    record = measured(board, Breaks())
    assert record.power_w is None and record.energy_mj is None
    assert record.missing["power_w"] and record.missing["energy_mj"]
