"""A study in optuna-dashboard: its storage served to a browser, with names for what it optimises."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from analysis.store.listing import STORAGE
from analysis.store.runs import STUDY_FILE
from archspace.support.errors import FieldError, InputError
from searches.config.study import StudyConfig, read_config
from searches.study.run_folder import name_objectives

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

log = logging.getLogger(__name__)

HOST = "127.0.0.1"


def require_dashboard() -> None:
    """Refuses what cannot be shown.

    Raises:
        InputError: the package is missing.
    """
    if find_spec("optuna_dashboard") is None:
        raise InputError("dashboard: needs the package optuna-dashboard: pip install 'archspace[dashboard]'")


def read_storage(folder: Path) -> tuple[StudyConfig, BaseStorage]:
    """Returns the study in a run folder and its storage; what was stored before objectives had names gets them.

    Raises:
        InputError: it is no run folder, or the storage has no such study.
    """
    if not (folder / STUDY_FILE).is_file():
        raise InputError(f"{folder}: not a run folder: it has no {STUDY_FILE}")
    config = read_config(str(folder / STUDY_FILE))
    if config.storage is None and not (folder / STORAGE).is_file():
        raise InputError(f"{folder}: has no {STORAGE}, which the dashboard reads")
    import optuna

    from searches.study.storage import open_storage

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = open_storage(config, folder)
    held = optuna.get_all_study_names(storage)
    names = [name for name in (config.name, f"{config.name}/given") if name in held]
    if not names:
        raise InputError(f"{folder}: its storage has no study called {config.name}")
    for name in names:
        study = optuna.load_study(study_name=name, storage=storage)
        if study.metric_names is None:
            name_objectives(study, config.objectives)
    return config, storage


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Keeps a line a request from the terminal."""
        log.debug(format, *arguments)


@contextmanager
def dashboard(folder: Path, port: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """Gives the address of a study's dashboard, and a function that serves it until it is interrupted.

    Args:
        folder: the run folder.
        port: of this machine alone; any free one if 0.

    Raises:
        InputError: the package is missing, the study cannot be read, or the port is taken.
    """
    require_dashboard()
    config, storage = read_storage(folder)
    import optuna_dashboard

    study_id = storage.get_study_id_from_name(config.name)
    app = optuna_dashboard.wsgi(storage)
    try:
        server = make_server(HOST, port, app, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        raise FieldError("--port", port, f"cannot be used: {error.strerror or error}", 0) from None

    def serve() -> None:
        with suppress(KeyboardInterrupt):
            server.serve_forever()

    try:
        yield f"http://{HOST}:{server.server_port}/dashboard/studies/{study_id}", serve
    finally:
        server.server_close()
