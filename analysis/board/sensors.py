"""The power sensors of this machine."""

import functools
import importlib
from typing import Callable, Iterable

from analysis.board.base import Sensor, SensorListing
from analysis.board.rails import find_rails
from analysis.board.rapl import find_rapl
from analysis.board.tegrastats import find_tegrastats

__all__ = ["Sensor", "find_sensors"]


def find_sensors(root: str = "/", extra: Iterable[str] = ()) -> SensorListing:
    """Returns the sensors that can be read, and what is missing.

    Args:
        root: before every path; tests give a tree of files.
        extra: finders beyond those of this package, as ``module:function`` or ``module:function:argument``; each is
            called with the argument, if any, and returns the like of this function.

    Returns:
        Sensors, and by name of what cannot be read, why: ``{"rapl": "permission denied: ..."}``.
    """
    sensors, missing = find_rails(root)
    if not sensors:
        # It reads the same chips, more slowly: of use only where their files cannot be read.
        sensors, without = find_tegrastats(root)
        missing.update(without)
    finders = [functools.partial(find_rapl, root)] + [_finder(name) for name in extra]
    for finder in finders:
        more, without = finder()
        sensors += more
        missing.update(without)
    return sensors, missing


def _finder(dotted: str) -> Callable[[], SensorListing]:
    module, function, *arguments = dotted.split(":", 2)
    return functools.partial(getattr(importlib.import_module(module), function), *arguments)
