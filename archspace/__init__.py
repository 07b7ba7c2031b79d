"""archspace: search, measure, compare and export efficient vision networks of the ESPNet line.

The public names load what they need when first used, so that ``import archspace`` stays light. With those of the
other three packages they are the interface that stays:

- :mod:`archspace`: what a network is (:class:`ArchSpec`, :data:`presets`, :func:`build`, :func:`load`, :func:`export`);
- :mod:`analysis`: what it costs (``count``, ``measure``);
- :mod:`searches`: how networks are tried (``search``, ``train``, ``evaluate``);
- :mod:`reports`: what people see (``front``, ``trials``, ``plot_front``).

What the user did wrong is an :class:`InputError` with a message of one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archspace.support.errors import FieldError, InputError, SpecError
from archspace.support.lazy import lazy_names
from archspace.support.version import VERSION

if TYPE_CHECKING:
    from archspace.build import build, dead_parameters
    from archspace.checkpoint import load, save
    from archspace.export.export import export
    from archspace.presets import PRESETS as presets
    from archspace.published import load_published
    from archspace.spec.archspec import ArchSpec
    from archspace.support.plugins import load_plugins

__version__ = VERSION

__all__ = [
    "ArchSpec",
    "FieldError",
    "InputError",
    "SpecError",
    "build",
    "dead_parameters",
    "export",
    "load",
    "load_plugins",
    "load_published",
    "presets",
    "save",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "ArchSpec": "archspace.spec.archspec",
        "presets": "archspace.presets:PRESETS",
        "build": "archspace.build",
        "dead_parameters": "archspace.build",
        "load": "archspace.checkpoint",
        "save": "archspace.checkpoint",
        "load_published": "archspace.published",
        "export": "archspace.export.export",
        "load_plugins": "archspace.support.plugins",
    },
)
