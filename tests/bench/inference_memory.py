"""The memory that one form needs to be opened and to run, in a process of its own; prints megabytes. Linux alone."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from archspace.export.cpu_forms import CPU_FORMS
from archspace.export.flat import INPUT_NAME, OUTPUT_NAME
from archspace.export.onnx_model import open_session  # noqa: F401  (its imports are not the form's)
from archspace.export.signature import Port, Signature


def status(field: str) -> float:
    """A size of this process in megabytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def main() -> None:
    """Opens the form that lies in a folder and runs it twice."""
    form, folder, threads, *shape = sys.argv[1:]
    image, scores = Port(name=INPUT_NAME, shape=tuple(map(int, shape))), Port(name=OUTPUT_NAME, shape=())
    source = cast(Any, SimpleNamespace(signature=Signature((image,), (scores,))))
    x = np.zeros([int(side) for side in shape], np.float32)
    if form == "openvino":
        import openvino  # noqa: F401
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the highest size counts from now on
    before = status("VmRSS")
    run = CPU_FORMS[form](source, Path(folder), int(threads))
    for _ in range(2):
        run((x,))
    print(status("VmHWM") - before)


if __name__ == "__main__":
    main()
