"""A study joined from any machine: all that it is comes from its storage, and what differs here is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.storages import BaseStorage

from archspace import __version__
from archspace.support.errors import FieldError, InputError, closest
from archspace.support.machine import machine_folder
from archspace.support.plugins import load_plugins, loaded_plugins
from searches.config.changes import changed
from searches.config.study import StudyConfig, parse_config
from searches.study.storage import JOURNAL, close_storage, storage_at

STUDY_ATTR, MADE_WITH_ATTR, HOME_ATTR = "study", "made with", "home"
OF_ONE_MACHINE = ("storage", "device", "workers", "plugins")
PACKAGES = ("archspace", "analysis", "searches")


@dataclass(frozen=True, slots=True)
class Role:
    """What a process does for a study.

    Attributes:
        home: whether its run folder is where everything comes together; another one sends what it makes.
        measures: whether it holds the device that the study measures on; one that does not leaves trials to one that
            does.
        trains: whether networks are trained here, and not by tasks in a cluster.
    """

    home: bool = True
    measures: bool = True
    trains: bool = True


HOME = Role()


@cache
def code() -> str:
    """Returns some letters that are other ones for other code of ours, whatever its version says."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        folder = Path(str(import_module(package).__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(folder)}".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def made_with() -> dict[str, Any]:
    """Returns what decides how a network is trained here, beside the study."""
    plugins = {one.module: one.version for one in loaded_plugins()}
    return {"archspace": __version__, "code": code(), "plugins": plugins}


def note_study(study: optuna.Study, config: StudyConfig, folder: Path) -> bool:
    """Keeps in the storage all that a worker on another machine needs to know.

    Returns:
        Whether the study was started in this run folder, so that all comes together in it.
    """
    fields = config.model_dump(mode="json", exclude=set(OF_ONE_MACHINE) - {"device"})
    for name, value in ((STUDY_ATTR, json.dumps(fields)), (MADE_WITH_ATTR, made_with())):
        if study.user_attrs.get(name) != value:
            study.set_user_attr(name, value)
    here = f"{machine_folder()}:{folder.resolve()}"
    if HOME_ATTR not in study.user_attrs:
        study.set_user_attr(HOME_ATTR, here)
    return bool(study.user_attrs[HOME_ATTR] == here)


def joined_study(url: str, name: str, changes: Mapping[str, Any]) -> StudyConfig:
    """Returns the study of a name in a storage, for this machine.

    Args:
        url: of the storage; a file that there is.
        name: of the study.
        changes: values that replace the study's, by dotted field (``data.root``, ``device``).

    Raises:
        InputError: the storage holds no such study, or it was begun with other code or plug-ins.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = _existing(url)
    try:
        names = [one for one in optuna.get_all_study_names(storage) if not one.endswith("/given")]
        if name not in names:
            nearest = closest(name, names) if names else "archspace search STUDY --storage URL"
            raise FieldError("NAME", name, "the storage has no study of this name", nearest)
        known = optuna.load_study(study_name=name, storage=storage).user_attrs
    finally:
        close_storage(storage)
    if STUDY_ATTR not in known:
        rule = "was begun by an earlier archspace; run 'archspace search' with this one where it was started"
        raise InputError(f"{name}: {rule}")
    fields = json.loads(known[STUDY_ATTR])
    same_code(name, known.get(MADE_WITH_ATTR) or {})
    return parse_config(changed(fields, {**changes, "storage": url}))


@contextmanager
def opened_studies(config: StudyConfig, folder: Path) -> Iterator[tuple[optuna.Study, optuna.Study]]:
    """Gives the Optuna studies of a run folder, its sampled and its given trials, to be looked at.

    Raises:
        InputError: the storage has none of this name.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = _existing(config.storage) if config.storage is not None else storage_at(None, folder)
    try:
        sampled, given = (
            optuna.load_study(study_name=name, storage=storage)
            for name in (config.name, f"{config.name}/given")
        )
        yield sampled, given
    except KeyError:
        raise InputError(f"{folder}: its storage has no study of the name {config.name}") from None
    finally:
        close_storage(storage)


def _existing(url: str) -> BaseStorage:
    """The storage of a URL; no tables are made where there are none."""
    if url.startswith(JOURNAL):
        return storage_at(url, Path())
    shown, nearest = address_without_password(url), "that of 'archspace search STUDY --storage URL'"
    try:
        engine = sqlalchemy.create_engine(url)
        there = sqlalchemy.inspect(engine).has_table("studies")
        engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise FieldError("STORAGE_URL", shown, f"cannot be opened: {reason}", nearest) from None
    if not there:
        raise FieldError("STORAGE_URL", shown, "holds no studies", nearest)
    return storage_at(url, Path())


def address_without_password(url: str) -> str:
    """Returns a storage's URL as it may be shown."""
    try:
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return url


def same_code(name: str, held: Mapping[str, Any]) -> None:
    """Refuses to work for a study that was begun with other code or plug-ins (:func:`made_with`).

    Raises:
        InputError: with what differs.
    """
    plugins = held.get("plugins") or {}
    load_plugins(plugins)
    here = made_with()
    differing = []
    if held.get("archspace") != here["archspace"]:
        differing.append(f"archspace {held.get('archspace')} there, {here['archspace']} here")
    elif held.get("code") != here["code"]:
        differing.append(
            f"archspace {here['archspace']} of other code ({held.get('code')} there, {here['code']} here)"
        )
    differing += [
        f"plug-in {module} {version or 'without version'} there, {here['plugins'].get(module) or 'none'} here"
        for module, version in plugins.items()
        if here["plugins"].get(module) != version
    ]
    if differing:
        rule = "install here what is there, or begin a study of another name"
        raise InputError(f"{name}: was made with {'; '.join(differing)}: {rule}")
