"""C++ of ours, built once for this processor with the compiler that is here, and kept. No torch."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from archspace.support.caches import CACHES, CacheKind
from archspace.support.errors import InputError
from archspace.support.files import cache_root, replacing
from archspace.support.locks import locked

FLAGS = ("-std=c++17", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC")
COMPILERS = ("g++", "c++")
BUILD_LIMIT_S = 600
FOLDER, LOCK = "native", ".lock"

CACHES.register(FOLDER)(
    CacheKind(
        about="C++ built for this processor: the engine of the export format native, kernels of training",
        paths=lambda root: (path for path in (root / FOLDER).glob("*") if path.suffix != LOCK),
        label=lambda path: path.name,
    )
)


def compiler() -> str | None:
    """Returns the C++ compiler that is taken; ``None`` where there is none."""
    named = os.environ.get("CXX")
    return (
        shutil.which(named)
        if named
        else next((path for one in COMPILERS if (path := shutil.which(one))), None)
    )


def missing_compiler() -> str:
    """Returns what to say where :func:`compiler` finds none."""
    named = os.environ.get("CXX")
    there = f"CXX names {named}, which is none" if named else "none is on the PATH"
    return f"needs a C++ compiler (g++), and {there}"


def built(name: str, library: str, sources: Sequence[Path], flags: Sequence[str] = ()) -> Path:
    """Returns the file of a library, built on first use and kept for this processor; one process builds, others wait.

    Args:
        name: of what it is for, which begins messages.
        library: what is built, which begins the file's name.
        sources: the file that is compiled, then those that it includes.
        flags: of the compiler beside :data:`FLAGS`.

    Raises:
        InputError: there is no C++ compiler, or it cannot build it.
    """
    flags = (*FLAGS, *flags)
    path = cache_root() / FOLDER / f"{library}-{_key(sources, flags)}.so"
    if not path.exists():
        command = compiler()
        if command is None:
            raise InputError(f"{name}: {missing_compiler()}")
        with contextlib.ExitStack() as held:
            with contextlib.suppress(OSError):  # without locks two may build it, and either is kept
                held.enter_context(locked(path.with_suffix(LOCK)))
            if not path.exists():
                _build(name, [command, *flags, str(sources[0])], path)
    return path


def _key(sources: Sequence[Path], flags: Sequence[str]) -> str:
    """Of sources, flags, compiler and processor: a library of one processor may not run on another."""
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.read_bytes())
    for text in (*flags, compiler() or "", platform.machine(), _processor()):
        digest.update(text.encode())
    return digest.hexdigest()[:16]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    words = ("model name", "flags", "Features", "CPU part")
    return "\n".join(next((line for line in lines if line.startswith(word)), "") for word in words)


def _build(name: str, command: Sequence[str], path: Path) -> None:
    for left in path.parent.glob(".*.part"):  # of builds that were killed
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > BUILD_LIMIT_S:
                left.unlink()
    with replacing(path) as made:
        try:
            done = subprocess.run(
                [*command, "-o", str(made)],
                capture_output=True, text=True, timeout=BUILD_LIMIT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise InputError(
                f"{name}: {command[0]} took more than {BUILD_LIMIT_S} s for {command[-1]}"
            ) from None
        if done.returncode:
            words = ("error", "No space left")
            lines = [line for line in done.stderr.splitlines() if any(word in line for word in words)]
            why = lines[0][:200] if lines else "the compiler failed"
            raise InputError(f"{name}: {command[-1]} cannot be built with {command[0]}: {why}")
