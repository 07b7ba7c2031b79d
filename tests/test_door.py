"""The command line's door: help, version, and one line for whatever is wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest


def _archspace(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "archspace", *words], capture_output=True, text=True, timeout=120, check=False
    )


def test_help_lists_every_command_and_version_is_printed() -> None:
    told = _archspace("--help")
    assert told.returncode == 0
    for command in (
        "search",
        "pareto",
        "export",
        "cost",
        "measure",
        "evaluate",
        "presets",
        "units",
        "show",
        "init",
    ):
        assert f" {command} " in told.stdout
    assert _archspace("--version").stdout.strip().count(".") == 2


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["cost", "espnet", "--classes", "x"], "'--classes'"),
        (["cost"], "SPEC"),
        (["serch"], "serch"),
        (["cost", "espnet", "--clases", "3"], "--clases"),
        (["cost", "espnetv4"], "nearest valid: espnet"),
        (["cost", "espnetv2-1.0", "--set", "branches=3"], "branches"),
        (["cost", "espnetv2-1.0", "--set", "unit=espp"], "unknown unit; nearest valid: esp"),
        (["search", "scenes", "--workers", "0"], "'--workers'"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(words: list[str], part: str) -> None:
    told = _archspace(*words)
    assert told.returncode == 2
    assert told.stdout == ""
    assert told.stderr.startswith("archspace: ") and told.stderr.count("\n") == 1, told.stderr
    assert part in told.stderr
