"""Power, energy, clocks and temperature of an NVIDIA GPU with a driver of its own (not a Jetson's), by NVML."""

from __future__ import annotations

import errno
from collections.abc import Callable
from types import ModuleType
from typing import Any

from analysis.board.base import Sensor, SensorListing

RAIL = "gpu"
FIX = "pip install 'archspace[cuda]'"

INSTANT = "POWER_INSTANT"
USAGE = "nvmlDeviceGetPowerUsage"
AVERAGING_S = {INSTANT: 0.0, USAGE: 1.0}
"""Seconds that a reading is the mean of. NVML's documentation gives the second for Ampere (except GA100) and newer;
older GPUs show the moment, which needs less time to settle and is not harmed by more."""

MARGIN_S = 0.25
"""Beyond the averaging: how long the driver keeps one reading."""


class NvmlSensor(Sensor):
    """The board power of one GPU."""

    name = "nvml"

    def __init__(self, device: str = "0") -> None:
        """Opens NVML.

        Args:
            device: NVML's index, a PCI bus id (``0000:01:00.0``) or ``GPU-...``. CUDA may count GPUs otherwise
                (``CUDA_VISIBLE_DEVICES``, ``CUDA_DEVICE_ORDER``), so whoever knows the GPU from CUDA gives one of
                the latter two.

        Raises:
            OSError: no library, driver or such GPU, or its power cannot be read.
        """
        try:
            import pynvml
        except ImportError:
            raise OSError(errno.ENOENT, f"nvidia-ml-py is not installed: {FIX}") from None
        self._nvml: ModuleType = pynvml
        self._asked(pynvml.nvmlInit)
        self._handle = self._asked(_handle, pynvml, device)
        self.rails = [RAIL]
        self.total = [RAIL]
        self.source = INSTANT
        try:
            self._instant()
        except OSError:
            self.source = USAGE
            self.read()
        self.settle_s = AVERAGING_S[self.source] + MARGIN_S

    def read(self) -> dict[str, float]:
        """Returns watts of the whole card, by its one rail."""
        if self.source == INSTANT:
            return {RAIL: self._instant()}
        return {RAIL: self._asked(self._nvml.nvmlDeviceGetPowerUsage, self._handle) / 1e3}

    def total_energy_j(self) -> float:
        """Returns joules since the driver was loaded: take differences.

        Raises:
            OSError: the GPU has no such counter (those before Volta).
        """
        return float(self._asked(self._nvml.nvmlDeviceGetTotalEnergyConsumption, self._handle)) / 1e3

    def state(self) -> dict[str, Any]:
        """``gpu_mhz``, ``memory_mhz``, ``temperature_c``, ``energy_counter_j``; ``missing`` says why one is absent."""
        nvml = self._nvml
        readers: dict[str, Callable[[], float]] = {
            "gpu_mhz": lambda: self._asked(nvml.nvmlDeviceGetClockInfo, self._handle, nvml.NVML_CLOCK_SM),
            "memory_mhz": lambda: self._asked(nvml.nvmlDeviceGetClockInfo, self._handle, nvml.NVML_CLOCK_MEM),
            "temperature_c": lambda: self._asked(
                nvml.nvmlDeviceGetTemperature, self._handle, nvml.NVML_TEMPERATURE_GPU
            ),
            "energy_counter_j": self.total_energy_j,
        }
        readings: dict[str, Any] = {}
        missing: dict[str, str] = {}
        for name, reader in readers.items():
            try:
                readings[name] = float(reader())
            except OSError as error:
                missing[name] = str(error.strerror)
        return {**readings, "missing": missing}

    def describe(self) -> dict[str, Any]:
        """Returns the GPU's model, the driver's version, what is read and over what time, and :meth:`state`."""
        averaging = AVERAGING_S[self.source]
        return {
            **super().describe(),
            "model": self._asked(self._nvml.nvmlDeviceGetName, self._handle),
            "driver": self._asked(self._nvml.nvmlSystemGetDriverVersion),
            "source": self.source,
            "filter": f"mean of {averaging:g} s" if averaging else "the moment",
            **self.state(),
        }

    def close(self) -> None:
        """Closes NVML."""
        self._asked(self._nvml.nvmlShutdown)

    def _instant(self) -> float:
        (value,) = self._asked(
            self._nvml.nvmlDeviceGetFieldValues, self._handle, [self._nvml.NVML_FI_DEV_POWER_INSTANT]
        )
        if value.nvmlReturn != self._nvml.NVML_SUCCESS:
            raise OSError(errno.ENOTSUP, f"{INSTANT}: status {value.nvmlReturn}")
        return float(value.value.uiVal) / 1e3

    def _asked(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except self._nvml.NVMLError as error:
            raise OSError(errno.EIO, f"NVIDIA driver: {error}") from None


def find(device: str = "0") -> SensorListing:
    """Returns the GPU's sensor, or under ``nvml`` why there is none.

    The sampling process takes it as ``analysis.devices.nvml:find`` or ``analysis.devices.nvml:find:DEVICE``
    (:class:`analysis.board.sampling.Sampler`).
    """
    try:
        return [NvmlSensor(device)], {}
    except OSError as error:
        return [], {"nvml": str(error.strerror)}


def _handle(nvml: ModuleType, device: str) -> Any:
    if device.isdigit():
        return nvml.nvmlDeviceGetHandleByIndex(int(device))
    if device.startswith("GPU-"):
        return nvml.nvmlDeviceGetHandleByUUID(device)
    return nvml.nvmlDeviceGetHandleByPciBusId(device)
