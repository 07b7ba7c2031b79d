"""The data of a run stay the data of the run: its fingerprint is kept in its folder, and other data are refused."""

from __future__ import annotations

import logging
from pathlib import Path

from analysis.store.fingerprint import DataFingerprint, read_fingerprint, write_fingerprint
from archspace.support.errors import InputError

log = logging.getLogger(__name__)


def kept_fingerprint(folder: Path, new: DataFingerprint, *, named: bool, began: bool) -> DataFingerprint:
    """Returns the fingerprint of the run in ``folder``, whose data must be the ``new`` ones; writes nothing.

    Args:
        folder: of a study or a training; it may not be there yet.
        new: of the data as they are now.
        named: the user says a name, which then holds.
        began: the run began before; one of an older archspace keeps no fingerprint.

    Raises:
        InputError: the run was made on other data; the message says what differs.
    """
    held = read_fingerprint(folder, items=True)
    if held is None:
        if began:
            log.warning(
                "%s: keeps no fingerprint of its data: whether they are the same is not known", folder
            )
        return new
    refuse_other_data(str(folder), held, new)
    return held if not named or held.name == new.name else new


def refuse_other_data(
    where: str, held: DataFingerprint, new: DataFingerprint, instead: str = ", or another --out"
) -> None:
    """Refuses data that are not those of a run; ``instead`` ends the line with what else could be done.

    Raises:
        InputError: they differ; the message says in what.
    """
    differing = held.compare(new)
    if differing:
        rule = f"give the data as they were{instead}"
        raise InputError(f"data: are not those that {where} was made on: {'; '.join(differing)}; {rule}")


def keep_fingerprint(folder: Path, fingerprint: DataFingerprint) -> None:
    """Writes the fingerprint into the folder of its run, where it is not there already."""
    held = read_fingerprint(folder)
    if held is None or held.to_dict() != fingerprint.to_dict():
        write_fingerprint(folder, fingerprint)
