"""The command line as a person runs it: in the test's own process, or, where that matters, in one of its own."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from archspace.__main__ import main

ROOT = Path(__file__).parents[1]
GENEROUS_S = 600.0
"""Longer than any command takes on a busy machine; only a hang lasts so long."""


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


def archspace(*words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Ran:
    """Runs ``archspace WORDS`` in this process; an exception that the command line does not expect passes through.

    Args:
        words: the command and its arguments.
        cwd: folder to run in; this one if left out.
        env: further environment variables.
    """
    out, err, code = StringIO(), StringIO(), 0
    with (
        _as_before(),
        patch.object(sys, "argv", ["archspace", *map(str, words)]),
        patch.dict(os.environ, env or {}),
        chdir(cwd or Path.cwd()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            assert end.code is None or isinstance(end.code, int), end.code
            code = end.code or 0
    return Ran(code, out.getvalue(), err.getvalue())


@contextmanager
def _as_before() -> Iterator[None]:
    """Takes back what a command leaves behind in its process: log handlers and the number of threads."""
    loggers = [logging.getLogger(name) for name in ("archspace", "analysis", "searches", "searches.tasks")]
    states = [(list(logger.handlers), logger.level, logger.propagate) for logger in loggers]
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch is not None else 0
    try:
        yield
    finally:
        for logger, (handlers, level, propagate) in zip(loggers, states, strict=True):
            for handler in set(logger.handlers) - set(handlers):
                handler.close()
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(level)
        if torch is not None:
            torch.set_num_threads(threads)


def command(*words: object) -> list[str]:
    """``archspace WORDS`` as a command of the operating system."""
    return [sys.executable, "-m", "archspace", *map(str, words)]


def environment(**more: str) -> dict[str, str]:
    """This process's environment, in which the checkout's packages are the first to be imported."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": paths, **more}


def archspace_process(*words: object, cwd: Path | None = None, **env: str) -> Ran:
    """Runs ``archspace WORDS`` in a process of its own."""
    ran = subprocess.run(
        command(*words), cwd=cwd, env=environment(**env), capture_output=True, text=True, check=False,
        timeout=GENEROUS_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def python(code: str, *arguments: object, cwd: Path = ROOT, **env: str) -> Ran:
    """Runs a program in an interpreter of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=cwd, env=environment(**env), capture_output=True,
        text=True, check=False, timeout=GENEROUS_S,
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def refused(result: Ran, *parts: str) -> None:
    """Asserts that bad input was answered with exit code 2 and one clear line that has these parts."""
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("archspace: "), result.stderr
    for part in parts:
        assert part in lines[0], (part, lines[0])


def printed(text: str) -> dict[str, Any]:
    """The JSON object that a command ended its standard output with; NaN is no JSON."""
    result = json.loads(text.strip().splitlines()[-1], parse_constant=pytest.fail)
    assert isinstance(result, dict)
    return result
