"""What a worker on another machine leaves of a trial: weights and curves, sent to where the study was started.

They go through a folder that all machines reach (any address that fsspec opens: a path, ``s3://``, ``gs://``), or,
where the study names none, through its database in pieces, or through a folder beside its journal file.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy
from optuna.storages import BaseStorage

from analysis.store.runs import RECORD_FILE
from archspace.support.errors import FieldError, InputError
from archspace.support.files import replacing
from searches.config.study import StudyConfig
from searches.study.leases import LOCK_FILE, OWNER_FILE
from searches.study.outages import enduring
from searches.study.storage import JOURNAL
from searches.study.tables import TableStorage
from searches.training.resume import STATE_FILE

log = logging.getLogger(__name__)

OWN = frozenset({LOCK_FILE, OWNER_FILE, RECORD_FILE})
"""Files of a trial's folder that are of one machine, or come from the storage."""

PIECE_BYTES = 4 << 20
"""The largest piece of a file in a database; servers refuse larger statements."""


class Files(Protocol):
    """Where trials' files are for all machines."""

    def push(self, label: str, folder: Path) -> None:
        """Sends what is in a trial's folder."""

    def pull(self, label: str, folder: Path, *, anew: bool = False) -> None:
        """Fetches what was sent of a trial and is not in its folder yet; ``anew``, also what is there already."""


def files_of(config: StudyConfig, storage: BaseStorage) -> Files | None:
    """Returns where a study's machines leave their files; ``None`` for a study in its run folder alone.

    Raises:
        FieldError: there is no such place, or a package for it is missing.
    """
    if config.artifacts is not None:
        return FolderFiles(config.artifacts, config.name)
    if config.storage is None:
        return None
    if config.storage.startswith(JOURNAL):
        return FolderFiles(f"{config.storage.removeprefix(JOURNAL)}.files", config.name)
    assert isinstance(storage, TableStorage)
    return TableFiles(storage.engine, config.name)


def _sent(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.glob("*"))
        if path.is_file() and path.name not in OWN and not path.name.startswith(".")
    ]


class FolderFiles:
    """Files in a folder that all machines reach.

    Args:
        url: of the folder, as fsspec opens it.
        study: its name.
    """

    def __init__(self, url: str, study: str) -> None:
        import fsspec

        try:
            self._system, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise FieldError("artifacts", url, f"cannot be opened: {reason}", "/mnt/shared/studies") from None
        self._root = f"{root.rstrip('/')}/{study}"

    def push(self, label: str, folder: Path) -> None:
        """See :class:`Files`."""
        place, sent = f"{self._root}/{label}", _sent(folder)
        for path in sent:
            self._system.makedirs(place, exist_ok=True)
            part = f"{place}/.{path.name}.{uuid.uuid4().hex}"
            self._system.put_file(str(path), part)
            self._system.mv(part, f"{place}/{path.name}")
        if self._system.exists(f"{place}/{STATE_FILE}") and STATE_FILE not in {path.name for path in sent}:
            self._system.rm_file(f"{place}/{STATE_FILE}")

    def pull(self, label: str, folder: Path, *, anew: bool = False) -> None:
        """See :class:`Files`."""
        place = f"{self._root}/{label}"
        with suppress(FileNotFoundError):
            for name in sorted(path.rpartition("/")[2] for path in self._system.ls(place, detail=False)):
                if not name.startswith(".") and (anew or not (folder / name).exists()):
                    with replacing(folder / name) as temporary:
                        self._system.get_file(f"{place}/{name}", str(temporary))


_METADATA = sqlalchemy.MetaData()
_PIECES = sqlalchemy.Table(
    "archspace_files", _METADATA,
    sqlalchemy.Column("study", sqlalchemy.String(160), primary_key=True),
    sqlalchemy.Column("label", sqlalchemy.String(64), primary_key=True),
    sqlalchemy.Column("name", sqlalchemy.String(96), primary_key=True),
    sqlalchemy.Column("piece", sqlalchemy.Integer, primary_key=True, autoincrement=False),
    sqlalchemy.Column("content", sqlalchemy.LargeBinary(2**32 - 1), nullable=False),
)  # fmt: skip


class TableFiles:
    """Files in a table of the study's database.

    Args:
        engine: of the database.
        study: its name.
    """

    def __init__(self, engine: sqlalchemy.Engine, study: str) -> None:
        self._engine, self._study = engine, study
        try:
            _METADATA.create_all(engine)
        except sqlalchemy.exc.DBAPIError:  # another process makes it at this moment
            _METADATA.create_all(engine)

    def _of(self, label: str) -> Any:
        return (_PIECES.c.study == self._study) & (_PIECES.c.label == label)

    def push(self, label: str, folder: Path) -> None:
        """See :class:`Files`; they are there all at once."""
        rows: dict[str, Any] = {"study": self._study, "label": label}
        with self._engine.begin() as connection:
            connection.execute(sqlalchemy.delete(_PIECES).where(self._of(label)))
            for path in _sent(folder):
                for piece, content in enumerate(_pieces(path)):
                    values = {**rows, "name": path.name, "piece": piece, "content": content}
                    connection.execute(sqlalchemy.insert(_PIECES), values)

    def pull(self, label: str, folder: Path, *, anew: bool = False) -> None:
        """See :class:`Files`."""
        with self._engine.connect() as connection:
            names = connection.scalars(
                sqlalchemy.select(_PIECES.c.name).where(self._of(label), _PIECES.c.piece == 0)
            )
            for name in sorted(names):
                if Path(name).name != name or ((folder / name).exists() and not anew):
                    continue
                pieces = sqlalchemy.select(_PIECES.c.content).where(self._of(label), _PIECES.c.name == name)
                with replacing(folder / name) as temporary, temporary.open("wb") as file:
                    for content in connection.scalars(pieces.order_by(_PIECES.c.piece)):
                        file.write(content)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield file.read(PIECE_BYTES)
        while content := file.read(PIECE_BYTES):
            yield content


PAUSES_S = (1.0, 5.0, 15.0)
"""Between two tries to reach a shared folder; a database is waited for as long as it is for anything else."""


def pushed(files: Files, label: str, folder: Path) -> None:
    """Sends a trial's files; a place that cannot be reached for a while is waited for, then said: it costs no trial.

    Raises:
        InputError: the folder cannot be read, or the database does not answer for minutes.
    """
    error = _reached(lambda: files.push(label, folder))
    if error is not None:
        log.warning("trial %s: its files could not be sent (%s); they are in %s", label, _line(error), folder)


def pulled(files: Files, label: str, folder: Path, *, anew: bool = False) -> None:
    """Fetches a trial's files; a place that cannot be reached for a while is waited for, then said.

    Args:
        anew: also those that are in its folder, since another machine may have gone on with the trial.

    Raises:
        InputError: the folder cannot be written, or the database does not answer for minutes.
    """
    error = _reached(lambda: files.pull(label, folder, anew=anew))
    if error is not None:
        log.warning("trial %s: its files could not be fetched (%s)", label, _line(error))


def _reached(call: Callable[[], None]) -> Exception | None:
    """Why a place was not reached, after some tries; ``None`` where it was."""
    for pause in (*PAUSES_S, None):
        try:
            enduring(call)
        except InputError:
            raise
        except Exception as error:  # of any file system's or database's driver
            if pause is None:
                return error
            time.sleep(pause)
        else:
            return None
    raise AssertionError("the last try returns")


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
