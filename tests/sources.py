"""The packages' sources as data: modules, what each imports, circles among them, and imports behind a wall."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.commands import ROOT, Ran, python

PACKAGES = ("archspace", "analysis", "searches", "reports")
TORCH = ("torch", "torchvision", "fvcore", "thop", "torchmetrics", "safetensors")
"""Torch, and what imports it."""


def module_name(path: Path) -> str:
    """Dotted name of a file of the checkout."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports anywhere, also inside functions and for type checkers only."""
    own = module_name(path)
    package = own if path.name == "__init__.py" else own.rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            # "from archspace import spec" names a module, "from archspace.spec.archspec import ArchSpec" a part.
            yield from (f"{base}.{alias.name}" for alias in node.names)


def home(dotted: str) -> str:
    """The module of ours that an imported dotted name comes from, or an empty text."""
    parts = dotted.split(".")
    while parts and ".".join(parts) not in MODULES:
        parts.pop()
    return ".".join(parts)


def below(*packages: str) -> list[str]:
    """The modules of these names, and those inside them."""
    return [name for name in MODULES if any(name == p or name.startswith(f"{p}.") for p in packages)]


def import_graph() -> dict[str, set[str]]:
    """For every module, the other modules of ours that it imports."""
    return {name: {home(d) for d in imports(path)} - {"", name} for name, path in MODULES.items()}


def circles(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Circles in a graph of imports, one each as ``a -> b -> a``; each is opened at its last step to find the next."""
    left = {name: set(targets) for name, targets in graph.items()}
    cycles: list[str] = []
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            ring = error.args[1][
                :0:-1
            ]  # it lists what is imported before what imports it, the first one twice
            first = ring.index(min(ring))
            steps = [*ring[first:], *ring[: first + 1]]
            cycles.append(" -> ".join(steps))
            left[steps[-2]].discard(steps[-1])
        else:
            return cycles


WALL = """
import importlib, sys
from importlib.abc import MetaPathFinder
BLOCKED = {blocked!r}
class Wall(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{{name}} must not be imported here", name=name)
sys.meta_path.insert(0, Wall())
"""
"""The beginning of a program in which some packages cannot be imported."""


def without(blocked: Iterable[str], program: str, *arguments: object) -> Ran:
    """Runs a program in an interpreter that has none of ``blocked``."""
    return python(WALL.format(blocked=tuple(blocked)) + program, *arguments)


def imported_without(blocked: Iterable[str], names: Iterable[str]) -> None:
    """Asserts that the modules ``names`` can be imported in an interpreter that has none of ``blocked``."""
    program = """
refused = []
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        refused.append(f"{name}: {type(error).__name__}: {error}")
loaded = sorted(set(BLOCKED) & {name.split(".")[0] for name in sys.modules})
sys.exit("\\n".join([*refused, *(f"loaded: {name}" for name in loaded)]) or 0)
"""
    ran = without(blocked, program, *names)
    assert ran.returncode == 0, ran.stderr.strip()[-2000:]
