"""A name -> class table that refuses duplicates and names what it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from archspace.support.errors import FieldError, closest

T = TypeVar("T")
D = TypeVar("D")


class Registry(Mapping[str, T], Generic[T]):
    """An append-only mapping from names to classes or functions.

    Args:
        field: what the names stand for, used in the error message (``unit``, ``network``).
    """

    def __init__(self, field: str) -> None:
        self.field = field
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that enters a class or function under ``name``.

        Raises:
            ValueError: the name is taken.
        """

        def enter(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.field} {name!r} is registered twice")
            self._entries[name] = entry
            return entry

        return enter

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            raise FieldError(
                self.field, name, f"unknown {self.field}", closest(str(name), sorted(self._entries))
            ) from None

    def get(self, name: object, default: D | None = None) -> T | D | None:  # type: ignore[override]
        """Returns the entry called ``name``, or ``default``."""
        return self._entries.get(name, default) if isinstance(name, str) else default

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
