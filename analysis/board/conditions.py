"""The state of the machine that a measurement is taken in: clocks, power mode, temperature, load."""

import errno
import re
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional

from analysis.board.base import below, number, text, why

GPU_NAMES = ("gp10b", "gv11b", "ga10b", "gpu")
GPU_FOLDERS = ("sys/devices/*.gp10b/devfreq/*", "sys/devices/gpu.0/devfreq/*", "sys/devices/*.gpu/devfreq/*")
EMC_RATES = ("sys/kernel/debug/bpmp/debug/clk/emc/rate", "sys/kernel/debug/clk/emc/clk_rate")
EMC_CAP = "sys/kernel/nvpmodel_emc_cap/emc_iso_cap"
OFF_C = -256.0
NVPMODEL_S = 5.0
CLOCKS = ("gpu_mhz", "emc_mhz")


def conditions(root: str = "/") -> Dict[str, Any]:
    """Returns what can be read of the machine's state; what cannot is named under ``missing`` and absent else.

    Args:
        root: before every path; tests give a tree of files.

    Returns:
        ``model`` of the board, ``l4t`` release (``R32.7.1``), ``power_mode``, ``cpu_mhz`` and ``governor`` of the CPU
        (of each core, and joined by commas where cores differ), ``gpu_mhz``, ``gpu_governor``, ``gpu_load`` in percent,
        ``emc_mhz`` and ``emc_cap_mhz`` of the memory, ``temperature_c`` by zone, ``load_average`` of one minute, and
        ``missing``.
    """
    readings: Dict[str, Any] = {}
    missing: Dict[str, str] = {}
    for name, read in READERS.items():
        try:
            reading = read(root)
        except OSError as error:
            missing[name] = why(error)
        else:
            readings[name] = reading
    readings["temperature_c"] = _temperatures(root, missing)
    if not readings["temperature_c"]:
        del readings["temperature_c"]
        missing.setdefault("temperature_c", "no {}".format(below(root, "sys/class/thermal/thermal_zone*")))
    readings["missing"] = missing
    return readings


def drift(before: Mapping[str, Any], after: Mapping[str, Any]) -> Dict[str, float]:
    """Change of every clock that both have, as a share of what it was: -0.5 is half the clock.

    A clock that stood still before (an idle GPU is switched off) has no such share and is left out.
    """
    pairs = {name: (before.get(name), after.get(name)) for name in CLOCKS}
    for core, mhz in before.get("cpu_mhz", {}).items():
        pairs[core] = (mhz, after.get("cpu_mhz", {}).get(core))
    return {name: new / old - 1 for name, (old, new) in pairs.items() if old and new is not None}


def _model(root: str) -> str:
    return text(below(root, "proc/device-tree/model"))


def _l4t(root: str) -> str:
    path = below(root, "etc/nv_tegra_release")
    said = text(path)
    match = re.search(r"R(\d+).*?REVISION: ([\d.]+)", said)
    if not match:
        raise OSError(errno.EIO, "no release in it", str(path))
    return "R{}.{}".format(*match.groups())


