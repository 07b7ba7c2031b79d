"""What a network costs, and which networks win.

The public names load what they need when first used:

- :func:`count`: exact parameters, MACs and memory of a spec, without building it;
- :func:`measure`: latency, power and energy of a network on a device, taken as :class:`Settings` say;
- :func:`read_run`: the trials of a study's run folder, with every number and its origin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archspace.support.lazy import lazy_names

if TYPE_CHECKING:
    from analysis.counts.complexity import count
    from analysis.devices.measure import measure
    from analysis.devices.settings import Settings
    from analysis.store.runs import read_run

__all__ = ["Settings", "count", "measure", "read_run"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Settings": "analysis.devices.settings",
        "count": "analysis.counts.complexity",
        "measure": "analysis.devices.measure",
        "read_run": "analysis.store.runs",
    },
)
