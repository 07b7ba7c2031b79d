"""What can be wrong with what the user gave, answered within a second: before torch or optuna is imported.

Whatever is refused here is refused in the same words later, for those who call from Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from archspace.support.errors import FieldError, InputError, about

if TYPE_CHECKING:
    from archspace.spec.named import NamedNetwork
    from searches.config.study import StudyConfig
    from searches.config.training import TrainConfig


def check_device_name(name: str) -> None:
    """Refuses what is no name of a device to train on; whether the device is there is seen later.

    Raises:
        FieldError: with the names that there are.
    """
    if not re.fullmatch(r"cpu(:0)?|cuda(:\d+)?", name):
        raise FieldError("device", name, "unknown device", "cpu or cuda")


@contextmanager
def _asked_by_option() -> Iterator[None]:
    """Asks for data that nothing names by the option that does.

    Raises:
        FieldError: as it was raised, but of ``--data`` where ``data.root`` was missing.
    """
    try:
        yield
    except FieldError as error:
        if error.field != "data.root" or error.value is not None:
            raise
        raise FieldError("--data", None, f"is needed (data.root in a file): {error.rule}") from None


def check_study(study: StudyConfig, folder: Path, began: bool | None = None) -> None:
    """Refuses a study that could not be opened.

    Args:
        began: whether it runs already, somewhere; seen from its run folder if left out.

    Raises:
        InputError: the first thing that is wrong with its device, data, networks, space or run folder.
    """
    from analysis.devices.opening import open_device
    from analysis.store.runs import STUDY_FILE
    from searches.config.beginning import check_beginning
    from searches.config.data import TEXT
    from searches.config.space import check_space
    from searches.data.opening import check_text, request_of
    from searches.study.given import settled
    from searches.study.run_folder import check_folder

    check_device_name(study.device)
    given = settled(study)
    data = study.data
    if data.layout == TEXT:
        check_text(data)
    else:
        size = study.input_size
        wanted = partial(request_of, data, task=study.task, layout=data.layout, channels=data.channels)
        with _asked_by_option():
            wanted("train", size=data.input_size or size)
            wanted("val", size=size, crop=data.crop)
    if (folder / STUDY_FILE).is_file() if began is None else began:
        check_space(study.space, study.task)
    else:
        check_beginning(study)
    if study.judging.supernet is not None:
        from searches.supernet.covering import check_covered

        check_covered(given, study.judging.supernet)
    open_device(study.measure.device)
    check_storage(study.storage)
    check_folder(given, folder)
    check_known(study, folder)


def check_known(study: StudyConfig, folder: Path) -> None:
    """Refuses a predictor or a run that a study names where there is none.

    Raises:
        InputError: which.
    """
    from analysis.store.runs import KNOWN_FILE, read_run
    from searches.judging.latency import latency_predictor

    if study.judging.latency is not None:
        latency_predictor(study.judging.latency)
    if study.from_ is not None and not (folder / KNOWN_FILE).is_file():
        with about("from"):
            read_run(Path(study.from_))


def check_training(run: TrainConfig) -> None:
    """Refuses a training run that could not begin.

    Raises:
        InputError: the first thing that is wrong with its network, data, device or first weights.
    """
    from archspace.spec.archspec import ArchSpec
    from archspace.spec.naming import find_network, read_spec
    from searches.data.identify import TEXT
    from searches.data.opening import check_text, request_of
    from searches.training.layout import layout_for

    check_device_name(run.device)
    if run.spec is None:
        return
    spec = read_spec(run.spec) if isinstance(run.spec, str) else ArchSpec.from_dict(run.spec)
    layout, data = layout_for(spec.task, run.data), run.data
    if layout != TEXT:
        with _asked_by_option():
            request_of(
                data, "train", task=spec.task, layout=layout, size=data.input_size or spec.input_size,
                channels=spec.channels,
            )  # fmt: skip
    else:
        check_text(data)
    if run.init is not None:
        find_network(str(run.init), accept="weights", field="--init")


def check_joined(url: str) -> None:
    """Refuses a storage that there is not, as far as can be seen without asking a server.

    Raises:
        FieldError: with the reason.
    """
    from sqlalchemy.engine import make_url

    check_storage(url, "STORAGE_URL")
    path = url.removeprefix("journal://")
    if path == url:
        address = make_url(url)
        path = str(address.database) if address.get_backend_name() == "sqlite" else ""
    if path and not Path(path).is_file():
        raise FieldError(
            "STORAGE_URL", url, "no such storage", "that of 'archspace search STUDY --storage URL'"
        )


def check_kept(study: StudyConfig, folder: Path) -> None:
    """Refuses a run folder whose study has no storage, as far as can be seen without asking a server.

    Raises:
        InputError: with where it was looked for.
    """
    from analysis.store.listing import STORAGE

    if study.storage is not None:
        check_joined(study.storage)
    elif not (folder / STORAGE).is_file():
        raise InputError(
            f"{folder}: has no {STORAGE}: nothing of this study runs or can be resumed from here"
        )


def check_storage(url: str | None, field: str = "storage", like: str = "sqlite:///study.db") -> None:
    """Refuses a storage of a kind of database that there is not.

    Raises:
        FieldError: with the reason.
    """
    if url is None or url.startswith("journal://"):
        return
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        make_url(url).get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        reason = str(error).splitlines()[0]
        raise FieldError(field, url, f"cannot be opened: {reason}", like) from None


def check_int8(named: NamedNetwork, data: Path | None, layout: str | None, images: int | None) -> None:
    """Refuses INT8 of a network whose data are not known, and too few images to calibrate it.

    Raises:
        FieldError: with what would do.
    """
    from archspace.export.quantisation import LEAST_IMAGES
    from searches.training.layout import data_of, layout_for

    if images is not None and images < LEAST_IMAGES:
        raise FieldError("--calibrate", images, "too few images to calibrate INT8", LEAST_IMAGES)
    if named.spec is not None:
        layout_for(named.spec.task, data_of(named, data, layout))
