"""The command line: help, version, and one line for whatever is wrong."""

from __future__ import annotations

import pytest

from tests.commands import archspace, archspace_process, refused


def test_help_lists_every_command_and_version_is_printed() -> None:
    shown = archspace("--help")
    assert shown.returncode == 0
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
        assert f" {command} " in shown.stdout
    assert archspace("--version").stdout.strip().count(".") == 2


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
    refused(archspace(*words), part)


def test_a_process_of_its_own_says_the_same() -> None:
    """Nothing on the way to the operating system adds a line or changes the code."""
    words = ["cost", "espnetv4"]
    assert archspace_process(*words) == archspace(*words)
    assert archspace_process("--version").stdout == archspace("--version").stdout
