"""archspace: search, measure, compare and export efficient vision networks of the ESPNet line.

The public names load what they need when first used, so that ``import archspace`` stays light.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from archspace.support.errors import FieldError, InputError, SpecError
from archspace.support.version import VERSION

if TYPE_CHECKING:
    from archspace.build import build, dead_parameters
    from archspace.checkpoint import load, save
    from archspace.export.export import export
    from archspace.presets import PRESETS as presets
    from archspace.published import load_published
    from archspace.spec.archspec import ArchSpec

__version__ = VERSION

_HOMES = {
    "ArchSpec": ("archspace.spec.archspec", "ArchSpec"),
    "presets": ("archspace.presets", "PRESETS"),
    "build": ("archspace.build", "build"),
    "dead_parameters": ("archspace.build", "dead_parameters"),
    "load": ("archspace.checkpoint", "load"),
    "save": ("archspace.checkpoint", "save"),
    "load_published": ("archspace.published", "load_published"),
    "export": ("archspace.export.export", "export"),
}

__all__ = [
    "ArchSpec",
    "FieldError",
    "InputError",
    "SpecError",
    "build",
    "dead_parameters",
    "export",
    "load",
    "load_published",
    "presets",
    "save",
]


def __getattr__(name: str) -> Any:
    """A public name, imported from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'archspace' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


class _Package(ModuleType):
    """This package: importing its submodule ``build`` or ``export`` must not hide the function of that name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
