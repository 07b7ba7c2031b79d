"""Scripts and manifests checked by what would run them, where it is installed, and handed to it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from archspace.support.errors import InputError
from searches.cluster.kubernetes import Manifest, check_manifest
from searches.cluster.slurm import OPTIONS


def check_script(path: Path) -> str:
    """Checks a batch script; returns by what.

    Raises:
        InputError: what is wrong with it.
    """
    text = path.read_text(encoding="utf-8")
    for option in re.findall(r"^#SBATCH --([a-z-]+)", text, flags=re.MULTILINE):
        if option not in OPTIONS:
            raise InputError(f"{path}: --{option} is no option of sbatch that archspace writes")
    _run(["bash", "-n", str(path)], path)
    if shutil.which("sbatch") is None or _failed(["scontrol", "ping"]):
        return "its options and bash -n; no Slurm answers here"
    _run(["sbatch", "--test-only", str(path)], path)
    return "sbatch --test-only"


def check_manifests(path: Path, made: Sequence[Manifest]) -> str:
    """Checks manifests; returns by what.

    Raises:
        InputError: what is wrong with them.
    """
    for one in made:
        check_manifest(one)
    if shutil.which("kubectl") is None or _failed(["kubectl", "version", "--request-timeout=5s"]):
        return "the schema of Kubernetes 1.31; no cluster answers here"
    _run(["kubectl", "apply", "--dry-run=server", "-f", str(path)], path)
    return "kubectl apply --dry-run=server"


def submit(words: Sequence[str], path: Path) -> str:
    """Hands a file to a cluster; returns what it said.

    Raises:
        InputError: the program is missing, or refused it.
    """
    if shutil.which(words[0]) is None:
        raise InputError(f"{path}: is written; {words[0]} is not installed here: take it to where it is")
    return _run([*words, str(path)], path)


def _failed(words: Sequence[str]) -> bool:
    found = shutil.which(words[0])
    return found is None or subprocess.run(words, capture_output=True, check=False).returncode != 0


def _run(words: Sequence[str], path: Path) -> str:
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip().splitlines() or ["it said nothing"]
        raise InputError(f"{path}: {words[0]} refuses it: {said[-1]}")
    return ran.stdout.strip()
