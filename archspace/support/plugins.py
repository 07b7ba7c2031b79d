"""Code of other people that enters its own units, networks, decoders, layouts, ... into the registries.

A plug-in is a module, whose import registers what it brings, or an object with ``register()``. It is named by its
module (``ghostkit``) or by module and object (``ghostkit.entry:Kit``), and comes in by the entry-point group
``archspace.plugins`` of an installed package, a study's ``plugins``, ``--plugin`` of the command line, or
:func:`load_plugins`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, packages_distributions, version
from pathlib import Path
from typing import Any

from archspace.support.errors import FieldError, InputError

GROUP = "archspace.plugins"
"""The entry-point group."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plug-in in use.

    Attributes:
        module: what names it (``ghostkit``, ``ghostkit.entry:Kit``).
        version: of its distribution, or the module's ``__version__``; ``None`` where it has neither.
    """

    module: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.module} {self.version}" if self.version else self.module

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON and YAML; :func:`plugins_of` reads it."""
        return {"module": self.module, "version": self.version}


class PluginError(InputError):
    """A plug-in cannot be loaded; the message names it, the reason and what to do."""


_LOADED: dict[str, Plugin] = {}


def loaded_plugins() -> tuple[Plugin, ...]:
    """Returns the plug-ins of this process, in the order in which they were loaded."""
    return tuple(_LOADED.values())


def load_plugins(names: Iterable[str] | None = None) -> tuple[Plugin, ...]:
    """Loads plug-ins, each once a process.

    Args:
        names: modules (``ghostkit``), or objects in them (``ghostkit.entry:Kit``); left out, those of installed
            packages: the entry points of the group :data:`GROUP`.

    Returns:
        The plug-ins of these names.

    Raises:
        PluginError: one is missing, fails while it is imported, or registers a name that is taken.
    """
    if names is None:
        points = entry_points(group=GROUP)
        return tuple(_LOADED.get(point.value) or _load(point.value, point) for point in points)
    return tuple(_LOADED.get(name) or _load(name) for name in names)


@contextmanager
def made_with(plugins: Sequence[Plugin]) -> Iterator[None]:
    """Says which plug-in is missing where the block meets a name that is unknown without it.

    Args:
        plugins: those that something was made with.

    Raises:
        PluginError: a unit, network, decoder, ... is unknown, and some of ``plugins`` are not loaded.
    """
    try:
        yield
    except FieldError as error:
        missing = [one for one in plugins if one.module not in _LOADED]
        if not missing or not error.rule.startswith("unknown"):
            raise
        names = " and ".join(map(str, missing))
        options = " ".join(f"--plugin {one.module}" for one in missing)
        rule = f"needs the plug-in {names}, which is not loaded; install it and give {options}"
        raise PluginError(f"{error.field}: {error.value!r}: {rule}") from error


@contextmanager
def plugins_noted_in(path: Path) -> Iterator[None]:
    """Loads the plug-ins that a study's or a training's YAML file names, where they can be, for the block.

    Raises:
        PluginError: as :func:`made_with`, of those that cannot be loaded.
    """
    from archspace.support.yaml_text import read_yaml

    plugins: tuple[Plugin, ...] = ()
    with suppress(InputError):
        data = read_yaml(path)
        plugins = plugins_of(data.get("plugins") if isinstance(data, dict) else None)
    for one in plugins:
        with suppress(PluginError):
            load_plugins([one.module])
    with made_with(plugins):
        yield


def plugins_of(data: object) -> tuple[Plugin, ...]:
    """Returns the plug-ins that a study, a training or a checkpoint names as plain data.

    Args:
        data: a list of modules, or of mappings with ``module`` and ``version``; anything else names none.
    """
    plugins = []
    for one in data if isinstance(data, list | tuple) else ():
        if isinstance(one, str):
            plugins.append(Plugin(one))
        elif isinstance(one, dict) and isinstance(one.get("module"), str):
            plugins.append(Plugin(one["module"], one.get("version")))
    return tuple(plugins)


def _load(name: str, point: EntryPoint | None = None) -> Plugin:
    module, _, attribute = name.partition(":")
    try:
        loaded = import_module(module)
        for part in filter(None, attribute.split(".")):
            loaded = getattr(loaded, part)
        register = getattr(loaded, "register", None)
        own = bool(attribute) or getattr(register, "__module__", None) == module  # not one that it imported
        if callable(register) and own:
            register()
        elif attribute:
            raise TypeError(f"{name} has no register()")
    except Exception as error:
        raise PluginError(
            f"plug-in {name!r}: {_reason(module, error)}{_advice(module, error, point)}"
        ) from error
    installed = point.dist.version if point is not None and point.dist is not None else None
    plugin = Plugin(name, installed or _version(module))
    _LOADED[name] = plugin
    return plugin


def _reason(module: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
        return "there is no such module"
    return f"cannot be loaded: {type(error).__name__}: {' '.join(str(error).split())}"


def _advice(module: str, error: Exception, point: EntryPoint | None) -> str:
    if point is not None and point.dist is not None:
        return f"; mend or uninstall the package {point.dist.name}"
    if isinstance(error, ModuleNotFoundError):
        missing = error.name or module
        return f"; install {missing.partition('.')[0]}, or put its folder on PYTHONPATH"
    return "; mend it, or leave it out"


def _version(module: str) -> str | None:
    """The module's own version, else that of the distribution that it comes from."""
    top = module.partition(".")[0]
    own = getattr(import_module(top), "__version__", None)
    if isinstance(own, str):
        return own
    for name in packages_distributions().get(top, ()):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None
