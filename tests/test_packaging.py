"""The wheel: complete, and at work in a folder and an environment that know nothing of the checkout."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("archspace", "analysis", "searches", "reports")
LEFT_OUT = ("__pycache__",)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the checkout, so that no build folder is left in it."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    options = ["--no-index", "--disable-pip-version-check", "--wheel-dir", str(out), str(source)]
    ran = subprocess.run([*command, *options], capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stderr
    (made,) = out.glob("*.whl")
    return made


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    """Also those that code opens: YAML, CSV, JSON, JavaScript, styles, pages and the marks of typed packages."""
    files = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and not set(LEFT_OUT) & set(path.parts)
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == files
    assert {f"{package}/py.typed" for package in PACKAGES} <= packed


def test_the_metadata_are_complete(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    data = email.message_from_bytes(archive.read(name))
    assert (data["Name"], data["License-Expression"]) == ("archspace", "MIT")
    assert data["Author"] == "archspace contributors"
    assert data["Summary"] and data["Keywords"] and data["Requires-Python"]
    classifiers = data.get_all("Classifier") or []
    assert "Typing :: Typed" in classifiers and "Programming Language :: Python :: 3.11" in classifiers
    assert not [classifier for classifier in classifiers if classifier.startswith("License ::")]
    assert data.get_payload().startswith("# archspace")  # type: ignore[union-attr]
    assert any(entry.endswith("/licenses/LICENSE") for entry in archive.namelist())


@pytest.mark.slow
def test_the_installed_wheel_works_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    """The dependencies are those of this environment; archspace itself is only what the wheel holds."""
    place, folder = tmp_path / "venv", tmp_path / "folder"
    folder.mkdir()
    venv.create(place, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # After the environment's own folder, and as a plain folder: editable installs there stay out of it.
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*words: str) -> str:
        start = "import sys; from archspace.__main__ import main; sys.argv[0] = 'archspace'; main()"
        command = [str(place / "bin" / "python"), "-I", "-c", start, *words]
        ran = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    located = subprocess.run(
        [str(place / "bin" / "python"), "-I", "-c", "import archspace; print(archspace.__file__)"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    assert Path(located.stdout.strip()).is_relative_to(site)
    assert "Design" in run("--help")
    assert '"params": 364569' in run("cost", "espnet", "--json", "--no-counters")
    assert "digits" in run("studies", "--json") and "cifar10" in run("recipes", "--json")
    assert "ESPNetv2" in run("tables", "segmentation", "--json")
    assert run("predict-tx2", "espnet", "--json")
    assert not list(folder.iterdir()) or {path.name for path in folder.iterdir()} == {"runs"}
