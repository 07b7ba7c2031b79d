"""The README's tour is run as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("section", "least"), [("Python in ten lines", 1), ("Five-minute tour", 4), ("Measuring", 1)]
)
def test_a_section_runs_as_printed(section: str, least: int, tmp_path: Path, cache_folder: Path) -> None:
    text = README.split(f"## {section}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```(sh|python)\n(.*?)```", text, flags=re.S)
    assert len(blocks) >= least
    for language, text in blocks:
        if language == "python":
            told = subprocess.run(
                [sys.executable, "-c", text],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            assert told.returncode == 0, told.stderr
            assert told.stdout.strip(), text
            assert "SpecError" not in text or "nearest valid" in told.stdout
            continue
        for line in text.strip().splitlines():
            assert line.startswith("archspace "), line
            command = [sys.executable, "-m", *line.split()]
            told = subprocess.run(
                command, cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False
            )
            assert told.returncode == 0, f"{line}\n{told.stderr}"


def test_every_file_that_the_readme_names_is_there() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / name).exists(), name
