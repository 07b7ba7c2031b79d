"""Public names of a package that load what they need when first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from archspace.support.shadowing import require_ours

_HOMES: dict[str, Mapping[str, str]] = {}


def home_of(package: str, name: str) -> tuple[str, str]:
    """Returns the module that defines a public name of a package of ours, and what it is called there."""
    module, _, attribute = _HOMES.get(package, {}).get(name, package).partition(":")
    return module, attribute or name


def lazy_names(
    package: str, homes: Mapping[str, str], needs: tuple[str, ...] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns the ``__getattr__`` and ``__dir__`` of a package whose names are imported on first use.

    ``__all__`` lists them.

    Importing a submodule that is called like a public name (``archspace.export``) does not hide the name.

    Args:
        package: its ``__name__``.
        homes: public name -> module that defines it, or ``module:attribute`` where it has another name there.
        needs: other packages of ours that the homes import; one that a folder of the user's hides is an
            :class:`~archspace.support.errors.InputError` in one line.
    """

    _HOMES[package] = homes

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        require_ours(*needs)
        module, _, attribute = homes[name].partition(":")
        value = getattr(import_module(module), attribute or name)
        vars(sys.modules[package])[name] = value
        return value

    def listed() -> list[str]:
        return sorted(vars(sys.modules[package])["__all__"])

    class LazyPackage(ModuleType):
        def __setattr__(self, name: str, value: object) -> None:
            if not (name in homes and isinstance(value, ModuleType)):
                super().__setattr__(name, value)

    sys.modules[package].__class__ = LazyPackage
    return load, listed
