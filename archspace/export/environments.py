"""Converters whose packages may live in environments of their own, and how they are run. No torch at import.

Their packages pin versions of their own, or are large; each is looked for here first, then in an environment below
the cache's folder, which sees our packages too. A converter runs as a process of its own, so that one that crashes
takes nothing with it.
"""

from __future__ import annotations

import json
import os
import re
import site
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspace.support.caches import CACHES, CacheKind
from archspace.support.errors import InputError
from archspace.support.files import cache_root

if TYPE_CHECKING:
    from archspace.export.formats.base import Source

FOLDER = "environments"
WORKERS = Path(__file__).parent / "workers"

CACHES.register(FOLDER)(
    CacheKind(
        about="environments of export formats whose packages fight ours (archspace export --install)",
        paths=lambda root: (root / FOLDER).glob("*"),
        label=lambda path: path.name,
        remade=False,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """The packages of a converter.

    Attributes:
        name: of the extra (``pip install "archspace[NAME]"``), of its environment, and of its format.
        modules: what is imported.
        requires: as pip writes it.
    """

    name: str
    modules: tuple[str, ...]
    requires: tuple[str, ...]

    @property
    def environment(self) -> Path:
        """Where its environment is, or would be."""
        return cache_root() / FOLDER / self.name

    @property
    def python(self) -> Path | None:
        """The Python that has its packages: that of its environment, else ours; ``None`` where neither has."""
        own = self.environment / "bin" / "python"
        if own.is_file() and (self.environment / "ready").is_file():
            return own
        return Path(sys.executable) if all(map(_importable, self.modules)) else None

    def check(self) -> None:
        """Refuse where the packages are missing.

        Raises:
            InputError: names the extra and what installs it.
        """
        if self.python is None:
            raise InputError(
                f"--format {self.name}: {' and '.join(self.modules)} cannot be imported; add --install, which puts "
                f'the extra into an environment of its own, or: pip install "archspace[{self.name}]"'
            )

    def install(self, say: Callable[[str], object]) -> None:
        """Make its environment, if nothing has its packages yet.

        Raises:
            InputError: pip cannot install them; its last line is in the message.
        """
        if self.python is not None:
            return
        say(f"installing {', '.join(self.requires)} into {self.environment}")
        _run([sys.executable, "-m", "venv", "--clear", str(self.environment)], self.name)
        python = str(self.environment / "bin" / "python")
        theirs = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        ours = dict.fromkeys(
            (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages())
        )
        (Path(theirs) / "archspace-packages.pth").write_text("\n".join(ours) + "\n", encoding="utf-8")
        _run([python, "-m", "pip", "install", "--quiet", *self.requires], self.name)
        (self.environment / "ready").touch()


def _importable(module: str) -> bool:
    return find_spec(module) is not None


def _run(command: Sequence[str], name: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        lines = [line for line in (ran.stderr or ran.stdout).splitlines() if line.strip()] or [
            "no reason given"
        ]
        raise InputError(f"--install: {name}: {lines[-1].strip()}")


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
    from archspace.export.agreement import ExportError
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


def agreed(source: Source, answer: Answer, runtime: str, tolerance: float | None = None) -> Any:
    """Returns the agreements of a converter's answers with torch.

    Raises:
        ExportError: an answer is beyond the tolerance.
    """
    from archspace.export.agreement import compared

    answers = iter(answer.outputs)
    return compared(source, lambda _: next(answers), runtime, version=answer.version, tolerance=tolerance)
