"""From the text of ``--device`` to the device."""

from __future__ import annotations

from analysis.devices.base import Device
from archspace.support.errors import FieldError


def open_device(name: str) -> Device:
    """Returns the device of a ``--device``: ``cpu``, ``cuda``, ``cuda:N`` or ``ssh://[user@]host[:port]``.

    Raises:
        FieldError: no such device.
    """
    if name.startswith("ssh://"):
        from analysis.devices.ssh import SshDevice

        return SshDevice(name)
    if name == "cpu" or name == "cuda" or name.startswith("cuda:"):
        from analysis.devices.local import LocalDevice

        return LocalDevice(name)
    raise FieldError("device", name, "must be cpu, cuda, cuda:N or ssh://[user@]host[:port]", "cpu")
