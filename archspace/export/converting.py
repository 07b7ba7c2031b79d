"""Converters of formats whose packages may be elsewhere: each a process of its own, which a crash does not leave.

What it is given and what it answers are files: see :mod:`archspace.export.workers.job`.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archspace.export.agreement import Agreement, ExportError
from archspace.export.environments import Extra
from archspace.export.formats.base import Source

WORKERS = Path(__file__).parent / "workers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a converter said.

    Attributes:
        version: of the runtime, or of the converter where there is none.
        said: everything.
        outputs: of each run, in order; empty where there is no runtime.
    """

    version: str
    said: dict[str, Any]
    outputs: list[tuple[Any, ...]]


def converted(source: Source, folder: Path, extra: Extra) -> Answer:
    """Returns what the converter ``workers/to_NAME.py`` answers, after it wrote its files into ``folder``.

    Raises:
        InputError: the packages are missing.
        ExportError: it cannot convert the network, or cannot run what it wrote.
    """
    import numpy as np
    import torch

    from archspace.export.quiet import quiet
    from archspace.export.workers.job import ANSWER, INPUTS, JOB, OUTPUTS, PROGRAM

    extra.check()
    with tempfile.TemporaryDirectory(prefix="archspace-export-") as name, quiet():
        place = Path(name)
        torch.export.save(source.program, place / PROGRAM)
        runs = [sample.inputs for samples in source.samples.values() for sample in samples]
        arrays = {f"{i}_{j}": x for i, run in enumerate(runs) for j, x in enumerate(run)}
        np.savez(place / INPUTS, **arrays)  # type: ignore[arg-type]
        job = {
            "folder": str(folder.absolute()), "metadata": dict(source.metadata), "half": source.options.half,
            "input_names": source.signature.input_names, "output_names": source.signature.output_names,
        }  # fmt: skip
        (place / JOB).write_text(json.dumps(job), encoding="utf-8")
        _convert(source, extra, place)
        said = json.loads((place / ANSWER).read_text(encoding="utf-8"))
        kept = np.load(place / OUTPUTS)
        count = len(source.signature.outputs)
        outputs = (
            [tuple(kept[f"{i}_{j}"] for j in range(count)) for i in range(len(runs))] if kept.files else []
        )
    return Answer(version=said["version"], said=said, outputs=outputs)


def _convert(source: Source, extra: Extra, place: Path) -> None:
    from archspace.export.program import named_operation

    script = str(WORKERS / f"to_{extra.name}.py")
    ran = subprocess.run(
        [str(extra.python), script, str(place)], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
    )  # fmt: skip
    if ran.returncode == 0:
        return
    lines = [line.strip() for line in ran.stderr.splitlines() if line.strip()]
    reason = (
        lines[-1][:300] if lines and ran.returncode > 0 else f"the converter ended with code {ran.returncode}"
    )
    where = named_operation(source.program, reason)
    raise ExportError(f"export: {extra.name}: {reason}{f' ({where})' if where else ''}; nothing was written")


def agreed(
    source: Source, answer: Answer, runtime: str, tolerance: float | None = None
) -> dict[str, Agreement]:
    """Returns the agreements of a converter's answers with torch.

    Raises:
        ExportError: an answer is beyond the tolerance.
    """
    from archspace.export.comparing import compared

    answers = iter(answer.outputs)
    return compared(source, lambda _: next(answers), runtime, version=answer.version, tolerance=tolerance)
