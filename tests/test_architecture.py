"""docs/ARCHITECTURE.md says what is so: its tables of folders, and its block of rules."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from archspace.support.lazy import home_of

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/ARCHITECTURE.md").read_text(encoding="utf-8")
PACKAGES = ("archspace", "analysis", "searches", "reports")
TORCH = ("torch", "torchvision", "fvcore", "thop", "torchmetrics", "safetensors")


@pytest.fixture(scope="module")
def rules() -> dict[str, Any]:
    block = re.search(r"```yaml\n(# Read by tests/test_architecture\.py\..*?)```", PAGE, re.S)
    assert block, "the page has its block of rules"
    return dict(yaml.safe_load(block[1]))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


@cache
def imports(name: str) -> frozenset[str]:
    """Modules that a module imports anywhere: ours by their own name, others by what the statement says."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    imported = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            names = {f"{base}.{alias.name}" for alias in node.names}
            imported.update(one if one in MODULES else base for one in names)
    return frozenset(imported)


def below(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}.")


def ours(name: str) -> Iterator[str]:
    """Modules of our other packages that a module imports."""
    own = name.split(".")[0]
    yield from (one for one in imports(name) if one.split(".")[0] in {*PACKAGES, "tests"} - {own})


def test_the_tables_name_every_folder_of_code_and_no_other() -> None:
    named = set(re.findall(r"^\| `((?:\w+/)+)` \|", PAGE, re.M))
    folders = {
        f"{path.parent.relative_to(ROOT).as_posix()}/"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.parent != ROOT / package
    }
    assert named == folders


def test_every_file_that_the_page_names_is_there() -> None:
    for name in re.findall(r"`((?:archspace|analysis|searches|reports|tests|docs)/[\w./]+)`", PAGE):
        assert (ROOT / name).exists(), name


@pytest.mark.slow
def test_packages_import_what_the_rules_allow(rules: dict[str, Any]) -> None:
    allowed, everywhere = rules["may_import"], rules["may_import_all"]
    assert set(allowed) == set(PACKAGES)
    wrong = [
        f"{name} imports {one}"
        for name in MODULES
        if name not in everywhere
        for one in ours(name)
        if not any(below(one, folder) for folder in allowed[name.split(".")[0]])
        # The lazy public names of a package, when they stand for something that is allowed.
        and not (one == "archspace" and name.startswith("reports."))
    ]
    assert not wrong


def test_reports_take_only_light_names_from_the_top_of_archspace(rules: dict[str, Any]) -> None:
    folders = rules["may_import"]["reports"]
    for name in (name for name in MODULES if name.startswith("reports")):
        for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "archspace":
                for alias in node.names:
                    home, _ = home_of("archspace", alias.name)
                    assert any(below(home, folder) for folder in folders), f"{name}: {alias.name}"


def test_optuna_stays_where_the_rules_say(rules: dict[str, Any]) -> None:
    users = {name for name in MODULES for one in imports(name) if one.split(".")[0] == "optuna"}
    assert users
    assert not [name for name in users if not any(below(name, one) for one in rules["optuna_only_in"])]


def test_what_goes_to_a_board_needs_the_standard_library_alone(rules: dict[str, Any]) -> None:
    known = sys.stdlib_module_names
    guarded = {"numpy", "onnxruntime"}  # looked for on the board, and reported where they are missing
    for folder in rules["standard_library_only"]:
        for name in (name for name in MODULES if below(name, folder)):
            for one in imports(name):
                assert below(one, folder) or one.split(".")[0] in known | guarded, f"{name} imports {one}"


@pytest.mark.slow
def test_light_modules_import_no_torch(rules: dict[str, Any]) -> None:
    names = [name for name in MODULES if any(below(name, one) for one in rules["without_torch"])]
    assert all(any(below(name, one) for name in MODULES) for one in rules["without_torch"])
    code = f"""
import importlib, sys
from importlib.abc import MetaPathFinder
class Wall(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {TORCH!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Wall())
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        print(name, "imports", error)
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert ran.stdout == ""


def test_files_stay_few_at_the_top_and_short(rules: dict[str, Any]) -> None:
    for package, most in rules["files_at_top"].items():
        loose = [path.name for path in (ROOT / package).glob("*.py") if not path.name.startswith("__")]
        assert len(loose) <= most, f"{package}: {loose}"
    for name, path in MODULES.items():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= rules["longest_file"], f"{name} has {lines} lines"
