"""What the processes of a study share it through."""

from __future__ import annotations

from dataclasses import dataclass

from searches.study.files import Files
from searches.study.leases import LEASE_S


@dataclass(frozen=True, slots=True)
class Sharing:
    """What the processes of a study share it through.

    Attributes:
        storage: what the study is in, as :func:`searches.study.storage.open_storage` returns it.
        lease_s: how long a claim lasts that is not renewed.
        files: where the files of trials are for all machines of the study.
        sends: whether this one sends the files of its trials there.
    """

    storage: object = None
    lease_s: float = LEASE_S
    files: Files | None = None
    sends: bool = False


ALONE = Sharing()
