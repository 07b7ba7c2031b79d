"""What runs on a board is Python 3.6 and its standard library, in one folder."""

from __future__ import annotations

import ast
import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.devices.ssh_link import bundle
from tests.analysis.board.trees import NANO, iio

ROOT = Path(__file__).parents[3]
BOARD = ROOT / "analysis" / "board"
FILES = sorted(BOARD.glob("*.py"))
RUNTIME = {"ortrun.py": ("numpy", "onnxruntime")}
"""What a board must have for one runtime alone: imported where it runs, never with the module."""


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            yield node.module or ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_module_imports_the_standard_library_and_its_neighbours_alone(path: Path) -> None:
    for name in imported(path):
        top = name.split(".")[0]
        ours = name == "analysis.board" or name.startswith("analysis.board.")
        if top in RUNTIME.get(path.name, ()):
            continue
        assert ours or (top in sys.stdlib_module_names and top != "__future__"), f"{path.name} imports {name}"


@pytest.mark.parametrize("name", RUNTIME)
def test_a_runtime_is_imported_where_it_runs(name: str) -> None:
    module = ast.parse((BOARD / name).read_text(encoding="utf-8"))
    top = [alias.name for node in module.body if isinstance(node, ast.Import) for alias in node.names]
    assert not set(top) & set(RUNTIME[name])


def test_every_file_runs_on_python_3_6() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from vermin import main; main()",
            "-t=3.6-",
            "--no-tips",
            "--eval-annotations",
            str(BOARD),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def interpreters() -> list[str]:
    """This one, and the oldest that a board has if this machine has it."""
    places = [*sorted(Path.home().glob(".pyenv/versions/3.6*/bin/python3.6")), shutil.which("python3.6")]
    works = (
        str(place)
        for place in places
        if place and subprocess.run([place, "-c", ""], capture_output=True).returncode == 0
    )
    return [sys.executable, *itertools.islice(works, 1)]


@pytest.mark.parametrize("python", interpreters(), ids=lambda python: Path(python).name)
def test_the_sampler_runs_from_one_packed_file(python: str, tmp_path: Path) -> None:
    packed = tmp_path / "agent.pyz"
    packed.write_bytes(bundle())
    iio(tmp_path / "root", NANO)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from analysis.board import conditions, energy, sampling\n"
        "assert sampling.__file__.startswith(sys.argv[1])\n"
        "assert 'load_average' in conditions.conditions()\n"
        "s = sampling.Sampler(sys.argv[2], 0.01); s.start(); t = s.stop()\n"
        "print(t.error, t.total, len(t.times) > 1)"
    )
    done = subprocess.run(
        [python, "-I", "-S", "-c", code, str(packed), str(tmp_path / "root")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.stdout.strip() == "None ['POM_5V_IN'] True", done.stderr
