"""Which machine this is, told apart from others of the same host name."""

from __future__ import annotations

import os
import platform
import re
from functools import cache
from pathlib import Path

MACHINE_VARIABLE = "ARCHSPACE_MACHINE"
"""Environment variable that names this machine; processes of one name share a kernel, its locks and its files."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def machine() -> str:
    """Returns the name of this machine: ``ARCHSPACE_MACHINE`` where it is set, else host name and boot.

    Containers have the host names that they are given, often all the same one, so the boot of the kernel belongs to it.
    """
    return os.environ.get(MACHINE_VARIABLE) or _own()


def machine_folder() -> str:
    """Returns the machine's name as that of a folder: ``ARCHSPACE_MACHINE`` where it is set, else the host name."""
    return re.sub(r"[^\w.-]", "_", os.environ.get(MACHINE_VARIABLE) or platform.node()) or "here"


@cache
def _own() -> str:
    host = platform.node() or "unknown"
    try:
        return f"{host}/{BOOT_ID.read_text(encoding='ascii').strip()[:8]}"
    except OSError:
        return host
