"""A power sensor, and how the small files of the kernel are read."""

import errno
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Dict, List, Tuple

SensorListing = Tuple[List["Sensor"], Dict[str, str]]
"""Sensors that can be read, and by name of what cannot, why."""


class Sensor(ABC):
    """Something that tells watts.

    Attributes:
        name: ``ina3221``, ``rapl``, ``nvml`` or ``tegrastats``.
        rails: what it tells the power of.
        total: rails whose sum is the whole device; empty if that cannot be said.
        settle_s: seconds of steady load before a sample tells the load and not what was before.
    """

    name = ""
    rails: List[str] = []
    total: List[str] = []
    settle_s = 0.0

    @abstractmethod
    def read(self) -> Dict[str, float]:
        """Returns watts now, by rail.

        Raises:
            OSError: the sensor has gone, or may no longer be read.
        """

    def describe(self) -> Dict[str, Any]:
        """Returns how the watts come about: paths, driver, filter; plain data for JSON, without serial numbers."""
        return {"name": self.name, "rails": self.rails, "total": self.total, "settle_s": self.settle_s}

    def close(self) -> None:  # noqa: B027 (most sensors need nothing)
        """Ends what reading needed."""


def below(root: str, path: str) -> Path:
    """Returns a path of the system under another root, as tests have one."""
    return Path(root) / path.lstrip("/")


def text(path: Path) -> str:
    """Returns what a small file says, without the line's end.

    Raises:
        OSError: it cannot be read.
    """
    return path.read_text(encoding="utf-8", errors="replace").strip("\x00 \t\r\n")


def number(path: Path) -> float:
    """Returns the number at the start of a small file; a unit after it is left out (``32760 ma``).

    Raises:
        OSError: it cannot be read, or holds no number.
    """
    words = text(path).split()
    try:
        return float(words[0])
    except (IndexError, ValueError):
        content = " ".join(words) or "nothing"
        raise OSError(errno.EIO, "must hold a number, holds {}".format(content), str(path)) from None


def why(error: OSError) -> str:
    """Returns one line for a file that could not be read: ``permission denied: /sys/...``."""
    said = error.strerror or str(error) or type(error).__name__
    if said[1:2].islower():
        said = said[0].lower() + said[1:]
    return said if error.filename is None else "{}: {}".format(said, error.filename)
