"""Every board's rails are found by name, once, with the right total; what cannot be read is named."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analysis.board.rails import Ina3221, find_rails, total_rails
from analysis.board.sensors import find_sensors
from tests.analysis.board.trees import NANO, ORIN, TX2, XAVIER, Chips, Tree, hwmon, iio, write

BOARDS: dict[str, tuple[Callable[[Path], Tree], Chips, list[str]]] = {
    "tx2-r28": (lambda root: iio(root, TX2, "r28"), TX2, ["VDD_IN"]),
    "tx2-r32": (lambda root: iio(root, TX2), TX2, ["VDD_IN"]),
    "nano-r32": (lambda root: iio(root, NANO), NANO, ["POM_5V_IN"]),
    "xavier-r32": (lambda root: iio(root, XAVIER), XAVIER, ["GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"]),
    "orin-r35": (lambda root: hwmon(root, ORIN), ORIN, ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"]),
}


def only(root: Path) -> Ina3221:
    (sensor,), missing = find_rails(str(root))
    assert isinstance(sensor, Ina3221)
    assert not missing
    return sensor


@pytest.mark.parametrize("board", BOARDS)
def test_rails_are_found_by_name_and_read_in_watts(board: str, tmp_path: Path) -> None:
    build, chips, total = BOARDS[board]
    tree = build(tmp_path)
    for n, rail in enumerate(tree.rails):
        tree.set(rail, 1.9 + 0.19 * n)
    sensor = only(tmp_path)
    assert sensor.total == total
    assert sensor.read() == pytest.approx(
        {rail: 1.9 + 0.19 * n for n, rail in enumerate(tree.rails)}, rel=1e-9
    )
    description = sensor.describe()
    assert {
        chip["i2c"]: {n: rail for rail, n in chip["channels"].items()} for chip in description["chips"]
    } == {address: {n: rail for n, rail in rails.items() if rail != "NC"} for address, rails in chips.items()}
    assert description["channels_from"] == (1 if board == "orin-r35" else 0)
    assert json.loads(json.dumps(description)) == description


def boards(shared: Path) -> Iterator[tuple[str, str, dict[str, dict[int, str]]]]:
    """Board, release and chips of each board in the facts; an address without a bus gets bus 0."""
    by_board: dict[tuple[str, str], dict[str, dict[int, str]]] = defaultdict(lambda: defaultdict(dict))
    with (shared / "facts/jetson_rails.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            address = re.search(r"\d+-00\w\w", row["i2c"])
            plain = re.search(r"0x(\w\w)", row["i2c"])
            key = address[0] if address else f"0-00{plain[1]}" if plain else ""
            by_board[row["board"], row["l4t"]][key][int(row["channel_index"])] = row["rail_name"]
    for (board, release), chips in by_board.items():
        yield board, release, {address: dict(rails) for address, rails in chips.items()}


def test_every_board_of_the_facts(shared: Path, tmp_path: Path) -> None:
    totals = {
        "AGX Xavier": ["GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"],
        "AGX Orin": ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"],
        "Nano (4 GB)": ["POM_5V_IN"],
    }
    checked = set()
    for n, (board, release, chips) in enumerate(boards(shared)):
        root = tmp_path / str(n)
        if release in ("r34+", "r35+"):
            hwmon(root, chips)
        else:
            iio(root, chips, release)
        sensor = only(root)
        assert sensor.rails == [
            rail for address in sorted(chips) for rail in chips[address].values() if rail != "NC"
        ]
        assert sensor.total == totals.get(board, ["VDD_IN"]), board
        checked.add((board, release))
    assert len(checked) == 8


def test_a_chip_that_is_reached_through_two_paths_counts_once(tmp_path: Path) -> None:
    iio(tmp_path, TX2)
    devices = tmp_path / "sys/bus/i2c/devices"
    devices.mkdir(parents=True)
    for address in TX2:
        home = tmp_path / "sys/devices/3160000.i2c/i2c-0" / address
        (devices / address).symlink_to(home, target_is_directory=True)
        (home / "iio_device").symlink_to(next(home.glob("iio:device*")), target_is_directory=True)
    assert sorted(only(tmp_path).rails) == sorted(rail for rails in TX2.values() for rail in rails.values())


@pytest.mark.parametrize(
    ("mode", "settle_s", "said"), [(1, 1.7, "continuous"), (0, 0.0, "triggered"), (None, 1.7, "not told")]
)
def test_settling_follows_the_chips_mode(
    mode: int | None, settle_s: float, said: str, tmp_path: Path
) -> None:
    iio(tmp_path, TX2, mode=mode)
    sensor = only(tmp_path)
    assert sensor.settle_s == pytest.approx(settle_s)
    for chip in sensor.describe()["chips"]:
        assert chip["running_mode"] == mode
        assert said in chip["filter"]


def test_a_slower_round_of_the_kernels_driver_takes_longer_to_settle(tmp_path: Path) -> None:
    hwmon(tmp_path / "slow", ORIN, update_ms=844)
    hwmon(tmp_path / "fast", ORIN, update_ms=1)
    assert only(tmp_path / "slow").settle_s == pytest.approx(3.4)
    assert only(tmp_path / "fast").settle_s == pytest.approx(1.7)


def test_an_unknown_board_has_rails_and_no_total(tmp_path: Path) -> None:
    iio(tmp_path, {"3-0040": {0: "VDD_A", 1: "VDD_B"}})
    (sensor,), missing = find_rails(str(tmp_path))
    assert (sensor.rails, sensor.total) == (["VDD_A", "VDD_B"], [])
    assert missing == {
        "total": "unknown board: VDD_A, VDD_B have no known sum that is the whole module",
    }
    assert total_rails(["GPU", "CPU", "SOC"]) == [], "a part of AGX Xavier's six is not the whole"


def test_rails_that_cannot_be_read_are_named_and_take_the_total_with_them(tmp_path: Path) -> None:
    tree = iio(tmp_path, TX2)
    path = tree.rails["VDD_IN"]
    path.unlink()
    path.mkdir()  # also root fails to read a folder
    (sensor,), missing = find_rails(str(tmp_path))
    assert "VDD_IN" not in sensor.rails
    assert sensor.total == []
    named = tmp_path / "sys/bus/i2c/drivers/ina3221x/0-0041" / path.relative_to(path.parents[1])
    assert missing["ina3221"] == f"VDD_IN (is a directory: {named})"
    assert missing["total"].startswith("unknown board: ")


def test_a_file_without_a_number_is_not_zero(tmp_path: Path) -> None:
    tree = iio(tmp_path, NANO)
    write(tree.rails["POM_5V_IN"], "")
    _, missing = find_rails(str(tmp_path))
    assert "must hold a number, holds nothing" in missing["ina3221"]


def test_no_board() -> None:
    with tempfile.TemporaryDirectory() as root:
        sensors, missing = find_sensors(root)
        assert sensors == []
        assert set(missing) == {"ina3221", "tegrastats", "rapl"}


def as_nobody(code: str, root: str) -> str:
    """What code prints, run by a user who may not read what belongs to root or to us."""
    # all imports first: the interpreter's own folder may be closed to others, too
    drop = "import json, os, sys\nif os.geteuid() == 0: os.setegid(65534); os.seteuid(65534)\n"
    done = subprocess.run(
        [sys.executable, "-c", f"from analysis.board.sensors import find_sensors\n{drop}{code}", root],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def test_permission_denied_names_the_file_and_the_fix() -> None:
    # not in tmp_path: that is closed to other users
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        tree = hwmon(root, ORIN)
        for path in tree.rails.values():
            path.chmod(0)
        energy = root / "sys/class/powercap/intel-rapl:0/energy_uj"
        write(energy.parent / "name", "package-0")
        write(energy.parent / "max_energy_range_uj", 262143328850)
        write(energy, 1)
        energy.chmod(0)
        answer = json.loads(
            as_nobody("s, m = find_sensors(sys.argv[1])\nprint(json.dumps([len(s), m]))", folder)
        )
        assert answer[0] == 0
        assert re.match(r"VDD_GPU_SOC \(permission denied: /\S+/curr1_input\); VDD_", answer[1]["ina3221"])
        assert answer[1]["ina3221"].endswith("; as root: chmod a+r on it")
        assert answer[1]["rapl"].startswith(
            f"permission denied: {energy}; root alone may read it; a udev rule"
        )
        assert os.geteuid() != 0 or len(find_sensors(folder)[0]) == 2, "root reads what is closed to others"