def _power_mode(root: str) -> str:
    program = below(root, "usr/sbin/nvpmodel")
    if not program.exists():
        raise OSError(errno.ENOENT, "no such file", str(program))
    try:
        done = subprocess.run(
            [str(program), "-q"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=NVPMODEL_S,
        )
    except subprocess.TimeoutExpired:
        raise OSError(errno.ETIMEDOUT, "no answer in {:g} s".format(NVPMODEL_S), str(program)) from None
    said = done.stdout.decode("utf-8", "replace")
    match = re.search(r"NV Power Mode:\s*(\S+)", said)
    if not match:
        complaint = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise OSError(errno.EIO, complaint[-1] if complaint else "names no power mode", str(program))
    return match.group(1)


def _cores(root: str, name: str) -> Dict[str, Path]:
    """A file of every core that has it (cores that are off have none)."""
    folder = below(root, "sys/devices/system/cpu")
    files = {path.parts[-3]: path for path in folder.glob("cpu[0-9]*/cpufreq/" + name)}
    if not files:
        raise OSError(errno.ENOENT, "no such file", str(folder / "cpu*/cpufreq" / name))
    return {core: files[core] for core in sorted(files, key=lambda core: int(core[3:]))}


def _cpu_mhz(root: str) -> Dict[str, float]:
    try:
        return {core: number(path) / 1e3 for core, path in _cores(root, "scaling_cur_freq").items()}
    except OSError as error:
        lines = text(below(root, "proc/cpuinfo")).splitlines() if below(root, "proc/cpuinfo").exists() else []
        speeds = [line.partition(":")[2] for line in lines if line.startswith("cpu MHz")]
        if not speeds:
            raise error
        return {"cpu{}".format(n): float(mhz) for n, mhz in enumerate(speeds)}


def _governor(root: str) -> str:
    return ",".join(sorted({text(path) for path in _cores(root, "scaling_governor").values()}))


def gpu_clock(root: str) -> Path:
    """Returns the folder of the GPU's clock.

    Raises:
        OSError: there is none.
    """
    for folder in sorted(below(root, "sys/class/devfreq").glob("*")):
        try:
            if text(folder / "device/of_node/name") in GPU_NAMES:
                return folder
        except OSError:
            continue
    for pattern in GPU_FOLDERS:
        for folder in sorted(Path(root).glob(pattern)):
            return folder
    raise OSError(errno.ENOENT, "no clock of a Jetson's GPU", str(below(root, "sys/class/devfreq")))


def _gpu_mhz(root: str) -> float:
    return number(gpu_clock(root) / "cur_freq") / 1e6


def _gpu_governor(root: str) -> str:
    return text(gpu_clock(root) / "governor")


def _gpu_load(root: str) -> float:
    folder = gpu_clock(root)
    for path in (folder / "device/load", folder.parent.parent / "load"):
        if path.exists():
            return number(path) / 10
    raise OSError(errno.ENOENT, "no such file", str(folder / "device/load"))


def _emc_mhz(root: str) -> float:
    refused: Optional[OSError] = None
    for path in EMC_RATES:
        try:
            return number(below(root, path)) / 1e6
        except OSError as error:
            refused = refused if isinstance(refused, PermissionError) else error
    assert refused is not None
    raise refused


def _emc_cap_mhz(root: str) -> float:
    return number(below(root, EMC_CAP)) / 1e6


def _load_average(root: str) -> float:
    return number(below(root, "proc/loadavg"))


READERS = {
    "model": _model,
    "l4t": _l4t,
    "power_mode": _power_mode,
    "cpu_mhz": _cpu_mhz,
    "governor": _governor,
    "gpu_mhz": _gpu_mhz,
    "gpu_governor": _gpu_governor,
    "gpu_load": _gpu_load,
    "emc_mhz": _emc_mhz,
    "emc_cap_mhz": _emc_cap_mhz,
    "load_average": _load_average,
}


def _zones(root: str) -> Iterator[Path]:
    for folder in ("sys/class/thermal", "sys/devices/virtual/thermal"):
        zones: List[Path] = sorted(below(root, folder).glob("thermal_zone*"))
        if zones:
            return iter(zones)
    return iter(())


def _temperatures(root: str, missing: Dict[str, str]) -> Dict[str, float]:
    """Degrees by zone; zones without power are left out, those that cannot be read are named."""
    readings: Dict[str, float] = {}
    for zone in _zones(root):
        try:
            name, degrees = text(zone / "type"), number(zone / "temp") / 1e3
        except OSError as error:
            missing["temperature_c " + zone.name] = why(error)
            continue
        if degrees != OFF_C:
            readings[name if name not in readings else "{} {}".format(name, zone.name)] = degrees
    return readings
