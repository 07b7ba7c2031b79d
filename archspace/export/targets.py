"""For which machines the fastest form can be found. No torch."""

from __future__ import annotations

from numbers import Integral

from archspace.export.signature import ExportOptions
from archspace.support.errors import FieldError

TARGETS = ("cpu",)
MOST_THREADS = 256
"""Beyond what a system grants, OpenMP would end the whole program."""


def check_target(target: str, options: ExportOptions) -> None:
    """Refuses a machine that forms cannot be tried on, and INT8, which is no other form of the same answers.

    Raises:
        FieldError: it is not ``cpu``, or the precision is ``int8``.
    """
    if target not in TARGETS:
        raise FieldError("--for", target, "must be cpu: forms are tried on the machine at hand", "cpu")
    if options.int8:
        rule = "is not tried with --for, which keeps the answers; --format onnx,openvino says what it gains"
        raise FieldError("--precision", "int8", rule, "float32")


def check_threads(threads: int) -> int:
    """Returns the number of threads as a plain ``int``.

    Raises:
        FieldError: it is no whole number of 1 to :data:`MOST_THREADS`.
    """
    if not isinstance(threads, Integral) or not 1 <= threads <= MOST_THREADS:
        near = min(max(int(threads), 1), MOST_THREADS) if isinstance(threads, Integral) else 1
        raise FieldError("threads", threads, f"must be 1 to {MOST_THREADS}", near)
    return int(threads)
