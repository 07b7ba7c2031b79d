"""What a study asks of a cluster, in the words that Slurm and Kubernetes have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from archspace.support.errors import FieldError

Head = Literal["postgresql", "ray"]
HEADS = ("postgresql", "ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A study on a cluster.

    Attributes:
        name: of the study.
        study: its file beside the script.
        text: what that file says: the study, complete, as it is to be begun.
        folder: the run folder, on a disk that all nodes reach.
        data: folder of the data set on the nodes, ``None`` for built-in data.
        storage: URL of the storage; ``None`` with a ``head``.
        head: what the job brings along: a PostgreSQL server, or the head of a Ray cluster.
        workers: how many at a time.
        cpus, gpus: of each.
        memory: of each, as ``16G``.
        hours: after which a worker is ended, and goes on in its place.
    """

    name: str
    study: Path
    text: str
    folder: Path
    data: Path | None = None
    storage: str | None = None
    head: Head | None = None
    workers: int = 4
    cpus: int = 1
    gpus: int = 0
    memory: str = "8G"
    hours: float = 4.0

    def check(self) -> None:
        """Refuses what no cluster can be asked for.

        Raises:
            FieldError: which.
        """
        if self.head is not None and self.head not in HEADS:
            raise FieldError("--head", self.head, "there is no such head", " or ".join(HEADS))
        if (self.storage is None) == (self.head is None):
            rule = (
                "a study on several machines needs a storage that all reach, or a head that brings one along"
            )
            raise FieldError(
                "--storage", self.storage, rule, "--head postgresql, or journal:///SHARED/study.log"
            )
        if self.storage is not None and self.storage.startswith("sqlite"):
            rule = "a SQLite file is for the processes of one machine"
            raise FieldError("--storage", self.storage, rule, "journal:///SHARED/study.log")
        if not re.fullmatch(r"[1-9]\d*[MGT]", self.memory):
            raise FieldError("--memory", self.memory, "must be a number of M, G or T", "16G")
        if not str(self.folder).isprintable():
            raise FieldError("--out", str(self.folder), "has to stand in one line of a script", "runs/scenes")

    @property
    def device(self) -> str:
        """Where networks are trained."""
        return "cuda" if self.gpus else "cpu"
