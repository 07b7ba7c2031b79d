"""Where a result was made: the machine, the libraries, the commit and the command. No torch."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import archspace
from archspace.support.plugins import loaded_plugins

PACKAGES = ("torch", "numpy", "optuna", "onnxruntime", "pandas", "plotly")
CPU_INFO = Path("/proc/cpuinfo")


def environment(packages: tuple[str, ...] = PACKAGES) -> dict[str, Any]:
    """Returns what is needed to make a result again, as plain data.

    Returns:
        ``command`` as typed, ``commit`` of the checkout (``None`` outside one; a final ``+`` says that files differed
        from it), ``cpu``, ``cores`` that this process may use, ``system``, ``versions`` and, where there are some,
        ``plugins`` with theirs. No host or user names.
    """
    plugins = {one.module: one.version for one in loaded_plugins()}
    return {
        "command": shlex.join(["archspace", *sys.argv[1:]]),
        "commit": commit(),
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "archspace": archspace.__version__,
            "python": platform.python_version(),
            **{name: installed for name in packages if (installed := package_version(name)) is not None},
        },
        **({"plugins": plugins} if plugins else {}),
    }


def commit() -> str | None:
    """Returns the commit of the checkout that archspace runs from, with ``+`` where tracked files differ from it."""
    folder = Path(archspace.__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None
    head = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return None if head is None else head + ("+" if changed else "")


def package_version(name: str) -> str | None:
    """Returns the installed version of a distribution, or ``None``."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def cpu_model() -> str:
    """Returns the processor's model name, without serial numbers."""
    with contextlib.suppress(OSError):
        for line in CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model") and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unknown CPU"


def _git(folder: Path, *words: str) -> str | None:
    command = ["git", "-C", str(folder), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
