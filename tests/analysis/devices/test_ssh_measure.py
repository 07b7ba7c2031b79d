"""Measuring over a real SSH connection: ONNX Runtime, stand-ins of trtexec, power, one at a time."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from analysis.devices.board_queue import one_at_a_time
from analysis.devices.record import DeviceRecord
from analysis.devices.settings import Settings
from analysis.devices.ssh_address import BoardError
from analysis.devices.target import Target
from archspace.support.errors import FieldError
from tests.analysis.devices.sshd import Board, until
from tests.commands import archspace
from tests.waiting import GENEROUS_S

pytestmark = pytest.mark.slow

QUICK = Settings(power=False, warmup=2, runs=20, spread=100.0, drift=100.0, attempts=1)
WITH_POWER = Settings(
    warmup=2, runs=20, idle_s=0.5, busy_s=1.0, period_s=0.02, spread=100.0, drift=100.0, attempts=1
)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)


def tx2(root: Path) -> Path:
    """The files of a TX2 on L4T r32; the folder of the chip that has VDD_IN."""
    chip = root / "sys/bus/i2c/drivers/ina3221x/0-0041/iio:device1"
    write(chip / "running_mode", "0")
    for number, (rail, milliwatts) in enumerate(
        (("VDD_IN", 4000), ("VDD_SYS_CPU", 1000), ("VDD_SYS_DDR", 500))
    ):
        write(chip / f"rail_name_{number}", rail)
        write(chip / f"in_power{number}_input", str(milliwatts))
    write(root / "proc/device-tree/model", "NVIDIA Jetson TX2 Developer Kit\0")
    write(root / "etc/nv_tegra_release", "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t186ref")
    gpu = root / "sys/class/devfreq/17000000.gp10b"
    write(gpu / "device/of_node/name", "gp10b\0")
    for name, hertz in (("min_freq", 114750000), ("cur_freq", 1300500000), ("max_freq", 1300500000)):
        write(gpu / name, str(hertz))
    for core in range(2):
        cpu = root / f"sys/devices/system/cpu/cpu{core}/cpufreq"
        for name in ("scaling_min_freq", "scaling_max_freq", "scaling_cur_freq"):
            write(cpu / name, "2035200")
    return chip


def test_onnxruntime_over_ssh_with_power_and_energy(board: Board, tiny: Target) -> None:
    tx2(board.root)
    doing: list[str] = []
    record = board.device().measure(tiny, WITH_POWER, lambda what, share: doing.append(what))
    assert record.runtime.startswith("onnxruntime ") and record.latency_ms.n >= 20
    assert record.power_w is not None and record.energy_mj is not None
    assert record.power_w["total"].busy == pytest.approx(4.0)
    assert record.power_w["VDD_SYS_CPU"].idle == pytest.approx(1.0)
    busy = record.how["power"]["windows"]["busy"]
    runs = record.how["power"]["windows"]["runs_in_busy"]
    assert record.energy_mj == pytest.approx(4.0 * 1e3 * (busy[1] - busy[0]) / runs)
    assert record.how["device"] == "NVIDIA Jetson TX2 Developer Kit" and record.how["l4t"] == "R32.7.1"
    assert any(flag.startswith("clocks: gpu not pinned") for flag in record.flags)
    cores = record.how["affinity"]
    assert cores["sampler"] not in cores["network"]
    assert {"exporting ONNX", "idle power", "timed runs"} <= set(doing)
    assert DeviceRecord.from_dict(record.to_dict()).latency_ms == record.latency_ms
    assert board.quiet()


@pytest.mark.parametrize(
    ("version", "shown"),
    [("7.1", "of unknown version"), ("8.2", "8.2.1"), ("8.5", "8.5.1"), ("10", "10.1.0")],
)
def test_trtexec_of_every_layout(board: Board, tiny: Target, version: str, shown: str) -> None:
    board.trtexec(version)
    record = board.device().measure(tiny, QUICK)
    assert record.runtime == f"tensorrt {shown}"
    # Neither the warm-up queries (7 ms) nor the end-to-end time (8 ms).
    assert record.latency_ms.median == pytest.approx(5.01, abs=0.002)
    assert record.latency_ms.n >= 150
    assert record.how["trtexec_summary"]["compute_ms"] == pytest.approx(4.51)
    assert board.quiet()


def test_a_trtexec_without_times_of_queries_gives_its_median_and_says_so(board: Board, tiny: Target) -> None:
    board.trtexec("7.1", "notimes")
    record = board.device().measure(tiny, QUICK)
    assert record.latency_ms.samples == (pytest.approx(5.01),)
    assert "median stands for all" in record.missing["samples"]


@pytest.mark.slow
def test_trtexec_counts_power_while_the_engine_runs_and_no_longer(board: Board, tiny: Target) -> None:
    chip = tx2(board.root)
    board.trtexec("8.2")
    loaded = threading.Event()

    def load(what: str, share: float) -> None:
        if what == "trtexec runs the engine" and not loaded.is_set():
            loaded.set()
            write(chip / "in_power0_input", "9000")

    record = board.device(warm_s=2.0).measure(tiny, WITH_POWER, load)
    assert loaded.is_set() and record.power_w is not None and record.energy_net_mj is not None
    watts = record.power_w["total"]
    assert watts.idle == pytest.approx(4.0) and watts.busy == pytest.approx(9.0)
    assert record.energy_mj == pytest.approx(9.0 * 5.0, rel=0.03)  # a query takes 5 ms
    assert record.energy_net_mj == pytest.approx(5.0 * 5.0, rel=0.03)


def test_a_network_that_tensorrt_refuses_is_named_by_its_first_error(board: Board, tiny: Target) -> None:
    board.trtexec("8.2", "fail")
    with pytest.raises(
        BoardError, match=r"building the engine failed .*While parsing node number 3 \[MaxUnpool\]"
    ):
        board.device().measure(tiny, QUICK)
    assert board.quiet()


def test_a_sensor_that_vanishes_is_named_and_latency_stays(board: Board, tiny: Target) -> None:
    chip = tx2(board.root)

    def pull(what: str, share: float) -> None:
        if what == "idle power":
            (chip / "in_power0_input").unlink(missing_ok=True)

    record = board.device().measure(tiny, WITH_POWER, pull)
    assert record.latency_ms.n >= 20 and record.energy_mj is None
    assert "in_power0_input" in record.missing["power_w"]


@pytest.mark.slow
def test_unstable_runs_are_repeated_with_the_engine_that_is_there(board: Board, tiny: Target) -> None:
    board.trtexec("8.5")
    doing: list[str] = []
    settings = Settings(power=False, warmup=0, runs=5, spread=1e-9, attempts=2)
    record = board.device().measure(tiny, settings, lambda what, share: doing.append(what))
    assert record.attempts == 2 and any(flag.startswith("spread") for flag in record.flags)
    assert doing.count("trtexec builds the engine") == 1


@pytest.mark.slow
def test_two_measurements_of_one_machine_wait_for_each_other(board: Board, tiny: Target) -> None:
    board.trtexec("8.2")
    most = []
    watching = threading.Event()

    def callback() -> None:
        while not watching.wait(0.02):
            most.append(len(board.folders()))

    watcher = threading.Thread(target=callback)
    watcher.start()
    with ThreadPoolExecutor(2) as pool:
        records = list(pool.map(lambda _: board.device().measure(tiny, QUICK), range(2)))
    watching.set()
    watcher.join()
    assert len(records) == 2 and max(most) == 1


@pytest.mark.slow
def test_two_machines_wait_for_each_other_on_the_board(
    board: Board, tiny: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.trtexec("8.2")
    first = ThreadPoolExecutor(1).submit(board.device().measure, tiny, QUICK)
    assert any(any((f / "model.onnx").exists() for f in board.folders()) for _ in until(GENEROUS_S))
    monkeypatch.setenv("ARCHSPACE_CACHE", str(tmp_path / "another machine"))
    doing: list[str] = []
    second = board.device().measure(tiny, QUICK, lambda what, share: doing.append(what))
    assert "waiting for the board: it measures for others" in doing
    assert first.result().latency_ms.n and second.latency_ms.n


def test_waiting_for_the_board_has_an_end(board: Board, tiny: Target) -> None:
    from analysis.devices.base import DeviceAway

    device = board.device(wait_s=0.5)
    with (
        one_at_a_time(str(device.address), 1.0),
        pytest.raises(DeviceAway, match=r"others measured on the board for 0\.5 s"),
    ):
        device.measure(tiny, QUICK)


def test_key_names_what_changes_a_number(board: Board) -> None:
    tx2(board.root)
    board.trtexec("8.2")
    device = board.device()
    key = device.key(Settings(precision="float16"))
    assert key == ("NVIDIA Jetson TX2 Developer Kit; L4T R32.7.1; mode none; trtexec 8.2.1; float16; batch 1")
    assert device.key(Settings(runtime="onnxruntime", threads=2)).endswith("threads 2")
    with pytest.raises(FieldError, match="a board runs tensorrt or onnxruntime"):
        device.key(Settings(runtime="openvino"))


def test_doctor_says_what_the_board_can_do_and_what_is_missing(board: Board) -> None:
    tx2(board.root)
    board.trtexec("10")
    checks = {check.name: check for check in board.device().doctor()}
    assert checks["connection"].state == "ok" and checks["model"].detail.startswith("NVIDIA Jetson TX2")
    assert checks["trtexec"].detail.startswith("TensorRT 10.1.0 at ")
    assert checks["onnxruntime"].state == "ok" and "numpy" in checks["onnxruntime"].detail
    assert checks["cpu pinned"].state == "ok" and checks["gpu pinned"].state == "warning"
    assert checks["ina3221"].detail == "VDD_IN, VDD_SYS_CPU, VDD_SYS_DDR; total: VDD_IN"
    assert checks["temperature"].state == "missing" and checks["power_mode"].state == "missing"
    assert board.quiet()


def test_float16_without_trtexec_is_refused(board: Board, tiny: Target) -> None:
    with pytest.raises(BoardError, match="precision float16"):
        board.device().measure(tiny, Settings(power=False, precision="float16"))


@pytest.mark.slow
def test_the_command_measures_on_a_board_and_says_in_one_line_that_it_is_away(
    board: Board, tiny: Target
) -> None:
    device = board.device().name
    options = ("--device", device, "--runs", "5", "--no-power", "--attempts", "1", "--json")
    where = {"ARCHSPACE_SSH_CONFIG": str(board.config)}
    done = archspace("measure", tiny.onnx, *options, env=where)
    report = json.loads(done.stdout)
    assert report["device"] == device and report["runtime"].startswith("onnxruntime")
    board.stop()
    away = archspace("measure", tiny.onnx, *options, env=where)
    assert away.returncode == 2 and away.stdout == ""
    assert away.stderr.strip().splitlines()[-1].endswith(": the connection is refused")
