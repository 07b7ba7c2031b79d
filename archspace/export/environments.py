"""Packages of converters that may live in environments of their own. No torch.

Their packages pin versions of their own, or are large; each is looked for here first, then in an environment below
the cache's folder, which sees our packages too.
"""

from __future__ import annotations

import site
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from archspace.support.caches import CACHES, CacheKind
from archspace.support.errors import InputError
from archspace.support.files import cache_root

FOLDER = "environments"

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
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a dotted name the package itself is missing
        return False


def _run(command: Sequence[str], name: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        lines = [line for line in (ran.stderr or ran.stdout).splitlines() if line.strip()] or [
            "no reason given"
        ]
        raise InputError(f"--install: {name}: {lines[-1].strip()}")
