"""The command line: help, version, and one line for whatever is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import typer

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


@pytest.mark.parametrize(
    ("words", "value", "command"),
    [
        (["screen", "digits", "--candidates", "-7"], "-7", "screen"),
        (["supernet", "search", "net", "--method", "nope"], "'nope'", "supernet search"),
        (["search", "--trials", "many"], "'many'", "search"),
        (["serch"], "serch", ""),
    ],
)
def test_a_wrong_option_is_named_with_its_value_and_the_help_of_its_command(
    words: list[str], value: str, command: str
) -> None:
    ran = archspace(*words)
    refused(ran, value, f"see '{' '.join(['archspace', *command.split(), '--help'])}'")
    assert "Value error" not in ran.stderr and "COMMAND" not in ran.stderr


def test_a_group_without_a_command_says_that_one_is_missing() -> None:
    ran = archspace("supernet")
    assert ran.returncode == 2 and "archspace: ;" not in ran.stderr
    assert ran.stderr.splitlines()[-1].endswith("see 'archspace supernet --help'")


@pytest.mark.slow
def test_a_process_of_its_own_says_the_same() -> None:
    """Nothing on the way to the operating system adds a line or changes the code."""
    words = ["cost", "espnetv4"]
    assert archspace_process(*words) == archspace(*words)
    assert archspace_process("--version").stdout == archspace("--version").stdout


def test_a_call_makes_its_own_command_alone_and_what_is_none_makes_all() -> None:
    from archspace.__main__ import make_app

    def made(*words: str) -> set[str]:
        command: Any = typer.main.get_command(make_app(words))
        return set(command.commands)

    every = made()
    assert made("cost", "espnet") == made("--plugin", "ghostkit", "cost") == {"cost"}
    assert made("--help") == made("serch") == made("data", "check") == every > {"cost", "search", "data"}


def test_every_command_stands_in_a_panel_and_the_panels_in_order() -> None:
    from archspace.__main__ import make_app
    from archspace.support.options import PANELS

    command: Any = typer.main.get_command(make_app())
    panels = {
        name: getattr(one, "rich_help_panel", None)
        for name, one in command.commands.items()
        if not one.hidden
    }
    assert set(panels.values()) == set(PANELS), panels
    shown = archspace("--help").stdout
    places = [shown.index(f"─ {panel} ─") for panel in PANELS]
    assert places == sorted(places)


def test_the_old_name_of_studies_works_but_is_not_shown() -> None:
    assert archspace("spaces", "--json").stdout == archspace("studies", "--json").stdout
    assert " spaces " not in archspace("--help").stdout


COMPLETE = """
import os, sys
sys.argv = ["archspace"]
from archspace.__main__ import main
try:
    main()
finally:
    heavy = {"torch", "optuna", "pandas", "plotly"} & set(sys.modules)
    print("HEAVY", *heavy, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("archspace mea", {"measure"}),
        ("archspace cost espnetv2-seg-1", {"espnetv2-seg-1.0", "espnetv2-seg-1.5"}),
        ("archspace search di", {"digits"}),
        ("archspace train espnetv2-0.5 --recipe cifar", {"cifar10"}),
        ("archspace cost runs/", set()),  # left to the shell, which completes files
    ],
)
def test_a_shell_completes_commands_and_names_without_heavy_packages(line: str, offered: set[str]) -> None:
    words = {"_ARCHSPACE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    ran = subprocess.run(
        [sys.executable, "-c", COMPLETE], env={**os.environ, **words},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    names = {name for name in ran.stdout.split() if name}
    assert offered <= names and (names or not offered), ran.stdout + ran.stderr
    assert all(name.startswith(line.rpartition(" ")[2]) for name in names)
    assert ran.stderr.strip() == "HEAVY", ran.stderr


def test_completion_is_offered_for_bash() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", COMPLETE], env={**os.environ, "_ARCHSPACE_COMPLETE": "source_bash"},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert "complete -o default" in shown.stdout and "archspace" in shown.stdout
