"""The engine's library: built once for this processor with the C++ compiler that is here, and opened."""

from __future__ import annotations

import ctypes
import functools
import math
import os
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspace.export.native.program import Program
from archspace.export.targets import check_threads
from archspace.support.compiled import built
from archspace.support.errors import InputError

SOURCES = tuple(
    Path(__file__).with_name(name) for name in ("engine.cpp", "checks.h", "crew.h", "tasks.h", "kernels.h")
)
FLAGS = ("-fopenmp-simd", "-pthread")


@functools.cache
def library() -> Any:
    """Returns the engine, built on first use and kept for this processor.

    Raises:
        InputError: there is no C++ compiler, or it cannot build the engine.
    """
    path = built("native", "engine", SOURCES, FLAGS)
    try:
        opened = ctypes.CDLL(str(path))
    except OSError as error:
        raise InputError(f"native: {error}; archspace cache clear native lets it be built again") from None
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    opened.native_open.argtypes, opened.native_open.restype = [pointer, number, pointer, number], pointer
    opened.native_problem.restype = ctypes.c_char_p
    opened.native_run.argtypes = [pointer, pointer, pointer, number, number]
    opened.native_run.restype = None
    opened.native_close.argtypes, opened.native_close.restype = [pointer], None
    opened.native_tasks.argtypes, opened.native_tasks.restype = [pointer], number
    opened.native_run_task.argtypes, opened.native_run_task.restype = [pointer, number], None
    opened.native_peak.restype = ctypes.c_double
    for name in ("native_lanes", "native_registers"):
        getattr(opened, name).restype = number
    return opened


def peak_macs() -> float:
    """Returns multiply-accumulates a second of one core at its best: its arithmetic floor, which no network beats."""
    return float(library().native_peak())


class Engine:
    """A network that is open in the engine; runs of several threads wait for each other, as its maps are the same.

    Args:
        program: for the lanes and registers of :func:`library`.
        shapes: of the outputs of one image, with the batch first.
        threads: within an operation, 1 to :data:`archspace.export.targets.MOST_THREADS`.

    Raises:
        FieldError: no such number of threads.
        InputError: the program asks for what is not there: it is no program, or its maps are larger than memory.
    """

    def __init__(self, program: Program, shapes: Sequence[tuple[int, ...]], threads: int = 1) -> None:
        self.threads = check_threads(threads)
        self._library, self.shapes = library(), tuple(shapes)
        self._lock = threading.Lock()
        _OPEN.add(self)
        code = np.ascontiguousarray(program.code, np.int64)
        weights = np.ascontiguousarray(program.weights, np.float32)
        self._handle = self._library.native_open(
            code.ctypes.data, len(code), weights.ctypes.data, len(weights)
        )
        if not self._handle:
            raise InputError(f"native: {self._library.native_problem().decode()}")
        inputs = 1 + int(code[1])  # numbers of the list of inputs, which follows the arena
        self._sizes = [int(size) for size in code[2 : 1 + inputs]]
        made = [int(size) for size in code[2 + inputs : 2 + inputs + int(code[1 + inputs])]]
        if made != [math.prod(shape[1:]) for shape in self.shapes]:
            raise InputError("native: the outputs have other sizes than their shapes")

    def run(
        self, inputs: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]] | None = None
    ) -> list[NDArray[Any]]:
        """Returns the outputs for inputs (N, C, H, W) of float32; ``outputs``, contiguous, are written to, where given.

        Raises:
            ValueError: there are more or fewer arrays, or they have other sizes.
        """
        given = [np.ascontiguousarray(one, np.float32) for one in inputs]
        batch = given[0].shape[0] if given else 0
        made = list(outputs or (np.empty((batch, *shape[1:]), np.float32) for shape in self.shapes))
        fits = [one.size for one in given] == [batch * size for size in self._sizes]
        fits &= [one.size for one in made] == [batch * math.prod(shape[1:]) for shape in self.shapes]
        if not fits or not all(one.dtype == np.float32 and one.flags.c_contiguous for one in made):
            raise ValueError("native: arrays of other sizes than the network's")
        pointers = [
            (ctypes.c_void_p * len(arrays))(*(one.ctypes.data for one in arrays)) for arrays in (given, made)
        ]
        with self._lock:
            self._library.native_run(self._handle, *pointers, batch, self.threads)
        return made

    def __reduce__(self) -> str:
        """Refuses to be copied or sent: its memory is the library's.

        Raises:
            TypeError: always.
        """
        raise TypeError("an engine of the native format cannot be copied; open its file again")

    def task_count(self) -> int:
        """Returns the number of operations that run."""
        return int(self._library.native_tasks(self._handle))

    def run_task(self, index: int) -> None:
        """Runs one operation again on this thread, on what lies in memory, for profiles; after :meth:`run`."""
        self._library.native_run_task(self._handle, index)

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.native_close(self._handle)
            self._handle = None


_OPEN: weakref.WeakSet[Engine] = weakref.WeakSet()


def _unlock() -> None:
    """Frees the engines of a forked process: the thread that ran one is not in it."""
    for engine in _OPEN:
        engine._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)
