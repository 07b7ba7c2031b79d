"""A folder of the user's own that is called like a package of ours is named in one line, whatever starts Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def python(folder: Path, *words: str, path: str = "") -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(entry for entry in (path, str(ROOT)) if entry)
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def hiding(folder: Path, name: str) -> Path:
    """A package of the user's that must never be run."""
    made = folder / name
    made.mkdir(parents=True)
    (made / "__init__.py").write_text("raise SystemExit('the user\\'s own package was run')\n")
    return made


@pytest.mark.parametrize("name", ["analysis", "searches", "reports"])
def test_the_command_line_names_the_folder_and_a_way_out(name: str, tmp_path: Path) -> None:
    place = hiding(tmp_path, name)
    ran = python(tmp_path, "-m", "archspace", "studies")
    assert ran.returncode == 2 and ran.stdout == ""
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert f"{place}: hides archspace's own package '{name}'" in ran.stderr
    assert f"start from another folder than {tmp_path}" in ran.stderr


def test_a_folder_on_pythonpath_is_to_be_taken_out_of_it(tmp_path: Path) -> None:
    hiding(tmp_path / "mine", "reports")
    ran = python(tmp_path, "-m", "archspace", "--version", path=str(tmp_path / "mine"))
    assert ran.returncode == 2
    assert f"take {tmp_path / 'mine'} out of PYTHONPATH" in ran.stderr


def test_a_single_file_hides_a_package_too(tmp_path: Path) -> None:
    (tmp_path / "analysis.py").write_text("raise SystemExit(1)\n")
    ran = python(tmp_path, "-m", "archspace", "cost", "espnet", "--no-counters")
    assert ran.returncode == 2
    assert f"{tmp_path / 'analysis.py'}: hides" in ran.stderr


@pytest.mark.parametrize(
    "statement", ["from searches import search", "import reports; reports.front('runs/x')"]
)
def test_a_public_name_says_so_from_a_notebook(statement: str, tmp_path: Path) -> None:
    place = hiding(tmp_path, "analysis")
    ran = python(tmp_path, "-c", statement)
    assert f"InputError: {place}: hides archspace's own package 'analysis'" in ran.stderr.splitlines()[-1]


def test_folders_that_hide_nothing_are_no_matter(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "june.txt").write_text("")
    assert python(tmp_path, "-m", "archspace", "--version").returncode == 0
    hiding(tmp_path, "searches")
    ran = python(tmp_path, "-c", "import archspace; print(archspace.ArchSpec('espnet').label)")
    assert ran.returncode == 0, ran.stderr
