"""A name -> entry table that refuses duplicates and names what it knows; outside code may promise entries to it.

A *promise* (:func:`later`) names the registry, the entry and the module that enters it. The module is imported when
the entry is asked for, so that a plug-in costs a command nothing that the command does not use.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar

from archspace.support.errors import FieldError, InputError, closest

T = TypeVar("T")
D = TypeVar("D")

_PROMISED: dict[str, dict[str, str]] = {}
"""By a registry's field: entry -> the module that enters it."""


def later(field: str, name: str, module: str) -> None:
    """Promises the entry ``name`` to the registry of ``field``; ``module`` enters it when it is imported.

    Args:
        field: what the names stand for, as in :attr:`Registry.field` (``unit``, ``block``, ``data.layout``).
        name: of the entry.
        module: dotted name of the module; it is imported when the entry is first asked for.

    Raises:
        ValueError: another module has promised an entry of that name.
    """
    promised = _PROMISED.setdefault(field, {})
    if promised.get(name, module) != module:
        raise ValueError(f"{field} {name!r} is promised twice: by {promised[name]} and by {module}")
    promised[name] = module


def import_all(package: str, path: Iterable[str], first: tuple[str, ...] = ()) -> None:
    """Imports every module of ``package``, so that a file put there is known without being named anywhere.

    Args:
        package: its dotted name.
        path: its ``__path__``.
        first: modules that are imported before the others, which come in alphabetical order.
    """
    for name in (*first, *sorted(info.name for info in pkgutil.iter_modules(path))):
        import_module(f"{package}.{name}")


class Registry(Mapping[str, T], Generic[T]):
    """An append-only mapping from names to classes, functions or designs.

    Args:
        field: what the names stand for, used in the error message (``unit``, ``network``) and by :func:`later`.
    """

    def __init__(self, field: str) -> None:
        self.field = field
        self._entries: dict[str, T] = {}

    def register(self, *names: str) -> Callable[[T], T]:
        """Returns decorator that enters a class, function or design under one name or several.

        Raises:
            ValueError: a name is taken; nothing is entered then.
        """

        def enter(entry: T) -> T:
            for name in names:
                if name in self._entries:
                    raise ValueError(f"{self.field} {name!r} is registered twice")
            self._entries |= dict.fromkeys(names, entry)
            return entry

        return enter

    def _promised(self) -> list[str]:
        """Names that are promised and not yet entered."""
        return [name for name in _PROMISED.get(self.field, ()) if name not in self._entries]

    def _fulfil(self, name: str) -> T:
        """The entry that a module has promised.

        Raises:
            InputError: the module cannot be imported, or does not enter it.
        """
        module = _PROMISED[self.field][name]
        try:
            import_module(module)
        except InputError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise InputError(f"{self.field} {name!r}: {module} cannot be imported: {reason}") from error
        if name not in self._entries:
            raise InputError(f"{self.field} {name!r}: {module} promises it and does not register it")
        return self._entries[name]

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            if name in self:
                return self._fulfil(name)
            raise FieldError(
                self.field, name, f"unknown {self.field}", closest(str(name), sorted(self))
            ) from None

    def get(self, name: object, default: D | None = None) -> T | D | None:  # type: ignore[override]
        """Returns the entry called ``name``, or ``default``."""
        return self._entries.get(name, default) if isinstance(name, str) else default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self._entries or name in _PROMISED.get(self.field, ()))

    def __iter__(self) -> Iterator[str]:
        return iter([*self._entries, *self._promised()])

    def __len__(self) -> int:
        return len(self._entries) + len(self._promised())
