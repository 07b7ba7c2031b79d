"""The public names of the four packages: listed, documented, loaded on first use, and known to type checkers."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import analysis
import archspace
import reports
import searches

PACKAGES = (archspace, analysis, searches, reports)
HEAVY = ("torch", "optuna", "pandas", "plotly", "numpy", "sklearn", "onnx")


@pytest.mark.parametrize("package", [package.__name__ for package in PACKAGES])
def test_importing_a_package_imports_nothing_heavy(package: str) -> None:
    code = f"import sys, {package}; print(*({set(HEAVY)!r} & set(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=True
    )
    assert ran.stdout.strip() == ""


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_name_loads_is_documented_and_listed(package: object) -> None:
    names = package.__all__  # type: ignore[attr-defined]
    assert sorted(names) == names == dir(package)
    for name in names:
        value = getattr(package, name)
        assert getattr(package, name) is value
        if callable(value):
            assert inspect.getdoc(value), f"{name} has no docstring"
            assert value.__module__.split(".")[0] == package.__name__, name  # type: ignore[attr-defined]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_type_checkers_see_what_is_loaded(package: object) -> None:
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    declared = {
        alias.asname or alias.name: (node.module, alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    eager = {
        alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    } & set(package.__all__)  # type: ignore[attr-defined]
    assert set(declared) | eager == set(package.__all__)  # type: ignore[attr-defined]
    for name, (module, attribute) in declared.items():
        assert getattr(importlib.import_module(str(module)), attribute) is getattr(package, name)


def test_a_submodule_called_like_a_public_name_does_not_hide_it() -> None:
    importlib.import_module("archspace.export.export")
    importlib.import_module("archspace.build")
    assert callable(archspace.export) and callable(archspace.build)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'searches' has no attribute 'serch'"):
        searches.serch  # type: ignore[attr-defined]  # noqa: B018
