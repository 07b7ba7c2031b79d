"""The rules of DESIGN.md about files and imports; a new module is held to them without being named here."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("archspace", "analysis", "searches", "reports")
DOOR = "archspace.__main__"
"""The one module that may import in every direction."""

ALLOWED = {
    "archspace": set(),
    "analysis": {"archspace"},
    "searches": {"archspace", "analysis"},
    "reports": {"archspace", "analysis"},
}
LONGEST = 300


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def imports(name: str) -> Iterator[str]:
    """Dotted names that a module imports anywhere, also inside functions and for type checkers."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree(name)):
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
    """The module of ours that an imported dotted name comes from."""
    parts = dotted.split(".")
    while parts and ".".join(parts) not in MODULES:
        parts.pop()
    return ".".join(parts)


def test_the_four_packages_are_there() -> None:
    assert {name.split(".")[0] for name in MODULES} == set(PACKAGES)
    assert DOOR in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_one_way(name: str) -> None:
    own = name.split(".")[0]
    for dotted in imports(name):
        top = dotted.split(".")[0]
        assert top != "tests", f"{name} imports {dotted}"
        if top in PACKAGES and top != own and name != DOOR:
            assert top in ALLOWED[own], f"{name} imports {dotted}"


# The parts of archspace that need no torch; reports may use these and nothing else of it.
LIGHT = (
    "archspace.spec.archspec",
    "archspace.spec.naming",
    "archspace.presets",
    "archspace.plan",
    "archspace.support",
)


@pytest.mark.parametrize("name", [name for name in MODULES if name.split(".")[0] == "reports"])
def test_reports_use_only_the_light_parts_of_archspace(name: str) -> None:
    for dotted in imports(name):
        if dotted.split(".")[0] == "archspace":
            public = {
                "archspace.ArchSpec": "archspace.spec.archspec",
                "archspace.presets": "archspace.presets",
            }
            module = public.get(dotted) or home(dotted)
            assert any(module == light or module.startswith(f"{light}.") for light in LIGHT), (
                f"{name}: {dotted}"
            )


@pytest.mark.parametrize("name", MODULES)
def test_only_searches_imports_optuna(name: str) -> None:
    if name.split(".")[0] != "searches":
        assert not [
            dotted for dotted in imports(name) if dotted.split(".")[0] in ("optuna", "optuna_dashboard")
        ]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_a_docstring_and_fits_on_a_few_screens(name: str) -> None:
    assert ast.get_docstring(tree(name)), f"{name} has no docstring"
    lines = len(MODULES[name].read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{name} has {lines} lines"


@pytest.mark.parametrize("name", MODULES)
def test_no_module_leaves_the_program_or_swallows_everything(name: str) -> None:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{name}:{node.lineno}: bare except"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and name != DOOR:
            assert node.func.id not in ("exit", "quit"), f"{name}:{node.lineno}: {node.func.id}()"


def imported_without(blocked: tuple[str, ...], names: list[str]) -> None:
    """Imports ``names`` in a fresh interpreter that has none of ``blocked``."""
    code = f"""
import importlib, sys
from importlib.abc import MetaPathFinder
class Wall(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"{{name}} must not be imported here", name=name)
sys.meta_path.insert(0, Wall())
for name in {names!r}:
    try:
        importlib.import_module(name)
    except Exception as error:
        sys.exit(f"{{name}}: {{type(error).__name__}}: {{error}}")
loaded = set({blocked!r}) & {{m.split(".")[0] for m in sys.modules}}
sys.exit(f"loaded: {{sorted(loaded)}}" if loaded else 0)
"""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, cwd=ROOT,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr.strip()[-2000:]


TORCH = ("torch", "torchvision", "fvcore", "thop", "torchmetrics", "safetensors")


def below(package: str) -> list[str]:
    return [name for name in MODULES if name == package or name.startswith(f"{package}.")]


@pytest.mark.parametrize(
    "name",
    [
        "archspace", "archspace.spec.archspec", "archspace.presets", "archspace.support.errors",
        "archspace.spec.resolve",
        "archspace.class_names", "analysis.store.records", "analysis.fronts.pareto",
        "analysis.store.runs", "analysis.counts.complexity",
        "analysis.drawing.curves", "analysis.drawing.figure_files", "analysis.predictors.record",
        "analysis.predictors.spaces",
    ],
)  # fmt: skip
def test_data_about_networks_needs_no_torch(name: str) -> None:
    assert name in MODULES
    imported_without(TORCH, [name])


def test_plans_need_neither_torch_nor_any_other_heavy_package() -> None:
    heavy = (*TORCH, "numpy", "pandas", "plotly", "optuna", "yaml")
    imported_without(heavy, [*below("archspace.plan"), "archspace.spec.archspec", "archspace.presets"])


def test_all_of_reports_needs_no_torch_and_no_optuna() -> None:
    imported_without((*TORCH, "optuna"), below("reports"))


def test_the_door_opens_without_heavy_packages() -> None:
    """``archspace --help`` is quick because a command imports what it needs when it runs."""
    imported_without((*TORCH, "pandas", "plotly", "optuna"), [DOOR])


def test_counting_a_preset_needs_no_torch() -> None:
    code = "from analysis.counts.complexity import count; from archspace.presets import preset; import sys\n"
    code += "assert count(preset('espnet').spec).params == 364569; assert 'torch' not in sys.modules"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, timeout=60, check=True)
