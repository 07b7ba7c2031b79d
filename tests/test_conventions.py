"""The rules of DESIGN.md and STYLE.md about files; a new file is held to them without being named here."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.commands import ROOT
from tests.sources import MODULES, PACKAGES, imports, tree

LONGEST = 300
LOOSE = {"archspace": 8}
"""The most files that lie at a package's top level; four where nothing is said."""

TESTS = sorted((ROOT / "tests").rglob("*.py"))


def test_a_module_has_a_docstring() -> None:
    assert not [name for name, path in MODULES.items() if not ast.get_docstring(tree(path))]


def test_a_module_fits_on_a_few_screens() -> None:
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert not {name: n for name, n in lines.items() if n > LONGEST}


def _rude(name: str) -> Iterator[str]:
    for node in ast.walk(tree(MODULES[name])):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"{name}:{node.lineno}: bare except"
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("exit", "quit")
        ):
            yield f"{name}:{node.lineno}: {node.func.id}()"


def test_no_module_leaves_the_program_or_swallows_everything() -> None:
    assert not [line for name in MODULES for line in _rude(name)]


def test_yaml_is_read_and_written_in_one_place() -> None:
    """PyYAML alone takes a key twice, and ``on`` for true."""
    home = "archspace.support.yaml_text"
    assert [name for name, path in MODULES.items() if "yaml" in imports(path)] == [home]


def test_a_package_is_rooms_and_few_loose_files() -> None:
    loose = {package: sorted(path.name for path in (ROOT / package).glob("*.py")) for package in PACKAGES}
    assert not {package: names for package, names in loose.items() if len(names) > LOOSE.get(package, 4)}


def test_tests_have_the_folders_of_the_packages() -> None:
    folders = {path.parent.relative_to(ROOT / "tests") for path in TESTS}
    assert not [
        str(folder) for folder in folders if folder.parts[:1] in {(p,) for p in PACKAGES}
        and not (ROOT / folder).is_dir()
    ]  # fmt: skip


@pytest.mark.slow
def test_test_files_do_not_import_one_another() -> None:
    """What several need stands in a module of its own, which is no test."""
    assert not [
        f"{path.relative_to(ROOT)} imports {dotted}"
        for path in TESTS
        for dotted in imports(path)
        if dotted.startswith("tests.") and any(part.startswith("test_") for part in dotted.split(".")[:-1])
    ]
